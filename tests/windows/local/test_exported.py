"""A run over what `wz hub export` wrote gives the rows that a job gives over the hub, whatever the bodies are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.event_line import line_of
from pipeline.hub.namespace import Hubs
from pipeline.windows.language.values import to_json
from pipeline.windows.local.files import EventFile
from pipeline.windows.local.run import LocalJob
from pipeline.windows.local.run import run as run_locally

from ..support.running_jobs import load, read_status, rows, run, write_job

OF_EVENT = ", ".join(
    f"GetMetadataPropertyValue(Input, '{name}') AS v{place}"
    for place, name in enumerate(
        ["[EventHub].[Offset]", "EventHub.SequenceNumber", "EventHub.PartitionKey", "[User]", "[EventHub].[Publisher]"]
    )
)
QUERY = f"SELECT n, m, PartitionId, EventEnqueuedUtcTime, {OF_EVENT}, "
QUERY += "GetMetadataPropertyValue(Input, 'EventId') AS id INTO Out FROM Input"

JSON = [
    Event(b'{"n": 1}', "k", properties={"x": 1}),
    Event(b'[{"n": 2}, {"n": 3, "m": [1]}]', "k"),
    Event(b'{"n": 4}\n{"n": 5}\n', properties={"x": None, "y": True}),
    Event(b'\xef\xbb\xbf{"n": 6, "$event": 1, "PartitionId": 9}', "p", publisher="p"),
    Event(b'{"n": 7, "eventenqueuedutctime": "2000-01-01T00:00:00Z", "n": 8}'),
    Event(b"{}"),
    Event(b"[{}, {}]"),
    Event(b"[]"),
    Event(b"no json"),
    Event(b"\xff\xfe"),
    Event(b'{"n": 1}\n{"n": '),
]
CSV = [
    Event(b"n;m\n1;x\n2;y\n", "k", properties={"x": 1}),
    Event(b"n\n3"),
    Event(b"n;m\n;z"),
    Event(b'{"n": 1}'),
    Event(b"n;n\n1;2"),
    Event(b"n\n1;2"),
]


@pytest.mark.parametrize("types", ["", "CREATE TABLE Input (n bigint); "], ids=["no types", "types"])
@pytest.mark.parametrize(
    ("events", "toml"),
    [pytest.param(JSON, "", id="JSON"), pytest.param(CSV, 'format = "csv"\ndelimiter = ";"\n', id="CSV")],
)
def test_a_run_over_an_export_gives_what_the_job_gives_over_the_hub(
    redis: redis_py.Redis, tmp_path: Path, events: list[Event], toml: str, types: str
) -> None:
    hubs = Hubs(redis, {"events": 1})
    hub = hubs["events"]
    for event in events:
        hub.append([event])
    folder = write_job(tmp_path / "j", types + QUERY, f'[inputs.Input]\nhub = "events"\n{toml}')
    job = load(folder, redis, hubs, beat=0.0)
    run(job)
    job.stop()
    exported = tmp_path / "events.ndjson"
    exported.write_bytes(b"".join(line_of(stored) + b"\n" for stored in hub.read(0)))

    given: list[Any] = []
    with closing(EventFile(exported)) as file:
        summary = run_locally(
            LocalJob.read(folder),
            {"Input": file},
            {},
            lambda row: given.append(msgspec.json.decode(to_json(row.columns))),
        )

    expected = [row for _, row in rows(redis)]
    assert given == expected
    assert len({row["id"] for row in given}) == len(given) > 0
    assert {type(row["n"]) for row in given if row["n"] is not None} == {int if types or not toml else str}
    status = read_status(redis, "j")
    assert status is not None
    assert status.faults == summary.faults.counts
