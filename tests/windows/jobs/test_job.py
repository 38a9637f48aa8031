from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py
from redis.client import Pipeline

from pipeline.boards import Boards
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.hub.retention import trim
from pipeline.windows.jobs.exchange import Exchange
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.jobs.stages import PartitionTask
from pipeline.windows.jobs.state import Checkpoint, Guarded
from pipeline.windows.language.ticks import isoformat
from pipeline.windows.operators.faults import BOARD, BOARD_NULL, INPUT, ROW

from ..support.crashes import Crash, Fuse, die
from ..support.example import EVENTS, JOB, WINDOW_ROWS, enqueued_ms, event
from ..support.running_jobs import end, load, run, stop

# Each row after the end of its window.
Rows = list[tuple[str | None, dict[str, Any]]]
EXPECTED: Rows = [(isoformat(end), row) for end, row in WINDOW_ROWS]

NewJob = Callable[..., Job]


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 4})


@pytest.fixture
def new_job(redis: redis_py.Redis, hubs: Hubs) -> Iterator[NewJob]:
    """Make a job as a worker does when it starts. Its tasks take one event in a turn, and then save their state."""
    made: list[Job] = []

    def new(folder: Path = JOB, seconds: float = 0.0, batch: int = 1, beat: float = 0.0) -> Job:
        made.append(load(folder, redis, hubs, pacing=Pacing(seconds, batch), beat=beat))
        return made[-1]

    yield new
    for job in made:
        end(job)


def log_example(hubs: Hubs) -> None:
    for when, columns in EVENTS:
        hubs["events"].append([event(columns)], enqueued_ms=enqueued_ms(when))


def trim_all(hubs: Hubs) -> int:
    return sum(trim(hubs["events"], partition) for partition in range(4))


def output(redis: redis_py.Redis, name: str) -> Rows:
    return [(entry.window_end, msgspec.json.decode(entry.row)) for entry in StreamOutput(redis, name).read()]


def archived(redis: redis_py.Redis) -> list[dict[str, Any]]:
    """Return the rows of `SELECT * INTO Output` by arrival, without the columns that the hub adds."""
    rows = sorted((row for _, row in output(redis, "Output")), key=lambda row: row["EventEnqueuedUtcTime"])
    return [{name: value for name, value in row.items() if not name.endswith(("UtcTime", "Id"))} for row in rows]


def expect_example_once(redis: redis_py.Redis) -> None:
    rows = output(redis, "OutputWindow")
    assert sorted(rows, key=lambda row: (row[0] or "", row[1]["eventid"])) == EXPECTED
    assert archived(redis) == [columns for _, columns in EVENTS]
    board = Boards(redis)["actions"]
    # offer_a: e1 0.2 + 1.0, e3 none while its context is in the window; offer_b: e2 0.5
    assert {row.member: row.score for row in board.members(0, 10).members} == {
        "offer_a": Decimal("1.2"),
        "offer_b": Decimal("0.5"),
    }


def counts(job: Job) -> dict[str, int]:
    """Return the totals of all tasks from their checkpoints."""
    status = [task.checkpoint.load().counts for task in job.tasks]
    return dict(sum(status, Counter()))


