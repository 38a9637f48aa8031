"""A job over files: with the same query and the same policies, but without Redis."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.windows.engine.engine import OutputRow
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.language.ticks import from_unix_ms, isoformat, parse, to_unix_ms
from pipeline.windows.language.values import to_json
from pipeline.windows.local import run as local
from pipeline.windows.local.files import EventFile, InvalidFile
from pipeline.windows.local.run import LocalJob, Summary
from pipeline.windows.operators.faults import DISORDER_ADJUSTED, EVENT_TIME, INPUT, LATE_ADJUSTED, LATE_DROPPED

from ..support import running_jobs as jobs
from ..support.example import EVENTS, JOB, WINDOW_ROWS

COUNT = "SELECT COUNT(*) AS count INTO Counts FROM Input TIMESTAMP BY t GROUP BY TumblingWindow(second, 10)"
ALL = "SELECT * INTO Counts FROM Input"

Record = dict[str, Any]


def at(second: float) -> str:
    return f"2024-05-01T00:00:{second:010.7f}Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job's folder without a query. Its only input is Input, its only output Counts."""
    folder = tmp_path / "counting"
    folder.mkdir()
    (folder / "job.toml").write_text('[inputs.Input]\nhub = "events"\n[outputs.Counts]\ntype = "stream"\n')
    return folder


def run(folder: Path, **inputs: list[Record]) -> tuple[list[OutputRow], Summary]:
    files = {}
    for name, records in inputs.items():
        path = folder / f"{name}.ndjson"
        path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
        files[name] = EventFile(path)
    job = LocalJob.read(folder)
    rows: list[OutputRow] = []
    try:
        return rows, local.run(job, files, job.tables({}), rows.append)
    finally:
        for file in files.values():
            file.close()


def columns(rows: list[OutputRow]) -> list[Record]:
    """Return the rows of a file."""
    decoded: list[Record] = [msgspec.json.decode(to_json(row.columns)) for row in rows]
    return decoded


@pytest.mark.parametrize("page", [1, 3, 2_000])
def test_the_seeds_job_gives_the_rows_of_its_worked_example(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: int
) -> None:
    monkeypatch.setattr(local, "PAGE", page)
    events = [{**record, "EventEnqueuedUtcTime": f"2024-05-01T{time}:00Z"} for time, record in EVENTS]
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    file = EventFile(path)
    rows: list[OutputRow] = []

    summary = local.run(LocalJob.read(JOB), {"Input": file}, {}, rows.append)

    file.close()
    assert [(row.time, dict(row.columns)) for row in rows if row.output == "OutputWindow"] == WINDOW_ROWS
    archived = columns([row for row in rows if row.output == "Output"])
    assert [row["EventEnqueuedUtcTime"] for row in archived] == [f"2024-05-01T{time}:00.0000000Z" for time, _ in EVENTS]
    assert (summary.events, dict(summary.rows)) == (8, {"OutputWindow": 12, "Output": 8})


def test_what_a_select_star_wrote_is_replayed_as_it_was(folder: Path) -> None:
    (folder / "query.asaql").write_text(ALL)
    record = {
        "a": 1,
        "EventProcessedUtcTime": "2024-05-01T00:00:02.0000000Z",
        "PartitionId": 3,
        "EventEnqueuedUtcTime": "2024-05-01T00:00:01.5000001Z",
    }

    rows, _ = run(folder, Input=[record])

    assert columns(rows) == [record]


def test_what_the_hub_adds_is_added_in_any_case_and_processed_when_it_arrived(folder: Path) -> None:
    (folder / "query.asaql").write_text(ALL)

    rows, _ = run(folder, Input=[{"eventenqueuedutctime": "2024-05-01", "partitionid": "7", "a": 1}])

    midnight = "2024-05-01T00:00:00.0000000Z"
    assert columns(rows) == [
        {"a": 1, "EventProcessedUtcTime": midnight, "PartitionId": 7, "EventEnqueuedUtcTime": midnight}
    ]


