from __future__ import annotations

import random
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.windows.language.parser import parse
from pipeline.windows.language.render import render, render_expression
from pipeline.windows.language.syntax import Expression, Query
from pipeline.windows.language.tokens import QueryError

from ..support.example import JOB
from ..support.queries import expressions, queries

JOB_TEXT = (JOB / "query.asaql").read_text()
TEXT = """WITH s AS (
  SELECT i.*, [a b] = 'it''s' + N'x', ~a & 1 | "b ""c" ^ 2 AS 'bits',
    (LAG(*) OVER (LIMIT DURATION(s, 1))).a, TopOne() OVER (ORDER BY t DESC) CR, -- a comment
    LAG(a, 1, 0) OVER (PARTITION BY k LIMIT DURATION(hour, 1) WHEN a IS NOT NULL) AS l, System.Window().Id
  FROM i AS x TIMESTAMP BY DATEADD(ms, t, '1970-01-01') OVER k, PartitionId PARTITION BY PartitionId INTO 4
  LEFT OUTER JOIN j ON DATEDIFF(minute, x, j) BETWEEN 0 AND 15 AND x.k = j.k /* another */
  WHERE NOT (a % 2 <> 1.5e3 OR b LIKE 'x!%' ESCAPE '!') AND c NOT IN (1, NULL, -.5)
  GROUP BY k, Windows(Window('1', Hopping(minute, 10, 5)), Window('2', Session(s, 5, 10) OVER (PARTITION BY k)))
  HAVING COUNT(DISTINCT CASE a WHEN 1 THEN TRY_CAST(b AS nvarchar(max)) ELSE c END) > 3
  UNION ALL SELECT * FROM j
)
SELECT COUNT(*), ISFIRST(mi, 10) OVER (PARTITION BY k) AS f INTO [out put] FROM s GROUP BY System.Timestamp();
WITH t AS (SELECT * FROM "k" x) SELECT a, -b INTO "out put" FROM s
"""
PIECE = re.compile(r"\w+|\s+|.", re.DOTALL)


@settings(max_examples=15, deadline=None)
@given(queries())
def test_a_query_comes_back_from_its_text(query: Query) -> None:
    assert parse(render(query)) == query


@settings(max_examples=40, deadline=None)
@given(expressions())
def test_an_expression_comes_back_from_its_text(expression: Expression) -> None:
    text = render_expression(expression)
    where = parse(f"SELECT a FROM i WHERE {text}").statements[0].selects[0].where

    assert where == expression
    assert render_expression(expression) == text


def only_a_query_error(text: str) -> None:
    """Parse the text; if it is still a query, check that rendering and parsing it gives the same query."""
    try:
        query = parse(text)
    except QueryError:
        return
    assert parse(render(query)) == query


@pytest.mark.parametrize("by_character", [pytest.param(True, id="characters"), pytest.param(False, id="words")])
@pytest.mark.parametrize("text", [pytest.param(JOB_TEXT, id="the job's"), pytest.param(TEXT, id="all constructs")])
def test_damage_never_raises_anything_else(text: str, by_character: bool) -> None:
    pieces = list(text) if by_character else PIECE.findall(text)
    chance = random.Random(len(text))
    others = [
        *pieces,
        *"'[](),.;*-/<>!%&\"\\\0\n\u2028\u0131é9",
        "SELECT",
        "NOT",
        "CASE",
        "OVER",
        "(",
        "1e",
        "--",
        "/*",
    ]
    for _ in range(200):
        damaged = list(pieces)
        for _ in range(chance.choice([1, 1, 2, 5])):
            i, j = sorted(chance.sample(range(len(damaged)), 2))
            match chance.choice(["delete", "insert", "replace", "swap", "cut", "double"]):
                case "delete":
                    del damaged[i]
                case "insert":
                    damaged.insert(i, chance.choice(others))
                case "replace":
                    damaged[i] = chance.choice(others)
                case "swap":
                    damaged[i], damaged[j] = damaged[j], damaged[i]
                case "cut":
                    del damaged[i : min(j, i + 20)]
                case "double":
                    damaged[j:j] = damaged[i:j][:20]
        only_a_query_error("".join(damaged))


@pytest.mark.parametrize("text", [pytest.param(JOB_TEXT, id="the job's"), pytest.param(TEXT, id="all constructs")])
def test_a_query_that_ends_early_never_raises_anything_else(text: str) -> None:
    for end in range(0, len(text), 3):
        only_a_query_error(text[:end])


@settings(max_examples=40, deadline=None)
@given(st.text())
@example("SELECT \ud800 FROM i")
@example("SELECT '\ud800' AS b FROM [\0]")
@example("SELECT \u0661 FROM i")
def test_any_text_never_raises_anything_else(text: str) -> None:
    only_a_query_error(text)
    only_a_query_error(f"SELECT a FROM i WHERE {text}")
