"""Which columns of its inputs a query reads."""

from __future__ import annotations

import pytest

from pipeline.windows.planning.columns import columns_read

from ..support.run import planned

#: A part of the language -> a query, and the columns that it reads of each input.
READ = {
    "items, WHERE and records": ("SELECT a.b AS c, i.d FROM I i WHERE e = 1", {"I": "a d e"}),
    "each once, whatever the case": ("SELECT x, X AS y FROM I WHERE x > 1", {"I": "x X"}),
    "a star of a record": ("SELECT r.* FROM I", {"I": "r"}),
    "times": ("SELECT * FROM I TIMESTAMP BY t OVER k", {"I": "t k"}),
    "a window": (
        "SELECT SUM(a) FROM I GROUP BY b, SessionWindow(second, 1, 2) OVER (PARTITION BY c) HAVING MAX(d) > 1",
        {"I": "a b c d"},
    ),
    "analytic functions": (
        "SELECT a, LAG(b) OVER (PARTITION BY c LIMIT DURATION(second, 1) WHEN d = 1) AS l FROM I WHERE e = 1",
        {"I": "a b c d e"},
    ),
    "a join": (
        "SELECT a.p, b.q FROM A a JOIN B b ON a.k = b.l AND DATEDIFF(second, a, b) BETWEEN 0 AND 1 AND a.m < b.n",
        {"A": "p k m", "B": "q l n"},
    ),
    "three sources": (
        "SELECT c.x FROM A a JOIN B b ON DATEDIFF(second, a, b) BETWEEN 0 AND 1 "
        "JOIN C c ON b.y = c.z AND DATEDIFF(second, a, c) BETWEEN 0 AND 1",
        {"A": "", "B": "y", "C": "x z"},
    ),
    "not those of reference data": ("SELECT a.x, r.y FROM A a JOIN R r ON a.k = r.k", {"A": "x k"}),
    "not those of elements": (
        "SELECT e.x, f.ArrayValue.y FROM I e CROSS APPLY GetArrayElements(e.z) AS f",
        {"I": "x z"},
    ),
    "through a step of a star": ("WITH s AS (SELECT * FROM I) SELECT s.a FROM s WHERE b = 1", {"I": "a b"}),
    "through a WHERE": ("WITH s AS (SELECT * FROM I WHERE a = 1) SELECT b FROM s", {"I": "a b"}),
    "not those of a step": ("WITH s AS (SELECT a AS b FROM I WHERE c > 1) SELECT b FROM s WHERE b > 1", {"I": "a c"}),
    "not those of a union, which may be the other's": (
        "WITH s AS (SELECT * FROM A UNION SELECT * FROM B) SELECT x FROM s",
        {"A": "", "B": ""},
    ),
    "not those of a window's record": (
        "WITH s AS (SELECT TopOne() OVER (ORDER BY t) AS r FROM I GROUP BY TumblingWindow(second, 1)) "
        "SELECT r.a FROM s",
        {"I": "t"},
    ),
}


@pytest.mark.parametrize(("query", "expected"), READ.values(), ids=READ)
def test_the_columns_that_a_query_reads(query: str, expected: dict[str, str]) -> None:
    found = columns_read(planned(query, {"R"}))

    assert {name: set(columns) for name, columns in found.items()} == {
        name: set(columns.split()) for name, columns in expected.items()
    }