@pytest.fixture(params=["merged", "parallel"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The job twice: with its groups in a merging task, and with its groups by partition, since the key is known."""
    if request.param == "merged":
        return JOB
    made = tmp_path / JOB.name
    shutil.copytree(JOB, made)
    toml = made / "job.toml"
    toml.write_text(toml.read_text().replace('hub = "events"', 'hub = "events"\npartition_key = "eventid"'))
    return made


#: How often the state is saved. Without snapshots, everything is read again after a restart.
SNAPSHOTS = pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["state saved each turn", "state never saved"])


@pytest.mark.cluster
@SNAPSHOTS
def test_the_worked_example_over_four_partitions(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path, seconds: float
) -> None:
    log_example(hubs)
    run(new_job(folder, seconds))

    expect_example_once(redis)


def test_merged_rows_are_in_the_order_of_their_windows(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    log_example(hubs)
    run(new_job())

    assert output(redis, "OutputWindow") == EXPECTED


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
@SNAPSHOTS
def test_a_restart_at_any_turn_gives_each_row_once(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path, turns: int, seconds: float
) -> None:
    log_example(hubs)
    first = new_job(folder, seconds)
    for _ in range(turns):
        first.step()
    stop(first)
    run(new_job(folder))

    expect_example_once(redis)


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    ("after", "restart"),
    [
        pytest.param(False, True, id="before Redis has it"),
        pytest.param(True, True, id="after Redis has it"),
        pytest.param(True, False, id="after Redis has it, but the process lives"),
    ],
)
@SNAPSHOTS
def test_a_crash_at_any_commit_gives_each_row_once(
    redis: redis_py.Redis,
    hubs: Hubs,
    new_job: NewJob,
    folder: Path,
    nth: int,
    after: bool,
    restart: bool,
    seconds: float,
) -> None:
    log_example(hubs)
    job = new_job(folder, seconds)
    Fuse(job, nth, after)
    with pytest.raises(Crash):
        run(job)
    if restart:
        die(job)
        job = new_job(folder, seconds)
    run(job)

    expect_example_once(redis)


@pytest.mark.cluster
def test_two_workers_share_the_tasks(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path) -> None:
    log_example(hubs)
    jobs = [new_job(folder), new_job(folder)]
    for _ in range(30):
        for job in jobs:
            for worker in job.workers:
                worker.step()

    held = [job.share.held for job in jobs]
    assert all(held)
    assert not held[0] & held[1]
    expect_example_once(redis)


@pytest.mark.cluster
def test_a_task_that_another_worker_took_meanwhile_doubles_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path
) -> None:
    log_example(hubs)
    paused, other = new_job(folder), new_job(folder)
    paused.step()
    for lease in paused.share.leases:
        redis.delete(lease.key)
    other.share.held = set(range(len(other.tasks)))
    for lease in other.share.leases:
        lease.hold()
    other.share._next_beat = time.monotonic() + 60
    for _ in range(3):
        other.step()
    while paused.step():
        pass
    die(paused)
    die(other)
    run(new_job(folder))

    expect_example_once(redis)


@pytest.mark.cluster
def test_a_commit_that_another_was_faster_with_writes_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    log_example(hubs)
    job = new_job()

    class Late(Checkpoint):
        def commit(self, pipe: Pipeline, guarded: Guarded) -> list[Any]:
            self.redis.hincrby(self.key, "commits", 1)
            return super().commit(pipe, guarded)

    for task in job.tasks:
        task.checkpoint = Late(redis, job.name, task.name)
    assert job.step() == 0
    assert (output(redis, "Output"), counts(job)) == ([], {})


def test_a_pause_writes_nothing(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path) -> None:
    log_example(hubs)
    job = new_job(folder)
    run(job)
    before = [redis.hgetall(task.checkpoint.key) for task in job.tasks]

    assert [job.step() for _ in range(3)] == [0, 0, 0]
    assert [redis.hgetall(task.checkpoint.key) for task in job.tasks] == before


@pytest.mark.parametrize("turns", [1, 2, 4])
@SNAPSHOTS
def test_what_the_job_may_read_again_is_kept(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path, turns: int, seconds: float
) -> None:
    log_example(hubs)
    first = new_job(folder, seconds)
    for _ in range(turns):
        first.step()
        trim_all(hubs)  # every event is older than a day
    die(first)
    run(new_job(folder))

    expect_example_once(redis)


@pytest.mark.cluster
def test_what_the_job_is_done_with_goes(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path) -> None:
    log_example(hubs)
    job = new_job(folder)
    job.step()
    assert trim_all(hubs) < len(EVENTS)
    run(job)
    trim_all(hubs)

    assert [hubs["events"].read(partition) for partition in range(4)] == [[]] * 4
    assert [redis.xlen(exchange.key) for exchange in exchanges(job)] == [0] * len(exchanges(job))


def exchanges(job: Job) -> list[Exchange]:
    return [task.exchange for task in job.tasks if isinstance(task, PartitionTask) and task.exchange is not None]


def test_a_job_that_ends_saves_its_state(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, folder: Path) -> None:
    log_example(hubs)
    job = new_job(folder, 1e9)
    run(job)
    stop(job)
    trim_all(hubs)

    assert [hubs["events"].read(partition) for partition in range(4)] == [[]] * 4
    run(new_job(folder))
    expect_example_once(redis)


def test_events_that_give_no_row_go(hubs: Hubs, new_job: NewJob) -> None:
    job = new_job()
    hubs["events"].append([Event(b"no JSON", "7")], enqueued_ms=enqueued_ms("10:15"))
    run(job)
    trim_all(hubs)

    assert hubs["events"].read(3) == []


@pytest.mark.cluster
def test_new_events_go_on_where_the_job_was(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    job = new_job()
    run(job)
    hubs["events"].append([event({"eventid": "e1", "n": n}) for n in range(3)])
    run(job)

    assert archived(redis) == [{"eventid": "e1", "n": n} for n in range(3)]


def test_events_of_one_time_are_all_in_the_window_that_ends_there(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    for reward in (1, 3, 2):
        hubs["events"].append([event({"eventid": "e1", "reward": reward})], enqueued_ms=enqueued_ms("11:00"))
    run(new_job())

    assert [row["reward"] for _, row in output(redis, "OutputWindow")] == [3, 3]


def test_bodies_that_are_no_json_objects_are_counted_and_block_nothing(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    bad = [b"", b"{", b"7", b'[{"eventid": "e1"}, 7]', b"\xff", b'"\\ud800"', b"[" * 100_000, b'{"a": 1e999}']
    hubs["events"].append([Event(body, "k") for body in (*bad, b'[{"n": 1}, {"n": 2}]', b"[]", b'{"n": 3}')])
    job = new_job()
    run(job)
    stop(job)
    run(new_job())  # counts nothing again

    assert archived(redis) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert counts(job)[INPUT] == len(bad)


def test_a_body_nested_to_any_depth_blocks_nothing(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    depths = [*range(90, 110), *range(900, 1100, 10)]
    hubs["events"].append([Event(b'{"a":%s1%s}' % (b"[" * d, b"]" * d), "k") for d in depths])
    job = new_job()
    run(job)

    found = counts(job)
    assert len(StreamOutput(redis, "Output").read(limit=1000)) + found[INPUT] + found.get(ROW, 0) == len(depths)


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


def job_folder(path: Path, toml: str = BOARD_JOB, query: str = "SELECT who, points INTO o FROM i") -> Path:
    folder = path / "j"
    folder.mkdir(exist_ok=True)
    (folder / "query.asaql").write_text(query)
    (folder / "job.toml").write_text(toml)
    return folder


def test_a_board_that_another_program_wrote_to_costs_its_scores_and_no_row(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, tmp_path: Path
) -> None:
    board = Boards(redis)["b"]
    board.set("ann", Decimal(1))
    redis.zadd(board.shards[0].keys[0], {"eve": 1})
    hubs["events"].append([Event(b'{"who": "ann", "points": 1}', "k")] * 2)
    job = new_job(job_folder(tmp_path))
    run(job)
    board.rebuild()
    hubs["events"].append([Event(b'{"who": "ann", "points": 5}', "k")])
    run(job)

    assert len(output(redis, "o")) == 3
    assert board.standing("ann").score == 6
    assert counts(job)[BOARD] == 2


def test_a_board_that_was_given_other_places_is_written_from_the_next_turn_on(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def send(points: str) -> None:
        hubs["events"].append([Event(b'{"who": "ann", "points": %s}' % points.encode(), "k")])
        run(job)

    job = new_job(job_folder(tmp_path))
    send("1.25")
    Boards(redis)["b"].delete()
    Boards(redis)["b"].configure(places=2)

    send("2.25")  # is lost: its transaction has the old places
    send("1.25")
    send("1.25")

    assert Boards(redis)["b"].summary().sum == Decimal("2.5")
    assert counts(job)[BOARD] == 1
    assert "board b: a score is lost: the board has 2 places" in caplog.text
    assert len(output(redis, "o")) == 4


def test_a_board_of_a_day_that_a_job_makes_is_deleted_with_its_day(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, tmp_path: Path
) -> None:
    hubs["events"].append([Event(b'{"who": "ann", "points": 1}', "k")])
    run(new_job(job_folder(tmp_path, BOARD_JOB.replace('"b"', '"b@day"'))))

    board = Boards(redis)["b@day"]
    assert board.summary().expires is not None
    assert redis.pttl(board.shards[0].keys[0]) > 0


@pytest.mark.parametrize(("mode", "score"), [("max", 7), ("min", 3)])
def test_a_board_may_keep_the_best_score(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, tmp_path: Path, mode: str, score: int
) -> None:
    hubs["events"].append([Event(b'{"who": "ann", "points": %d}' % n, "k") for n in (5, 3, 7, 6)])
    run(new_job(job_folder(tmp_path, BOARD_JOB.replace('"add"', f'"{mode}"'))))

    assert Boards(redis)["b"].standing("ann").score == score


def test_what_a_board_can_t_take_is_counted_and_the_rest_is_written(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, tmp_path: Path
) -> None:
    refused: list[dict[str, Any]] = [
        {"who": "ann"},
        {"points": 1},
        {"who": "", "points": 1},
        {"who": "a\0b", "points": 1},
        {"who": "ann", "points": None},
        {"who": "ann", "points": "1"},
        {"who": "ann", "points": True},
        {"who": True, "points": 1},
        {"who": "ann", "points": 0.0000001},
        {"who": "ann", "points": 10**18},
        {"who": "rich", "points": 9_000_000_000},  # once more would put the sum out of range
    ]
    taken = [{"who": "ann", "points": 0.1}, {"who": "ann", "points": 0.2}, {"who": "rich", "points": 9_000_000_000}]
    rows = [{"who": 7, "points": 0}, *taken, *refused]
    hubs["events"].append([Event(msgspec.json.encode(row), "k") for row in rows])
    job = new_job(job_folder(tmp_path))
    run(job)
    # A refusal by Redis is known after its commit, and saved with the next one.
    hubs["events"].append([Event(b"{}", "k")])
    run(job)

    assert {row.member: row.score for row in Boards(redis)["b"].members(0, 9).members} == {
        "7": Decimal(0),
        "ann": Decimal("0.3"),
        "rich": Decimal(9_000_000_000),
    }
    assert len(output(redis, "o")) == len(rows) + 1
    nulls = 4  # three of `refused`, and the last event
    assert (counts(job)[BOARD], counts(job)[BOARD_NULL]) == (len(refused) + 1 - nulls, nulls)
