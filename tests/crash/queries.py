"""Random queries of all constructs, as jobs that die at commits of their own choice, beside what the queries mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis

from pipeline.settings import Settings
from pipeline.store.client import redis_client

from .. import stack
from ..windows.support import drawn
from ..windows.support.differential import Death, deaths, of_job, of_model
from ..windows.support.drawn import Drawn, Event

QUERIES = 250


@dataclass
class Report:
    """`faults` is what must not be, and empty after a good run; `rows` is the number of all rows."""

    queries: int = 0
    rows: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.queries} random queries as jobs that die, {self.rows:,} rows"]
        lines += ["FAULTS", *(f"  {fault}" for fault in self.faults)] if self.faults else ["no faults"]
        return "\n".join(lines)


def run(folder: Path, seed: int, queries: int = QUERIES) -> Report:
    """Draw and run so many queries. The smallest that is wrong is the fault."""
    report = Report()
    with stack.redis_server(folder) as (_, url):
        client = redis_client(Settings(environment="test", redis_url=url, connection_string=stack.ROOT))

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=queries, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(drawn.queries(), drawn.events, deaths)
        def check(query: Drawn, events: Sequence[Event], deaths: Sequence[Death]) -> None:
            client.flushdb()
            rows = of_job(client, query, events, deaths, folder / "j")
            report.queries += 1
            report.rows += len(rows)
            assert rows == of_model(query, events), f"{query}\n{events}\n{deaths}"

        try:
            check()
        except AssertionError as exc:
            report.faults.append(str(exc))
    return report