def test_without_arrivals_an_event_arrives_with_the_latest_so_far(folder: Path) -> None:
    (folder / "query.asaql").write_text(
        "SELECT t, EventEnqueuedUtcTime AS arrived, System.Timestamp() AS time INTO Counts FROM Input TIMESTAMP BY t"
    )

    rows, summary = run(folder, Input=[{"t": at(20)}, {"t": at(18)}, {"t": at(3)}, {"t": "no time"}, {"t": at(21)}])

    # The late tolerance is 5 s and nothing may be out of order, unless job.toml says so.
    assert columns(rows) == [
        {"t": at(20), "arrived": at(20), "time": at(20)},
        {"t": at(18), "arrived": at(20), "time": at(20)},
        {"t": at(3), "arrived": at(20), "time": at(20)},
        {"t": at(21), "arrived": at(21), "time": at(21)},
    ]
    assert summary.faults.counts == {DISORDER_ADJUSTED: 2, LATE_ADJUSTED: 1, EVENT_TIME: 1}
    assert summary.faults.first[LATE_ADJUSTED] == f"an event of {at(3)} arrived at {at(20)}"


def test_the_time_policies_are_the_jobs(folder: Path) -> None:
    (folder / "query.asaql").write_text(COUNT)
    with (folder / "job.toml").open("a") as file:
        file.write('[time]\nout_of_order = "10s"\nlate_arrival = "5s"\naction = "drop"\n')

    rows, summary = run(folder, Input=[{"t": at(12)}, {"t": at(9)}, {"t": at(5)}])

    assert columns(rows) == [{"count": 1}, {"count": 1}]
    assert summary.faults.counts == {LATE_DROPPED: 1}


def test_partitions_have_watermarks_of_their_own(folder: Path) -> None:
    (folder / "query.asaql").write_text(COUNT)
    events = [
        {"t": at(14), "EventEnqueuedUtcTime": at(14), "PartitionId": 0},
        {"t": at(9), "EventEnqueuedUtcTime": at(14), "PartitionId": 1},
        {"t": at(10), "EventEnqueuedUtcTime": at(14), "PartitionId": 1},
    ]

    rows, summary = run(folder, Input=events)

    assert columns(rows) == [{"count": 2}, {"count": 1}]
    assert not summary.faults.counts


def test_rows_come_in_the_order_of_the_file_whatever_their_partitions(folder: Path) -> None:
    (folder / "query.asaql").write_text("SELECT n INTO Counts FROM Input")
    events = [{"n": n, "EventEnqueuedUtcTime": at(1), "PartitionId": n % 3} for n in range(7)]

    rows, _ = run(folder, Input=events)

    assert [row["n"] for row in columns(rows)] == list(range(7))


def test_an_empty_text_in_a_column_that_the_hub_adds_counts_as_missing(folder: Path) -> None:
    (folder / "query.asaql").write_text("SELECT * INTO Counts FROM Input TIMESTAMP BY t")

    rows, summary = run(
        folder, Input=[{"t": at(1), "EventEnqueuedUtcTime": "", "PartitionId": "", "EventProcessedUtcTime": ""}]
    )

    assert [(row["PartitionId"], row["EventEnqueuedUtcTime"]) for row in columns(rows)] == [(0, at(1))]
    assert not summary.faults.counts


