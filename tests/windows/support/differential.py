"""Runs a drawn query as a job, which dies now and then, and holds its rows against what the query means (drawn.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import redis as redis_py
from hypothesis import strategies as st

from pipeline.hub import Event as HubEvent
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.language.ticks import from_unix_ms, isoformat

from . import drawn
from .crashes import Crash, Fuse, die
from .drawn import MS, PARTITIONS, Drawn, Event
from .example import enqueued_ms
from .running_jobs import end, load, rows, run, write_job

HUBS = {"a": PARTITIONS, "b": PARTITIONS}
BASE = enqueued_ms("10:00")

#: The number of a commit at which a job dies, counted from its start, and whether Redis has executed that commit.
Death = tuple[int, bool]

deaths = st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=2)


def stamp(time: int) -> str:
    return isoformat(from_unix_ms(BASE + time * MS))


def send(hubs: Hubs, events: Sequence[Event]) -> None:
    """Send events; their numbers are those of `drawn.records`."""
    for number, event in enumerate(sorted(events, key=lambda event: event.time)):
        body = drawn.columns(event, number) | {"at": stamp(event.time - event.late)}
        hubs[event.input.lower()].append(
            [HubEvent(msgspec.json.encode(body))], partition=event.partition, enqueued_ms=BASE + event.time * MS
        )


def folder_of(query: Drawn, folder: Path) -> Path:
    key = '\npartition_key = "id"' if query.has_key else ""
    inputs = {"A": f'hub = "a"{key}', "B": f'hub = "b"{key}', "T": 'reference = { file = "table.json" }'}
    toml = "".join(
        f"[inputs.{name}]\n{its}\n" for name, its in inputs.items() if re.search(rf"(FROM|JOIN) {name}\b", query.text)
    )
    made = write_job(folder, query.text, f'{toml}[time]\nlate_arrival = "5s"\nout_of_order = "5s"\n')
    (made / "table.json").write_text(json.dumps(drawn.TABLE))
    return made


def of_job(client: redis_py.Redis, query: Drawn, events: Sequence[Event], deaths: Sequence[Death], folder: Path) -> Any:
    """Return the rows of a job in Redis, or a cluster, that is empty: each row's JSON, sorted."""
    hubs = Hubs(client, HUBS)
    send(hubs, events)
    for nth, after in deaths:
        job = load(folder_of(query, folder), client, hubs, pacing=Pacing(nth % 2 * 3600.0, 4), beat=0.0)
        Fuse(job, nth, after)
        try:
            run(job)
        except Crash:
            die(job)
        else:
            end(job)
    job = load(folder_of(query, folder), client, hubs, beat=0.0)
    run(job)
    end(job)
    return sorted(json.dumps(row, sort_keys=True) for _, row in rows(client))


def of_model(query: Drawn, events: Sequence[Event]) -> list[str]:
    made = query.rows(drawn.records(events, query.by_time))
    return sorted(json.dumps({**each.columns, "t": stamp(each.time)}, sort_keys=True) for each in made)
