from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py
from redis.client import Pipeline

from pipeline.boards.board import Board
from pipeline.boards.boards import Boards
from pipeline.hub.log import Event
from pipeline.hub.partition import partition_of
from pipeline.hub.registry import Hubs
from pipeline.hub.retention import trim
from pipeline.lease import Lease
from pipeline.windows.clock import isoformat
from pipeline.windows.config import InvalidJob
from pipeline.windows.faults import BOARD, INPUT, ROW
from pipeline.windows.job import Job
from pipeline.windows.outputs import StreamOutput

from .example import EVENTS, JOB, WINDOW_ROWS, enqueued_ms, event

# Each row with its window's end.
Rows = list[tuple[str | None, dict[str, Any]]]
EXPECTED: Rows = [(isoformat(end), row) for end, row in WINDOW_ROWS]


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 4})


@pytest.fixture
def new_job(redis: redis_py.Redis, hubs: Hubs) -> Callable[[], Job]:
    """Make a job as a worker that starts does; it takes one event of a partition a turn."""
    return lambda: Job.load(JOB, redis, hubs, batch=1)


def log_example(hubs: Hubs) -> None:
    for time, columns in EVENTS:
        hubs["events"].append([event(columns)], enqueued_ms=enqueued_ms(time))


def run(job: Job) -> None:
    while job.step():
        pass


def trim_all(hubs: Hubs) -> int:
    return sum(trim(hubs["events"], partition) for partition in range(4))


def output(redis: redis_py.Redis, name: str) -> Rows:
    return [(entry.window_end, msgspec.json.decode(entry.row)) for entry in StreamOutput(redis, name).read()]


def archived(redis: redis_py.Redis) -> list[dict[str, Any]]:
    """What `SELECT * INTO Output` wrote, without the columns that the hub adds, by arrival."""
    rows = sorted((row for _, row in output(redis, "Output")), key=lambda row: row["EventEnqueuedUtcTime"])
    return [{name: value for name, value in row.items() if not name.endswith(("UtcTime", "Id"))} for row in rows]


def expect_example_once(redis: redis_py.Redis) -> None:
    assert output(redis, "OutputWindow") == EXPECTED
    assert archived(redis) == [columns for _, columns in EVENTS]
    board = Board(redis, "actions")
    # offer_a: e1 0.2 + 1.0, e3 none while its context is in the window; offer_b: e2 0.5
    assert {row.member: row.score for row in board.members(0, 10).members} == {
        "offer_a": Decimal("1.2"),
        "offer_b": Decimal("0.5"),
    }


def test_the_worked_example_over_four_partitions(redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]) -> None:
    log_example(hubs)
    run(new_job())

    expect_example_once(redis)


@pytest.mark.parametrize("turns", range(8))
def test_a_restart_at_any_turn_gives_each_row_once(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job], turns: int
) -> None:
    log_example(hubs)
    first = new_job()
    for _ in range(turns):
        first.step()
    first.stop()
    run(new_job())

    expect_example_once(redis)


class Crash(Exception):
    pass


class CrashingLease(Lease):
    """The process dies at its nth commit, before Redis has executed it or after."""

    def __init__(self, lease: Lease, nth: int, after: bool) -> None:
        super().__init__(lease.redis, lease.key)
        self.left = nth
        self.after = after

    def commit(self, pipe: Pipeline, *, raise_on_error: bool = True) -> list[Any]:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Crash
        replies = super().commit(pipe, raise_on_error=raise_on_error)
        if self.left == 0:
            raise Crash
        return replies


@pytest.mark.parametrize("nth", range(1, 8))
@pytest.mark.parametrize("after", [False, True], ids=["before Redis has it", "after Redis has it"])
@pytest.mark.parametrize("restart", [False, True], ids=["same process", "new process"])
def test_a_crash_at_any_commit_gives_each_row_once(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job], nth: int, after: bool, restart: bool
) -> None:
    log_example(hubs)
    job = new_job()
    job.lease = CrashingLease(job.lease, nth, after)
    with pytest.raises(Crash):
        run(job)
    if restart:
        redis.delete(job.lease.key)  # it ends by itself
        job = new_job()
    run(job)

    expect_example_once(redis)


