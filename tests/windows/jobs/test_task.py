"""Tasks over hubs: times, several inputs, what waits for what, and what tasks report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.reference import References
from pipeline.windows.jobs import exchange, sources, stages
from pipeline.windows.jobs.begin import begin
from pipeline.windows.jobs.fault_examples import fault_examples
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.keys import MERGE
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.jobs.reports import PERIOD, JobStatus
from pipeline.windows.jobs.state import state_sizes
from pipeline.windows.language.ticks import TICKS_PER_MINUTE, isoformat, parse
from pipeline.windows.operators.faults import (
    CLOCK,
    DISORDER_ADJUSTED,
    EARLY,
    EVENT_TIME,
    INPUT,
    KINDS,
    LATE_ADJUSTED,
    MOST_EXAMPLES,
    REFERENCE,
    ROW,
)

from ..support.crashes import die
from ..support.example import at, enqueued_ms
from ..support.running_jobs import closed, end, load, read_status, rows, run, write_job

NewJob = Callable[..., Job]
EVENTS = '[inputs.Input]\nhub = "events"\n'
NO_LIMIT = EVENTS + '[time]\nlate_arrival = "-1"\n'
COUNTS = "SELECT k, COUNT(*) AS n INTO Out FROM Input{} GROUP BY k, TumblingWindow(minute, 10)"


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 2, "others": 3})


@pytest.fixture
def new_job(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> Iterator[NewJob]:
    made: list[Job] = []

    def new(query: str, toml: str = EVENTS, batch: int = 500) -> Job:
        folder = write_job(tmp_path / "j", query, toml)
        made.append(load(folder, redis, hubs, pacing=Pacing(0.0, batch), beat=0.0))
        return made[-1]

    yield new
    for job in made:
        end(job)


def send(hubs: Hubs, arrival: str, partition: int = 0, hub: str = "events", **columns: object) -> None:
    body = msgspec.json.encode(columns)
    hubs[hub].append([Event(body)], partition=partition, enqueued_ms=enqueued_ms(arrival))


def status(job: Job) -> JobStatus:
    """Return the status that the tasks will have reported within a second."""
    job.opened.reports._next.clear()
    job.step()
    found = read_status(job.opened.client, job.name)
    assert found is not None
    return found


def faults(job: Job) -> dict[str, int]:
    return dict(status(job).faults)


def minute(end: str | None) -> str | None:
    return None if end is None else end[11:16]


def test_times_are_adjusted_and_counted(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    arrivals = [
        ("10:01", "10:01"),
        ("10:09", "10:09"),
        ("10:04", "10:09"),  # out of order: it counts at 10:08
        ("10:00", "10:25"),  # late: it counts at 10:20
        ("11:00", "10:26"),  # early: dropped
        ("10:45", "10:50"),
    ]
    for time, arrival in arrivals:
        send(hubs, arrival, k="a", at=isoformat(at(time)))
    send(hubs, "10:51", k="a", at="no time")
    send(hubs, "10:51", k="a")
    job = new_job(
        COUNTS.format(" TIMESTAMP BY at"), EVENTS + '[time]\nlate_arrival = "5m"\nout_of_order = "1m"\n', batch=1
    )
    run(job)

    assert [(minute(end), row["n"]) for end, row in rows(redis)] == [("10:10", 3), ("10:20", 1), ("10:50", 1)]
    assert faults(job) == {DISORDER_ADJUSTED: 1, LATE_ADJUSTED: 1, EARLY: 1, EVENT_TIME: 2}


def test_without_timestamp_by_no_policy_applies(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, "10:01", k="a", at="2030-01-01T00:00:00Z")
    job = new_job(COUNTS.format(""), EVENTS + '[time]\nlate_arrival = 0\naction = "drop"\n')
    run(job)

    assert [(minute(end), row["n"]) for end, row in rows(redis)] == [("10:10", 1)]
    assert faults(job) == {}


def test_each_key_of_substreams_is_in_order_by_itself(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    for time, key in [("10:25", "a"), ("10:05", "b"), ("10:26", "a"), ("10:06", "b"), ("10:15", "a")]:
        send(hubs, "10:26", k=key, at=isoformat(at(time)))
    job = new_job(
        "SELECT k, COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY at OVER k, PartitionId "
        "GROUP BY k, PartitionId, TumblingWindow(minute, 10)",
        EVENTS + '[time]\nlate_arrival = "1h"\n',
    )
    run(job)

    found = [(minute(end), row["k"], row["n"]) for end, row in rows(redis)]
    assert found == [("10:10", "b", 2), ("10:30", "a", 3)]
    assert faults(job) == {DISORDER_ADJUSTED: 1}


def test_inputs_of_several_hubs_meet(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    for n in range(6):
        send(hubs, "10:01", n % 2, k="a", n=n)
        send(hubs, "10:01", n % 3, hub="others", k="a", n=n)
    query = """
    WITH Both AS (SELECT k, n FROM Input UNION SELECT k, n FROM Others)
    SELECT k, COUNT(*) AS n, SUM(n) AS total INTO Out FROM Both GROUP BY k, TumblingWindow(minute, 10)
    """
    job = new_job(query, EVENTS + '[inputs.Others]\nhub = "others"\n', batch=1)
    run(job)

    assert [task.name for task in job.tasks] == ["0", "1", "2", MERGE]
    assert [(minute(end), row) for end, row in rows(redis)] == [("10:10", {"k": "a", "n": 12, "total": 30})]


def test_one_hub_may_be_two_inputs(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    for n in range(4):
        send(hubs, "10:01", n % 2, k="a", n=n)
    query = """
    SELECT a.n AS a, b.n AS b INTO Out FROM Input a JOIN Others b
    ON DATEDIFF(minute, a, b) BETWEEN 0 AND 1 AND a.n = b.n
    """
    job = new_job(query, EVENTS + '[inputs.Others]\nhub = "events"\n')
    run(job)

    assert sorted((row["a"], row["b"]) for _, row in rows(redis)) == [(n, n) for n in range(4)]


def test_a_partition_that_is_a_window_ahead_waits_for_the_slowest(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    query = "SELECT g, COUNT(DISTINCT k) AS n INTO Out FROM Input GROUP BY g, SlidingWindow(minute, 10)"
    for n in range(10):
        send(hubs, f"10:{5 * n:02}", 0, g=1, k=n)
    job = new_job(query, batch=1)
    begin(job.opened, "last")
    job.share.partitions()
    fast, _, merging = job.tasks
    while fast.step():
        pass
    for _ in range(20):
        merging.step()

    assert redis.xlen(exchange.Exchange(redis, "j", 0).key) > 5  # nothing is known of the other partition


def test_a_task_waits_while_the_merging_one_is_far_behind(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "MOST_ENTRIES", 3)
    query = "SELECT g, COUNT(*) AS n INTO Out FROM Input GROUP BY g, SlidingWindow(minute, 10)"
    for n in range(10):
        send(hubs, "10:00", 0, g=1, k=n)
    job = new_job(query, batch=1)
    job.share.partitions()
    job.step()
    for _ in range(20):
        job.tasks[0].step()
    assert redis.xlen(exchange.Exchange(redis, "j", 0).key) == 3

    run(job)
    assert [row["n"] for _, row in rows(redis)] == [10]


def test_a_clock_that_went_back_loses_no_event(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    job = new_job("SELECT k, COUNT(*) AS n INTO Out FROM Input GROUP BY k, PartitionId, TumblingWindow(second, 1)")
    run(job)
    send(hubs, "10:01", k="a")  # the task knows that it is later
    run(job)
    watermark = closed(job.tasks[0])
    while closed(job.tasks[0]) < watermark + 20_000_000:
        job.step()

    assert [row["n"] for _, row in rows(redis)] == [1]
    assert faults(job)[CLOCK] == 1


def test_what_a_job_says_of_itself(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    for n in range(4):
        send(hubs, "10:01", n % 2, k="a", n=n)
    hubs["events"].append([Event(b"no JSON")], partition=1, enqueued_ms=enqueued_ms("10:02"))
    job = new_job(COUNTS.format(""))
    assert read_status(redis, "j") is None
    job.step()
    hubs["events"].append([Event(b"{}")] * 3, partition=0)
    first = read_status(redis, "j")

    assert first is not None
    assert (first.job, first.lag, first.error) == ("j", 3, None)
    assert first.faults == {INPUT: 1}
    assert set(first.tasks) == {"0", "1", MERGE}
    assert first.tasks["1"].next == {"events/1": 3}
    run(job)
    last = status(job)
    assert (last.rows, last.lag) == ({"Out": 1}, 0)
    assert (last.watermark or "") > "2026"


def test_a_status_is_written_once_a_second(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    job = new_job(COUNTS.format(""))
    job.step()
    first = redis.hgetall("{job:j}:status")
    job.step()

    assert PERIOD == 1.0
    assert redis.hgetall("{job:j}:status") == first


def test_a_task_that_fails_is_told_and_stops_no_other(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    job = new_job("SELECT n INTO Out FROM Input")
    job.step()
    redis.set("{job:j}:state:0", "no hash")
    job.tasks[0].forget()
    for partition in range(2):
        send(hubs, "10:01", partition, n=partition)
    job.step()
    job.step()

    assert [row["n"] for _, row in rows(redis)] == [1]
    error = status(job).error
    assert error is not None
    assert (error.task, error.message[:13]) == ("0", "ResponseError")


def test_a_hash_of_reference_data_is_joined(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    redis.hset("devices", "a", '{"name": "Ann"}')
    query = "SELECT i.n, d.name INTO Out FROM Input i JOIN Devices d ON i.k = d.id"
    toml = EVENTS + '[inputs.Devices]\nreference = { hash = "devices", field_column = "id" }\n'
    send(hubs, "10:01", k="a", n=1)
    send(hubs, "10:01", k="b", n=2)
    run(new_job(query, toml))

    assert rows(redis) == [(None, {"n": 1, "name": "Ann"})]


def test_a_hash_that_is_gone_is_an_error_until_it_is_back_and_no_table_of_nulls(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    query = "SELECT i.n, d.name INTO Out FROM Input i LEFT JOIN Devices d ON i.k = d.id"
    toml = EVENTS + '[inputs.Devices]\nreference = { hash = "devices", field_column = "id" }\n'
    with pytest.raises(InvalidJob, match=r"\[inputs.Devices\]: there is no hash devices in database"):
        new_job(query, toml)
    redis.hset("devices", "a", '{"name": "Ann"}')
    job = new_job(query, toml)
    run(job)

    redis.delete("devices")
    job._refresh_at = 0.0
    send(hubs, "10:01", k="a", n=1)
    run(job)
    assert rows(redis) == [(None, {"n": 1, "name": "Ann"})]
    error = status(job).error
    assert error is not None
    assert (error.task, error.message[:30]) == ("Devices", "there is no hash devices in da")

    redis.hset("devices", "a", '{"name": "Bob"}')
    job._refresh_at = 0.0
    send(hubs, "10:02", k="a", n=2)
    run(job)
    assert rows(redis)[1:] == [(None, {"n": 2, "name": "Bob"})]
    assert status(job).error is None


def test_what_was_put_is_joined_and_is_the_same_after_a_crash(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path
) -> None:
    tables = References(redis)
    tables.put("devices", [{"id": "a", "name": "Ann"}], enqueued_ms("10:00"))
    query = "SELECT i.k, d.name, COUNT(*) AS n INTO Out FROM Input i TIMESTAMP BY at LEFT JOIN Devices d ON i.k = d.id "
    query += "GROUP BY i.k, d.name, TumblingWindow(minute, 10)"
    toml = NO_LIMIT + '[inputs.Devices]\nreference = { name = "devices" }\n'
    for time in ("09:59", "10:01"):
        for partition in (0, 1):
            send(hubs, time, partition, k="a", at=isoformat(at(time)))
    folder = write_job(tmp_path / "j", query, toml)
    first = load(folder, redis, hubs, pacing=Pacing(3600.0), beat=0.0)
    run(first)
    assert rows(redis) == []
    die(first)  # and what it has taken is read again

    tables.put("devices", [{"id": "a", "name": "Bob"}])  # which holds from now on
    for time in ("10:11", "10:21"):
        for partition in (0, 1):
            send(hubs, time, partition, k="a", at=isoformat(at(time)))
    second = load(folder, redis, hubs, pacing=Pacing(3600.0), beat=0.0)
    run(second)
    assert [(row["name"], row["n"]) for _, row in rows(redis)] == [("Ann", 2), ("Ann", 2)]
    assert faults(second) == {REFERENCE: 2}
    second.share.stop()


def waiting(job: Job) -> list[tuple[str, str | None, int, int]]:
    """What waits: the step, the minute at which its window ends, events and groups."""
    return [(each.step, minute(each.end), each.events, each.groups) for each in status(job).waiting]


@pytest.mark.parametrize("partitioned", [False, True])
def test_what_waits_is_reported_with_the_end_of_its_window(hubs: Hubs, new_job: NewJob, partitioned: bool) -> None:
    for time, partition, key in [("10:01", 0, "a"), ("10:02", 0, "b"), ("10:03", 0, "a"), ("10:04", 1, "c")]:
        send(hubs, time, partition, k=key, at=isoformat(at(time)))
    query = COUNTS.format(" TIMESTAMP BY at")
    job = new_job(query, NO_LIMIT.replace("\n[", '\npartition_key = "k"\n[') if partitioned else NO_LIMIT)
    run(job)
    assert waiting(job) == [("Out", "10:10", 4, 3)]

    send(hubs, "10:11", 0, k="a", at=isoformat(at("10:11")))
    run(job)
    left = (1, 1) if partitioned else (4, 3)  # in one stage a partition closes its windows by itself
    assert waiting(job) == [("Out", "10:10", *left), ("Out", "10:20", 1, 1)]
    assert status(job).silent == ["events/1"]
    assert status(job).waiting[0].due is None

    send(hubs, "10:25", 1, k="c", at=isoformat(at("10:25")))
    run(job)
    assert waiting(job) == [("Out", "10:20", 1, 1), ("Out", "10:30", 1, 1)]
    assert status(job).silent == ["events/0"]


def test_events_of_several_panes_wait_for_one_window(hubs: Hubs, new_job: NewJob) -> None:
    for time, key in [("10:01", "a"), ("10:09", "b"), ("10:11", "a"), ("10:12", "a")]:
        for partition in (0, 1):
            send(hubs, time, partition, k=key, at=isoformat(at(time)))
    query = "SELECT k, COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY at GROUP BY k, HoppingWindow(minute, 20, 10)"
    job = new_job(query, NO_LIMIT)
    run(job)

    # Of the window that ends at 10:20, the merging task has a and b, and each partition has a.
    assert waiting(job) == [("Out", "10:20", 8, 4), ("Out", "10:30", 4, 2)]


def test_what_waits_is_known_after_a_restart(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    for time in ("10:01", "10:12"):
        send(hubs, time, 0, k="a", at=isoformat(at(time)))
        send(hubs, time, 1, k="a", at=isoformat(at(time)))
    first = new_job(COUNTS.format(" TIMESTAMP BY at"), NO_LIMIT)
    run(first)
    before = waiting(first)
    first.stop()
    second = new_job(COUNTS.format(" TIMESTAMP BY at"), NO_LIMIT)
    run(second)

    assert waiting(second) == before == [("Out", "10:20", 2, 2)]


def test_rows_come_by_the_end_of_their_window_and_the_late_tolerance(hubs: Hubs, new_job: NewJob) -> None:
    hubs["events"].append([Event(b'{"k": "a"}')])
    job = new_job(
        "SELECT k, COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY EventEnqueuedUtcTime "
        "GROUP BY k, TumblingWindow(day, 1)",
        EVENTS + '[time]\nlate_arrival = "1h"\n',
    )
    run(job)
    (window,) = status(job).waiting

    assert window.due is not None
    assert parse(window.due) - parse(window.end) == 60 * TICKS_PER_MINUTE
    assert status(job).silent == []


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        pytest.param("SELECT COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY at GROUP BY SessionWindow(minute, 5, 60)",
            [("Out", "10:16", 4, 1)], id="a session"),
        pytest.param("SELECT COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY at GROUP BY SlidingWindow(minute, 5)",
            [("Out", "10:12", 2, 0)], id="a sliding window"),
        pytest.param("SELECT LAG(k) OVER (LIMIT DURATION(minute, 5)) AS k INTO Out FROM Input TIMESTAMP BY at",
            [("Out", "10:12", 2, 0)], id="an analytic function"),
        pytest.param("SELECT a.k INTO Out FROM Input a TIMESTAMP BY at LEFT JOIN Input b TIMESTAMP BY at "
            "ON a.k = b.k AND DATEDIFF(minute, a, b) BETWEEN 1 AND 5", [("Out", "10:12", 6, 0)], id="a join"),
    ],
)  # fmt: skip
def test_other_steps_wait_too(hubs: Hubs, new_job: NewJob, clause: str, expected: object) -> None:
    for time in ("10:11", "10:12"):
        for partition in (0, 1):
            send(hubs, time, partition, k=str(partition), at=isoformat(at(time)))
    job = new_job(clause, NO_LIMIT)
    run(job)

    assert waiting(job) == expected


def test_the_last_faults_of_each_kind_are_kept_with_their_events(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    bodies = [
        b"not JSON \xff",
        b'{"k": "a", "at": "no time"}',
        b'{"k": [1], "at": "2024-05-01T10:01:00Z"}',
        *[b'{"k": "a", "at": "2024-05-01T09:00:00Z", "n": %d}' % n for n in range(MOST_EXAMPLES + 5)],
    ]
    for body in bodies:
        hubs["events"].append([Event(body)], partition=0, enqueued_ms=enqueued_ms("10:01"))
    job = new_job(COUNTS.format(" TIMESTAMP BY at"))
    run(job)
    status(job)
    found = fault_examples(redis, "j")

    assert list(found) == list(KINDS)
    (unreadable,) = found[INPUT]
    assert (unreadable.hub, unreadable.partition, unreadable.sequence_number) == ("events", 0, 0)
    assert unreadable.body == "not JSON \ufffd"
    assert "the body is not JSON" in unreadable.reason
    (untimed,) = found[EVENT_TIME]
    assert (untimed.sequence_number, untimed.event_time) == (1, isoformat(at("10:01")))  # its arrival
    assert [each.sequence_number for each in found[ROW]] == [2]
    newest = found[LATE_ADJUSTED][0]
    assert hubs["events"].read(0, newest.offset or "")[:1] == []  # it was the last one
    assert (newest.event_time, newest.task) == (isoformat(at("09:00")), "0")
    assert [each.sequence_number for each in found[LATE_ADJUSTED]] == list(range(len(bodies) - 1, 7, -1))
    assert status(job).faults[LATE_ADJUSTED] == MOST_EXAMPLES + 5


def test_it_is_told_since_when_the_state_is_not_saved(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    folder = write_job(tmp_path / "j", COUNTS.format(""), EVENTS)
    first = load(folder, redis, hubs, pacing=Pacing(3600.0), beat=0.0)
    run(first)
    send(hubs, "10:01", k="a")
    task = status(first).tasks["0"]
    assert task.saved is not None
    assert task.saved < task.reported  # what has just come
    before = task.saved
    first.stop()  # which saves
    assert state_sizes(redis, {"j": ["0", "1"], "none": ["0"]})["j"] > 0

    second = load(folder, redis, hubs, pacing=Pacing(3600.0), beat=0.0)
    task = status(second).tasks["0"]
    assert task.saved == task.reported
    send(hubs, "10:02", k="a")
    assert before < (status(second).tasks["0"].saved or "") < task.reported
    second.share.stop()


def test_what_is_read_again_is_no_new_example(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    hubs["events"].append([Event(b"x")], partition=0)
    first = new_job(COUNTS.format(""))
    run(first)
    status(first)
    first.share.stop()  # it dies: its state is not saved
    second = new_job(COUNTS.format(""))
    run(second)
    status(second)

    assert len(fault_examples(redis, "j")[INPUT]) == 1


def test_an_example_of_a_row_that_has_no_single_event_says_when_and_why(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    send(hubs, "10:01", k="no number")
    job = new_job("SELECT CAST(k AS bigint) AS n INTO Out FROM Input GROUP BY k, TumblingWindow(minute, 10)")
    run(job)
    status(job)
    (found,) = fault_examples(redis, "j")[ROW]

    assert (found.hub, found.body, found.event_time) == (None, None, isoformat(at("10:10")))
    assert "bigint" in found.reason


ELEMENTS = (
    "SELECT i.k, e.ArrayIndex AS n, e.ArrayValue AS v INTO Out FROM Input i CROSS APPLY GetArrayElements(i.list) AS e"
)


def test_events_with_many_elements_are_taken_a_few_in_a_turn(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 300)
    for k in range(5):
        send(hubs, "10:01", k=k, list=[0] * 100)  # 200 bytes
    hubs["events"].append([Event(b'{"k": 9, "list": [1]}')] * 50, partition=0, enqueued_ms=enqueued_ms("10:02"))
    job = new_job(ELEMENTS)
    turns = []
    while job.step() or len(job.share.held) < len(job.tasks):
        turns.append(len(rows(redis)))

    found = [row for _, row in rows(redis)]
    assert [(row["k"], row["n"]) for row in found[:500]] == [(k, n) for k in range(5) for n in range(100)]
    assert len(found) == 550
    assert max(after - before for before, after in pairwise([0, *turns])) <= 200


def test_elements_are_written_once_whatever_dies(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, "10:01", k="a", list=["x", "y", "x"])
    first = new_job(ELEMENTS)
    run(first)
    first.share.stop()  # it dies: its state is not saved
    send(hubs, "10:02", k="b", list=["z"])
    run(new_job(ELEMENTS))

    assert [tuple(row.values()) for _, row in rows(redis)] == [
        ("a", 0, "x"),
        ("a", 1, "y"),
        ("a", 2, "x"),
        ("b", 0, "z"),
    ]
    ids = [entry.id for entry in StreamOutput(redis, "Out").read(limit=10)]
    assert len(set(ids)) == 4


def test_a_fault_of_an_element_has_the_event_as_its_example(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, "10:01", k="a", list=[])
    send(hubs, "10:01", k="b", list=[2, 0])
    job = new_job(ELEMENTS.replace("e.ArrayValue AS v", "10 / e.ArrayValue AS v"))
    run(job)
    status(job)

    (found,) = fault_examples(redis, "j")[ROW]
    assert found.sequence_number == 1
    assert found.body is not None
    assert '"b"' in found.body


def test_create_table_leaves_out_what_is_not_of_its_types(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, "10:01", k="a", t="2024-05-01T10:00:59.123456789Z", n=1)
    send(hubs, "10:01", k="a", t="2024-05-01T10:00:59Z", n="2")
    send(hubs, "10:01", k="a", t="yesterday", n=3)
    job = new_job(
        "CREATE TABLE Input (t datetime, n bigint); SELECT n, t INTO Out FROM Input TIMESTAMP BY t",
        EVENTS + '[time]\nlate_arrival = "1m"\n',
    )
    run(job)

    assert [row for _, row in rows(redis)] == [{"n": 1, "t": "2024-05-01T10:00:59.1234568Z"}]
    assert faults(job) == {INPUT: 2}
    reasons = {each.reason for each in fault_examples(redis, "j")[INPUT]}
    assert "CREATE TABLE, column n: nvarchar(max) '2' is not bigint" in reasons


def test_create_table_reads_the_text_of_csv(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    hubs["events"].append([Event(b"k,n\na,1\nb,x\nc,\n")], partition=0, enqueued_ms=enqueued_ms("10:01"))
    job = new_job("CREATE TABLE Input (n bigint) SELECT k, n INTO Out FROM Input", EVENTS + 'format = "csv"\n')
    run(job)

    assert [row for _, row in rows(redis)] == [{"k": "a", "n": 1}, {"k": "c", "n": None}]
    assert faults(job) == {INPUT: 1}
