"""The output of faults: a row for each, once, whatever dies; and bounded, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.operators import faults as kinds

from ..support.crashes import Crash, Fuse, die
from ..support.example import enqueued_ms
from ..support.running_jobs import load, read_status, rows, run

NewJob = Callable[..., Job]

QUERY = "SELECT k, CAST(n AS bigint) AS n INTO Out FROM Input TIMESTAMP BY at"
TOML = """
faults = "Wrong"
[inputs.Input]
hub = "events"
[outputs.Out]
type = "stream"
[outputs.Wrong]
"""
STREAM = TOML + 'type = "stream"\n'


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 1, "wrong": 1})


@pytest.fixture
def new_job(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> Iterator[NewJob]:
    made: list[Job] = []

    def new(toml: str = STREAM, query: str = QUERY, pacing: Pacing | None = None) -> Job:
        (tmp_path / "j").mkdir(exist_ok=True)
        (tmp_path / "j" / "query.asaql").write_text(query)
        (tmp_path / "j" / "job.toml").write_text(toml)
        made.append(load(tmp_path / "j", redis, hubs, pacing=pacing or Pacing(0.0, 2), beat=0.0))
        return made[-1]

    yield new
    for job in made:
        for worker in job.workers:
            worker.share.stop()


def send(hubs: Hubs, *bodies: bytes) -> None:
    hubs["events"].append([Event(body) for body in bodies], partition=0, enqueued_ms=enqueued_ms("10:00"))


def good(n: object) -> bytes:
    return msgspec.json.encode({"k": "a", "n": n, "at": "2024-05-01T10:00:00Z"})


def test_each_fault_is_a_row_with_its_event_and_its_reason(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, b"not JSON", good(1), good("no number"), b'{"at": "2024-05-01T09:00:00Z", "n": 2}')
    run(new_job())

    found = [row for _, row in rows(redis, "Wrong")]
    assert [(row["kind"], row["count"], row["sequence_number"]) for row in found] == [
        (kinds.INPUT, 1, 0),
        (kinds.ROW, 1, 2),
        (kinds.LATE_ADJUSTED, 1, 3),
        (kinds.DISORDER_ADJUSTED, 1, 3),  # it is 5 s behind the others even so
    ]
    assert [row["n"] for _, row in rows(redis)] == [1, 2]
    unreadable = found[0]
    assert (unreadable["hub"], unreadable["partition"], unreadable["body"]) == ("events", 0, "not JSON")
    assert hubs["events"].read(0, "0")[0].offset == unreadable["offset"]
    assert "the body is not JSON" in unreadable["reason"]
    assert found[2]["event_time"] == "2024-05-01T09:00:00.0000000Z"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_fault_is_written_once_though_the_process_dies_at_a_commit(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, nth: int, after: bool
) -> None:
    send(hubs, *(b"not JSON %d" % n for n in range(6)))
    first = new_job(pacing=Pacing(3600.0, 2))
    Fuse(first, nth, after)
    with pytest.raises(Crash):
        run(first)
    die(first)
    run(new_job(pacing=Pacing(3600.0, 2)))

    assert [row["body"] for _, row in rows(redis, "Wrong")] == [f"not JSON {n}" for n in range(6)]


def test_more_faults_than_fit_a_turn_are_counted_in_one_row(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "MOST_NEW", 3)
    send(hubs, b"[" + b",".join([good("no number")] * 8) + b"]", b"not JSON")
    job = new_job()
    run(job)

    found = [row for _, row in rows(redis, "Wrong")]
    assert [row["count"] for row in found] == [1, 1, 1, 5, 1]  # each event has a turn of its own
    by_kind: Counter[str] = Counter()
    for row in found:
        by_kind[row["kind"]] += row["count"]
    job.opened.reports._next.clear()
    job.step()
    status = read_status(redis, "j")
    assert status is not None
    assert status.faults == by_kind == {kinds.ROW: 8, kinds.INPUT: 1}


def test_faults_of_a_window_s_end_are_written_with_no_row_beside_them(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    send(hubs, good("x"))
    query = "SELECT CAST(n AS bigint) AS n INTO Out FROM Input GROUP BY n, TumblingWindow(second, 1)"
    run(new_job(query=query))

    (row,) = [row for _, row in rows(redis, "Wrong")]
    assert (row["kind"], row["hub"], row["body"]) == (kinds.ROW, None, None)
    assert rows(redis) == []


def test_they_go_to_a_hub_and_a_fault_of_their_rows_is_only_counted(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    send(hubs, b"x" * 300)
    job = new_job(TOML + 'type = "hub"\nhub = "wrong"\npartition_key = "body"\n')  # which is too long for a key
    run(job)
    assert hubs["wrong"].read(0, "0") == []
    job.opened.reports._next.clear()
    job.step()
    status = read_status(redis, "j")
    assert status is not None
    assert status.faults == {kinds.INPUT: 1, kinds.ROW: 1}
    send(hubs, b"y")
    run(job)
    (event,) = hubs["wrong"].read(0, "0")
    assert msgspec.json.decode(event.event.body)["body"] == "y"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (TOML.replace("[outputs.Wrong]", ""), r"faults = 'Wrong' needs \[outputs.Wrong\]"),
        (TOML + 'type = "board"\nboard = "b"\nmember = "kind"\nscore = "count"\nmode = "add"\n', "stream, hub, file"),
        (STREAM.replace('"Wrong"', '"out"'), "faults: the query writes Out itself"),
        (STREAM.replace('"Wrong"', "3"), "faults = 3 must be the name of an output"),
        (STREAM.replace('faults = "Wrong"', ""), r"\[outputs.Wrong\] is not in the query"),
    ],
    ids=["no table", "a board", "an output of the query", "a number", "not named"],
)
def test_an_output_that_can_t_have_them_is_refused(new_job: NewJob, toml: str, message: str) -> None:
    with pytest.raises(InvalidJob, match=message):
        new_job(toml)