def test_a_job_that_another_worker_holds_does_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]
) -> None:
    log_example(hubs)
    holder, other = new_job(), new_job()
    holder.step()

    assert other.step() == 0
    holder.stop()
    run(other)
    expect_example_once(redis)


@pytest.mark.parametrize("is_given_back", [False, True], ids=["and kept", "and given back"])
def test_a_lease_that_was_lost_in_between_doubles_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job], is_given_back: bool
) -> None:
    log_example(hubs)
    paused, other = new_job(), new_job()
    paused.step()
    redis.delete(paused.lease.key)
    for _ in range(3):
        other.step()
    if is_given_back:
        other.stop()

    run(paused)
    run(paused if is_given_back else other)
    expect_example_once(redis)


def test_a_lease_that_is_lost_within_a_turn_writes_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]
) -> None:
    log_example(hubs)
    job = new_job()

    class Stolen(Lease):
        def guard(self, pipe: Pipeline) -> None:
            super().guard(pipe)
            self.redis.set(self.key, "another")

    job.lease = Stolen(redis, job.lease.key)
    assert job.step() == 0
    assert (output(redis, "Output"), redis.exists(job.checkpoint.key)) == ([], 0)


def test_a_pause_writes_nothing(redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]) -> None:
    log_example(hubs)
    job = new_job()
    run(job)
    before = redis.hgetall(job.checkpoint.key)

    assert [job.step() for _ in range(3)] == [0, 0, 0]
    assert redis.hgetall(job.checkpoint.key) == before


@pytest.mark.parametrize("turns", range(8))
def test_what_the_job_may_read_again_is_kept(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job], turns: int
) -> None:
    log_example(hubs)
    first = new_job()
    for _ in range(turns):
        first.step()
        trim_all(hubs)  # every event is older than a day
    first.stop()
    run(new_job())

    expect_example_once(redis)


def test_what_the_job_is_done_with_goes(hubs: Hubs, new_job: Callable[[], Job]) -> None:
    log_example(hubs)
    job = new_job()
    job.step()
    assert trim_all(hubs) < len(EVENTS)
    run(job)
    trim_all(hubs)

    assert [hubs["events"].read(partition) for partition in range(4)] == [[]] * 4


def test_events_that_give_no_row_go_when_their_windows_have_closed(hubs: Hubs, new_job: Callable[[], Job]) -> None:
    job = new_job()
    hubs["events"].append([Event(b"no JSON", "7")], enqueued_ms=enqueued_ms("10:15"))
    run(job)
    trim_all(hubs)

    assert hubs["events"].read(3) == []


def test_new_events_go_on_where_the_job_was(redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]) -> None:
    job = new_job()
    run(job)
    hubs["events"].append([event({"eventid": "e1", "n": n}) for n in range(3)])
    run(job)

    assert archived(redis) == [{"eventid": "e1", "n": n} for n in range(3)]


def test_events_of_one_time_are_all_in_the_window_that_ends_there(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]
) -> None:
    for reward in (1, 3, 2):
        hubs["events"].append([event({"eventid": "e1", "reward": reward})], enqueued_ms=enqueued_ms("11:00"))
    run(new_job())

    assert [row["reward"] for _, row in output(redis, "OutputWindow")] == [3, 3]


def test_a_partition_that_is_a_window_ahead_waits_for_the_slowest(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]
) -> None:
    slow, fast = "e1", "e2"
    assert partition_of(slow, 4) != partition_of(fast, 4)
    for hour in range(10, 20):
        hubs["events"].append([event({"eventid": slow})], enqueued_ms=enqueued_ms("10:00"))
        hubs["events"].append([event({"eventid": fast})], enqueued_ms=enqueued_ms(f"{hour}:00"))
    job = new_job()
    for _ in range(8):
        job.step()

    read = [row["eventid"] for row in archived(redis)]
    assert (read.count(slow), read.count(fast)) == (8, 4)  # 10:00 to 13:00: then it is more than 2 hours ahead


def test_bodies_that_are_no_json_objects_are_counted_and_block_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]
) -> None:
    bad = [b"", b"{", b"7", b'[{"eventid": "e1"}, 7]', b"\xff", b'"\\ud800"', b"[" * 100_000, b'{"a": 1e999}']
    hubs["events"].append([Event(body, "k") for body in (*bad, b'[{"n": 1}, {"n": 2}]', b"[]", b'{"n": 3}')])
    job = new_job()
    run(job)
    job.stop()
    run(new_job())  # counts nothing again

    assert archived(redis) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert redis.hget(job.checkpoint.key, INPUT) == str(len(bad)).encode()