@pytest.mark.parametrize("page", [1, 2_000])
def test_inputs_are_read_side_by_side(folder: Path, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(local, "PAGE", page)
    (folder / "job.toml").write_text('[inputs.A]\nhub = "a"\n[inputs.B]\nhub = "b"\n[outputs.Pairs]\ntype = "stream"\n')
    (folder / "query.asaql").write_text(
        "SELECT a.n AS n, b.m AS m INTO Pairs FROM A a TIMESTAMP BY t JOIN B b TIMESTAMP BY t "
        "ON DATEDIFF(second, a, b) BETWEEN 0 AND 1"
    )

    rows, _ = run(
        folder,
        A=[{"t": at(second), "n": second} for second in range(30)],
        B=[{"t": at(second), "m": second} for second in range(0, 30, 10)],
    )

    assert [(row["n"], row["m"]) for row in columns(rows)] == [(0, 0), (9, 10), (10, 10), (19, 20), (20, 20)]


@pytest.mark.parametrize(
    ("query", "events", "message"),
    [
        pytest.param(
            ALL,
            [{"a": 1}],
            "1: nothing tells when the event arrived: add EventEnqueuedUtcTime (UTC) to the events, or TIMESTAMP BY to "
            "FROM Input",
            id="no arrival",
        ),
        pytest.param(
            ALL,
            [{"EventEnqueuedUtcTime": at(2)}, {"EventEnqueuedUtcTime": at(1)}],
            f"2: the event arrived at {at(1)}, the one before it at {at(2)}: sort the file by EventEnqueuedUtcTime",
            id="arrivals go back",
        ),
    ],
)
def test_a_file_whose_arrivals_make_no_sense_is_refused(
    folder: Path, query: str, events: list[Record], message: str
) -> None:
    (folder / "query.asaql").write_text(query)

    with pytest.raises(InvalidFile) as raised:
        run(folder, Input=events)

    assert str(raised.value) == f"{folder}/Input.ndjson: {message}"


def test_an_event_that_can_not_be_used_is_counted_and_left_out(folder: Path) -> None:
    (folder / "query.asaql").write_text("SELECT a INTO Counts FROM Input")
    good = {"EventEnqueuedUtcTime": at(1), "a": 1}
    bad = [{"EventEnqueuedUtcTime": "soon"}, {**good, "PartitionId": -1}, {**good, "PartitionId": "x"}, 7]

    rows, summary = run(folder, Input=[*bad, good])  # type: ignore[list-item]

    assert columns(rows) == [{"a": 1}]
    assert summary.faults.counts == {INPUT: 4}
    assert summary.events == 5
    assert summary.faults.first[INPUT].startswith(f"{folder}/Input.ndjson, 1: ")


def test_an_event_without_a_time_before_any_that_has_one_is_a_fault(folder: Path) -> None:
    (folder / "query.asaql").write_text(COUNT)

    rows, summary = run(folder, Input=[{"t": "noon"}, {"a": 1}, {"t": at(1)}])

    assert columns(rows) == [{"count": 1}]
    assert summary.faults.counts == {EVENT_TIME: 2}
    assert "1: nvarchar(max) 'noon' is not a datetime such as 2024-05-01T" in summary.faults.first[EVENT_TIME]


def test_a_hub_and_a_hash_need_a_file_in_their_place(folder: Path) -> None:
    (folder / "query.asaql").write_text("SELECT i.a INTO Counts FROM Input i JOIN Names n ON i.a = n.field")
    with (folder / "job.toml").open("a") as file:
        file.write('[inputs.Names]\nreference = { hash = "names" }\n')
    job = LocalJob.read(folder)

    with pytest.raises(InvalidJob, match=r"\[inputs.Input\] is a hub, .*: add --input Input=FILE"):
        job.input_files({})
    with pytest.raises(InvalidJob, match=r"\[inputs.Names\] is in Redis, .*: add --input Names=FILE"):
        job.tables({})
    with pytest.raises(InvalidJob, match=r"\[inputs.Names\]: there is no file"):
        job.tables({"Names": folder / "none.json"})


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_of_what_a_job_archived_gives_the_jobs_rows(redis: redis_py.Redis, folder: Path, seed: int) -> None:
    jobs.write_job(
        folder,
        "SELECT * INTO Archive FROM Input "
        "SELECT room, COUNT(*) AS n, MAX(System.Timestamp()) AS latest INTO Counts FROM Input TIMESTAMP BY t "
        "GROUP BY room, TumblingWindow(second, 2)",
        '[time]\nlate_arrival = "3s"\nout_of_order = "1s"\n[inputs.Input]\nhub = "events"\n',
        "Archive,Counts",
    )
    choose = random.Random(seed)
    hubs = Hubs(redis, {"events": 3})
    enqueued = to_unix_ms(parse("2024-05-01T00:00:00Z"))
    for _ in range(80):
        enqueued += choose.randint(0, 400)
        time = isoformat(from_unix_ms(enqueued + choose.randint(-5_000, 200)))
        body = msgspec.json.encode({"room": choose.randint(1, 4), "t": time})
        hubs["events"].append([Event(body)], partition=choose.randint(0, 2), enqueued_ms=enqueued)
    live = jobs.load(folder, redis, hubs)
    jobs.run(live)
    live.share.stop()

    archive = [record for _, record in jobs.rows(redis, "Archive")]
    rows, summary = run(folder, Input=sorted(archive, key=lambda record: record["EventEnqueuedUtcTime"]))

    counted = [row for row in rows if row.output == "Counts"]
    ends = [isoformat(row.time) for row in counted]
    assert len(counted) > 10
    assert list(zip(ends, columns(counted), strict=True)) == jobs.rows(redis, "Counts")
    status = jobs.read_status(redis, folder.name)
    assert status is not None
    assert status.faults == summary.faults.counts
    assert status.faults.keys() == {LATE_ADJUSTED, DISORDER_ADJUSTED}
