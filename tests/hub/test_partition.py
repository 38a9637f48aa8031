from __future__ import annotations

import pytest

from pipeline.hub.partition import key_hash, partition_of

# From the unit tests of the .NET, Java and JavaScript SDKs, but for the last, which is those SDKs' answer to a key
# that is not ASCII (the Python SDK's differs).
VECTORS = {
    "7": -15263,
    "131": 30562,
    "7149583486996073602": 12977,
    "FWfAT": -22341,
    "sOdeEAsyQoEuEFPGerWO": -6503,
    "FAyAIctPeCgmiwLKbJcyswoHglHVjQdvtBowLACDNORsYvOcLddNJYDmhAVkbyLOrHTKLneMNcbgWVlasVywOByANjs": 5226,
    "1XYM6!(7(lF5wq4k4m*e$Nc!1ezLJv*1YK1Y-C^*&B$O)lq^iUkG(TNzXG;Zi#z2Og*Qq0#^*k):vXh$3,C7We7%W0meJ;b3,rQCg^J;^twXgs5E$$"
    "hWKxqp": 23950,
    "E(x;RRIaQcJs*P;D&jTPau-4K04oqr:lF6Z):ERpo&;9040qyV@G1_c9mgOs-8_8/10Fwa-7b7-yP!T-!IH&968)FWuI;(^g$2fN;)HJ^^yTn"
    ":": -29304,
    "!c*_!I@1^c": 15372,
    "p4*!jioeO/z-!-;w:dh": -3104,
    "$0cb": 26269,
    "-4189260826195535198": 453,
    "alphabet": -23478,
    "": 0,
    "é": -24812,
}


@pytest.mark.parametrize(("key", "expected"), VECTORS.items())
def test_hash_is_the_service_s(key: str, expected: int) -> None:
    assert key_hash(key) == expected


@pytest.mark.parametrize(
    ("key", "partitions", "expected"),
    [
        pytest.param("7", 4, 3, id="a negative hash truncates towards zero"),
        pytest.param("131", 4, 2, id="a positive hash"),
        pytest.param("7", 32, 31, id="32 partitions"),
        pytest.param("alphabet", 11, 4, id="a count that is not a power of two"),
        pytest.param("", 4, 0, id="the empty key"),
    ],
)
def test_partition_of_a_key(key: str, partitions: int, expected: int) -> None:
    assert partition_of(key, partitions) == expected
