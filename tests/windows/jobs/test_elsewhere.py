"""Rows for places in Redis that a job's transaction can't reach: boards that are split or elsewhere, and streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import Boards
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.outputs.elsewhere import BoardReceiver
from pipeline.windows.operators.faults import BOARD_NULL

from ..support.crashes import Crash, Dying, Fuse, die
from ..support.outboxes import delivery_status
from ..support.running_jobs import load, rows, run

TOML = """
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
[[boards]]
from = "o"
board = "b"
member = "other"
score = "points"
mode = "add"
"""

EVENTS = 40
MEMBERS = 7


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 2})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (folder := tmp_path / "j").mkdir()
    (folder / "query.asaql").write_text("SELECT who, other, points INTO o FROM i")
    (folder / "job.toml").write_text(TOML)
    return folder


@pytest.fixture
def boards(place: str, request: pytest.FixtureRequest, redis: redis_py.Redis, settings: Settings) -> Boards:
    """Boards that are not where the job's transaction is."""
    match place:
        case "on the cluster":
            return Boards(request.getfixturevalue("cluster"), shards=8)
        case "on the server":
            return Boards(redis_client(settings))
    return Boards(redis, shards=3)


def send(hubs: Hubs) -> None:
    for n in range(EVENTS):
        body = b'{"who": "m%d", "other": "o", "points": %d}' % (n % MEMBERS, n)
        hubs["events"].append([Event(body, f"k{n % 3}")])


def expect_each_once(redis: redis_py.Redis, boards: Boards) -> None:
    found = {each.member: each.score for each in boards["b"].members(0, 100).members}
    wanted = {f"m{m}": sum(range(m, EVENTS, MEMBERS)) for m in range(MEMBERS)}
    assert found == {**wanted, "o": sum(range(EVENTS))}
    assert sorted(row["points"] for _, row in rows(redis, "o")) == list(range(EVENTS))


class Half(BoardReceiver):
    """Dies when it has written to the first of several shards."""

    def _parts(self, rows: Iterable[Any]) -> Iterator[Any]:
        first, *others = super()._parts(rows)
        yield first
        if others:
            raise Crash


@pytest.mark.parametrize(
    ("where", "place"),
    [("server", "split"), ("server", "on the cluster"), ("cluster", "split"), ("cluster", "on the server")],
    indirect=["where"],
)
def test_each_row_is_written_once_although_workers_die(
    redis: redis_py.Redis, hubs: Hubs, boards: Boards, folder: Path
) -> None:
    send(hubs)
    for death in range(1, 6):  # after so many turns, with a batch that is on its way
        job = load(folder, redis, hubs, boards, pacing=Pacing(0.0, 5), beat=0.0)
        for _ in range(death):
            job.step()
        for delivery in job.deliveries:
            receiver: Any = delivery.outbox.receiver
            is_board = isinstance(receiver, BoardReceiver)
            delivery.outbox.receiver = (
                Half(receiver.boards, receiver.board) if is_board and death % 2 else Dying(receiver)
            )
            with suppress(Crash):
                delivery.step()
        die(job)
    job = load(folder, redis, hubs, boards, beat=0.0)
    run(job)
    die(job)

    expect_each_once(redis, boards)
    assert delivery_status(redis, "j", "board b").delivered == 2 * EVENTS


@pytest.mark.cluster
def test_a_batch_of_a_worker_that_was_paused_is_written_by_nobody_twice(
    redis: redis_py.Redis, hubs: Hubs, folder: Path
) -> None:
    boards = Boards(redis, shards=3)
    send(hubs)
    job = load(folder, redis, hubs, boards, pacing=Pacing(0.0, 5), beat=0.0)
    job.step()
    boxes = [delivery.outbox for delivery in job.deliveries]
    receivers: list[Any] = [box.receiver for box in boxes]
    kept = [Kept(receiver) for receiver in receivers]
    for box, its in zip(boxes, kept, strict=True):
        box.receiver = its
    run(job)
    for its in (*kept, *kept):  # the first batches come again, and then the last ones
        for batch in (its.batches[0], its.batches[-1]):
            its.receiver.send(batch)
    die(job)

    expect_each_once(redis, boards)