def test_a_body_nested_to_any_depth_blocks_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: Callable[[], Job]
) -> None:
    depths = range(900, 1100)  # some can be read, and then not be written, for want of stack
    hubs["events"].append([Event(b'{"a":%s1%s}' % (b"[" * d, b"]" * d), "k") for d in depths])
    job = new_job()
    run(job)

    counts = job.checkpoint.load().counts
    assert len(StreamOutput(redis, "Output").read(limit=1000)) + counts[INPUT] + counts[ROW] == len(depths)


BOARD_JOB = """
[inputs.i]
hub = "events"
[outputs.o]
type = "stream"
[[boards]]
from = "o"
board = "b"
member = "who"
score = "points"
mode = "add"
"""


def test_a_board_that_another_program_wrote_to_costs_its_scores_and_no_row(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path
) -> None:
    (tmp_path / "query.asaql").write_text("SELECT who, points INTO o FROM i")
    (tmp_path / "job.toml").write_text(BOARD_JOB)
    board = Board(redis, "b")
    board.set("ann", Decimal(1))
    redis.zadd(board.shards[0].keys[0], {"eve": 1})
    hubs["events"].append([Event(b'{"who": "ann", "points": 1}', "k")] * 2)
    job = Job.load(tmp_path, redis, hubs)
    run(job)
    board.rebuild()
    hubs["events"].append([Event(b'{"who": "ann", "points": 5}', "k")])
    run(job)

    assert len(output(redis, "o")) == 3
    assert board.standing("ann").score == 6
    assert redis.hget(job.checkpoint.key, BOARD) == b"2"


def test_a_board_may_keep_the_greatest_score(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    (tmp_path / "query.asaql").write_text("SELECT who, points INTO o FROM i")
    (tmp_path / "job.toml").write_text(BOARD_JOB.replace('"add"', '"max"'))
    hubs["events"].append([Event(b'{"who": "ann", "points": %d}' % n, "k") for n in (3, 7, 5)])
    run(Job.load(tmp_path, redis, hubs))

    assert Board(redis, "b").standing("ann").score == 7


def test_boards_of_another_server_can_t_be_written_with_the_rows(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path
) -> None:
    (tmp_path / "query.asaql").write_text("SELECT who, points INTO o FROM i")
    (tmp_path / "job.toml").write_text(BOARD_JOB)

    with pytest.raises(InvalidJob, match="written in one transaction"):
        Job.load(tmp_path, redis, hubs, Boards(redis, shards=2))


def test_what_a_board_can_t_take_is_counted_and_the_rest_is_written(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path
) -> None:
    (tmp_path / "query.asaql").write_text("SELECT who, points INTO o FROM i")
    (tmp_path / "job.toml").write_text(BOARD_JOB)
    refused: list[dict[str, Any]] = [
        {"who": "ann"},
        {"points": 1},
        {"who": "", "points": 1},
        {"who": "ann", "points": None},
        {"who": "ann", "points": "1"},
        {"who": "ann", "points": True},
        {"who": True, "points": 1},
        {"who": "ann", "points": 0.0000001},
        {"who": "ann", "points": 10**30},
        {"who": "rich", "points": 9_000_000_000},  # once more, and its sum is out of range
    ]
    taken = [{"who": "ann", "points": 0.1}, {"who": "ann", "points": 0.2}, {"who": "rich", "points": 9_000_000_000}]
    rows = [{"who": 7, "points": 0}, *taken, *refused]
    hubs["events"].append([Event(msgspec.json.encode(row), "k") for row in rows])
    job = Job.load(tmp_path, redis, hubs)
    run(job)
    hubs["events"].append([Event(b"{}", "k")])  # a refusal by Redis is known after its commit, and saved by the next
    run(job)

    assert {row.member: row.score for row in Board(redis, "b").members(0, 9).members} == {
        "7": Decimal(0),
        "ann": Decimal("0.3"),
        "rich": Decimal(9_000_000_000),
    }
    assert len(output(redis, "o")) == len(rows) + 1
    assert redis.hget(job.checkpoint.key, BOARD) == str(len(refused) + 1).encode()
