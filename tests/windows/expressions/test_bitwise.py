"""The tables of the pages bitwise-and, -or, -xor and -not of the reference, and what they leave open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.values import BIGINT_LEAST, BIGINT_MOST, RowError

from ..support.evaluate import compiled, row, same, value_of

BIGINTS = st.integers(BIGINT_LEAST, BIGINT_MOST)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("170 & 75", 10),
        ("170 | 75", 235),
        ("170 ^ 75", 225),
        ("~170", -171),
        ("~~170", 170),
        ("bit0 & bit1", False),
        ("bit1 & bit1", True),
        ("bit0 | bit1", True),
        ("bit1 ^ bit1", False),
        ("bit1 ^ bit0", True),
        ("~bit0", True),
        ("~bit1", False),
        ("bit1 & 3", 1),
        ("2 | bit1", 3),
        ("none & 1", None),
        ("1 | none", None),
        ("none ^ none", None),
        ("~none", None),
        # As in T-SQL: ~ is strongest, then * / %, then + - & ^ | from left to right
        ("1 | 2 * 2", 5),
        ("1 + 2 & 2", 2),
        ("6 & 3 + 1", 3),
        ("2 & 3 | 8 ^ 8", 2),
        ("8 ^ 8 | 2 & 3", 2),
        ("~1 * 2", -4),
        ("- ~1", 2),
        ("CASE WHEN 5 & 4 > 0 THEN 1 END", 1),
    ],
)
def test_bits(text: str, result: Any) -> None:
    assert same(value_of(text, bit0=False, bit1=True), result)


@pytest.mark.parametrize("text", ["a & 1", "1 | a", "a ^ a", "~a"])
@pytest.mark.parametrize("value", [75.0, "75", [], {}])
def test_other_types_are_refused(text: str, value: Any) -> None:
    with pytest.raises(RowError, match=r"takes bigint and bit, not .*: CAST\(\.\.\. AS bigint\)"):
        compiled(text)(row(a=value))


def test_a_constant_of_another_type_is_the_query_s_fault() -> None:
    with pytest.raises(QueryError, match=r"^1:12: & takes bigint and bit, not float"):
        compiled("170 & 75.0")


@given(BIGINTS, BIGINTS)
def test_no_result_is_outside_a_bigint(a: int, b: int) -> None:
    for text in ("a & b", "a | b", "a ^ b", "~a"):
        assert BIGINT_LEAST <= compiled(text)(row(a=a, b=b)) <= BIGINT_MOST

    assert compiled("(a & b) + (a | b) - a - b")(row(a=a // 2, b=b // 2)) == 0
    assert compiled("a ^ b ^ b")(row(a=a, b=b)) == a