class Kept:
    """A receiver that keeps what it was sent."""

    def __init__(self, receiver: Any) -> None:
        self.receiver = receiver
        self.batches: list[Any] = []
        self.most_rows, self.key, self.begin = receiver.most_rows, receiver.key, receiver.begin

    def send(self, batch: Any) -> str:
        self.batches.append(batch)
        return str(self.receiver.send(batch))


@pytest.mark.cluster
def test_what_a_board_elsewhere_can_t_take_is_left_out_and_counted(
    redis: redis_py.Redis, hubs: Hubs, folder: Path
) -> None:
    boards = Boards(redis, shards=3)
    for points in (b"null", b"0.12345678", b"2"):  # a NULL, more digits than the board takes, and a score
        hubs["events"].append([Event(b'{"who": "ann", "other": "bob", "points": %s}' % points)], partition=0)
    job = load(folder, redis, hubs, boards, beat=0.0)
    run(job)
    die(job)

    status = delivery_status(redis, "j", "board b")
    assert str(boards["b"].standing("ann").score) == "2"
    assert (status.delivered, status.left_out, status.error) == (2, 2, None)
    assert redis.hget(keys.checkpoint("j", "0"), BOARD_NULL) == b"2"


@pytest.mark.parametrize("where", ["cluster"], indirect=True)
@pytest.mark.parametrize("after", [False, True], ids=["before Redis has it", "after Redis has it"])
@pytest.mark.parametrize("nth", [1, 2, 4, 7])
def test_a_crash_at_a_commit_on_a_cluster_gives_each_row_once(
    redis: redis_py.Redis, hubs: Hubs, folder: Path, nth: int, after: bool
) -> None:
    boards = Boards(redis, shards=3)

    def new() -> Job:
        return load(folder, redis, hubs, boards, pacing=Pacing(0.0, 5), beat=0.0)

    send(hubs)
    Fuse(job := new(), nth, after)
    with pytest.raises(Crash):
        run(job)
    die(job)
    run(job := new())
    die(job)

    expect_each_once(redis, boards)


@pytest.mark.parametrize("where", ["cluster"], indirect=True)
def test_all_that_a_job_has_is_in_one_slot(redis: Any, hubs: Hubs, folder: Path) -> None:
    send(hubs)
    job = load(folder, redis, hubs, beat=0.0)
    job.step()
    its = [key.decode() for key in redis.scan_iter("*job:*")]
    die(job)

    assert {keys.job("j"), keys.checkpoint("j", "0"), keys.state("j", "0"), keys.outbox("j", "o")} & set(its)
    assert {redis.keyslot(key) for key in its} == {redis.keyslot(keys.job("j"))}


@pytest.mark.parametrize("where", ["cluster"], indirect=True)
def test_the_mark_of_a_place_is_beside_it_and_ends_by_itself(redis: Any, hubs: Hubs, folder: Path) -> None:
    send(hubs)
    job = load(folder, redis, hubs, Boards(redis, shards=2), beat=0.0)
    run(job)
    die(job)

    marks = [key.decode() for key in redis.scan_iter("*taken*")]
    slots = {redis.keyslot(key) for key in ("output:o", "{board:b:0}", "{board:b:1}")}
    assert {redis.keyslot(key) for key in marks} == slots
    assert {redis.type(key) for key in marks} == {b"string"}
    assert all(keys.TAKEN_MS - 600_000 < redis.pttl(key) <= keys.TAKEN_MS for key in marks)


@pytest.mark.parametrize("where", ["cluster"], indirect=True)
def test_a_board_of_a_day_is_that_of_the_row_whenever_it_is_delivered(
    redis: redis_py.Redis, hubs: Hubs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = folder / "job.toml"
    toml.write_text(toml.read_text().replace('"b"', '"b@day"'))
    boards = Boards(redis)
    send(hubs)
    job = load(folder, redis, hubs, boards, beat=0.0)
    job.step()
    today = boards["b@day"].name
    monkeypatch.setattr("pipeline.boards.by_name.machine_now", lambda: pytest.fail("the time of a delivery counts"))
    run(job)
    die(job)

    assert len(boards[today].members(0, 100).members) == MEMBERS + 1
