"""Sums of the lowest scores in SQL: in a table of SQLite in memory, and of PostgreSQL, if there is one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from typing import Any

_POSTGRES = os.environ.get("BENCH_POSTGRES")


def left_out() -> list[str]:
    """Say what is not compared, and why."""
    notes = ["SQLite is left out where a sum reaches 2^63, which it refuses"]
    if _POSTGRES is None:
        notes.append("PostgreSQL was left out: BENCH_POSTGRES does not name a server")
    return notes


class Table:
    """The same scores in a table of an SQL database, with an index."""

    PREFIX = "select sum(score) from (select score from scores order by score limit {k}) as lowest"
    WINDOW = (
        "select total from (select sum(score) over (order by score rows unbounded preceding) as total, "
        "row_number() over (order by score) as number from scores) as running where number = {k}"
    )

    def __init__(self, execute: Callable[[str], Any], insert: Callable[[list[int]], object], units: list[int]) -> None:
        self.execute = execute
        self.half = len(units) // 2
        execute("create temporary table scores (score bigint)")
        insert(units)
        execute("create index by_score on scores (score)")

    def ask(self, query: str) -> int:
        return int(self.execute(query.format(k=self.half)).fetchone()[0])


@contextmanager
def tables(units: list[int]) -> Iterator[dict[str, Table]]:
    """Return a table of each database that is present."""
    found = {}
    with closing(sqlite3.connect(":memory:")) as sqlite:
        if sum(map(abs, units)) < 2**63:
            rows = [(score,) for score in units]
            found["SQLite"] = Table(
                sqlite.execute, lambda _: sqlite.executemany("insert into scores values (?)", rows), units
            )
        if _POSTGRES is None:
            yield found
            return
        psycopg: Any = import_module("psycopg")
        with psycopg.connect(_POSTGRES) as connection, connection.cursor() as cursor:

            def copy(units: list[int]) -> None:
                with cursor.copy("copy scores from stdin") as out:
                    for score in units:
                        out.write_row((score,))

            found["PostgreSQL"] = Table(cursor.execute, copy, units)
            yield found
            connection.rollback()
