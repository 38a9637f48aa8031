"""kill -9 amid work on whole boards, beside a writer: no board is a part, and what was answered counts once.

The writer gives rewards of 1, each with an event. So a board is right if each member has as many points as there are
events of it, and it is of one moment if these are the first that its shard got. `TIMES=20 pytest
tests/boards/test_kills.py` kills twenty times as often.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.boards import Board, BoardChanged, Boards, BulkChange, UnknownBoard, bulk
from pipeline.boards.keys import EVENTS, name
from pipeline.boards.shard import shard_of
from pipeline.settings import Settings
from pipeline.store.client import cluster_client

from .stored import nodes_of
from .test_crash import server

MEMBERS = [f"m{number}" for number in range(120)]
OLD = Decimal(10**6)  # each score of the board that is replaced
ROUNDS = range(int(os.environ.get("TIMES", "1")))
SHARDS = 3
KEEP = 40

T = TypeVar("T")


def patiently(do: Callable[[], T]) -> T:
    """Do something that the process may have held a board against, for as long as it can be held."""
    for _ in range(60):
        with suppress(BoardChanged):
            return do()
    return do()


# -- the process that is killed ---------------------------------------------------------------------------------------


def copy(boards: Boards) -> Iterator[None]:
    while True:
        boards["a"].copy("b", replace=True)
        yield


def union(boards: Boards) -> Iterator[None]:
    while True:
        boards["b"].union({"a": Decimal(2), "plus": Decimal(1)}, replace=True)
        yield


def rename(boards: Boards) -> Iterator[None]:
    for number in count():
        with suppress(UnknownBoard):  # nothing was written since the last time
            boards["a"].rename(f"s{number}")
            yield


def import_(boards: Boards) -> Iterator[None]:
    lines = [list(boards[source].export()) for source in ("plus", "old")]
    for number in count():
        boards["b"].import_(lines[number % 2], replace=True)
        yield


def rebuild(boards: Boards) -> Iterator[None]:
    while True:
        boards["a"].rebuild()
        yield


def trim(boards: Boards) -> Iterator[None]:
    while True:
        boards["a"].trim(keep=KEEP)
        yield


def apply(boards: Boards) -> Iterator[None]:
    bulk.WINDOW = 200
    for number, outcome in enumerate(boards["a"].apply(bulk_of(3_000))):
        assert outcome.error is None
        if number % 100 == 99:
            yield


def bulk_of(size: int) -> list[BulkChange]:
    rnd = random.Random(size)
    return [BulkChange(rnd.choice(MEMBERS), reward=Decimal(1), event=f"bulk-{number}") for number in range(size)]


def work(connect: Callable[[], Any], shards: int, do: Callable[[Boards], Iterator[None]], pipe: Connection) -> None:
    for number, _ in enumerate(do(Boards(connect(), shards))):
        if number < 100:  # more would fill the pipe
            pipe.send(None)


# -- the one that writes ----------------------------------------------------------------------------------------------


class Writer:
    """Gives rewards until it is stopped; those in `sent` were all acknowledged, but for the last one perhaps."""

    def __init__(self, board: Board, is_new: bool) -> None:
        self.board, self.is_new = board, is_new
        self.sent: list[tuple[str, str]] = []
        self.acknowledged = 0
        self.more = threading.Condition()
        self.is_done = False
        self.error: Exception | None = None

    def _run(self) -> None:
        rnd = random.Random(1)
        for number in count():
            member, event = rnd.choice(MEMBERS), f"e{number}"
            if self.is_new:
                member = f"w{number:06}"
            self.sent.append((member, event))
            try:
                while not self._write(member, event, Decimal(number + 1) if self.is_new else Decimal(1)):
                    pass
            except Exception as exc:
                self.error = exc
            with self.more:
                self.acknowledged += self.error is None and not self.is_done
                self.more.notify()
            if self.is_done or self.error:
                return

    def _write(self, member: str, event: str, reward: Decimal) -> bool:
        with suppress(BoardChanged):
            self.board.add(member, reward, event)
            return True
        return self.is_done

    def wait_for(self, more: int) -> None:
        with self.more:
            wanted = self.acknowledged + more
            self.more.wait_for(lambda: self.acknowledged >= wanted or self.error, timeout=20)

    @contextmanager
    def beside(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.is_done = True
            thread.join()


# -- what is found ----------------------------------------------------------------------------------------------------


class Found:
    """What is stored of a board: scores, and ids of events, by shard."""

    def __init__(self, board: Board) -> None:
        self.scores: list[dict[str, int]] = []
        self.events: list[set[str]] = []
        for shard in board.shards:
            rows: Any = shard.client.execute_command("ZRANGE", shard.keys[0], 0, -1)
            scores: Any = shard.client.execute_command("ZMSCORE", shard.keys[0], *rows) if rows else []
            self.scores.append({row.decode(): int(score) // 10**6 for row, score in zip(rows, scores, strict=True)})
            events: Any = shard.client.execute_command("ZRANGE", name(EVENTS, shard.tag), 0, -1)
            self.events.append({event.decode() for event in events})

    @property
    def all_events(self) -> set[str]:
        return set().union(*self.events)


def points(events: Iterable[tuple[str, str]], there: set[str]) -> Counter[str]:
    return Counter(member for member, event in events if event in there)


def expect_counted_once(board: Board, sent: list[tuple[str, str]], before: int = 0) -> Found:
    """Each member has `before`, and a point for each event that the board knows of it."""
    found = Found(board)
    for number, (scores, there) in enumerate(zip(found.scores, found.events, strict=True)):
        counted = points(sent, there)
        mine = [one for one in MEMBERS if shard_of(one, len(found.scores)) == number]
        assert scores == {one: before + counted[one] for one in mine if before or counted[one]}
    return found


def expect_old_or_of_a_moment(board: Board, sent: list[tuple[str, str]], factor: int = 1, more: int = 0) -> None:
    """The board has the first events that each shard got, or is the old one on all shards."""
    found = Found(board)
    if any(score == OLD for scores in found.scores for score in scores.values()):
        assert found.scores == [dict.fromkeys(scores, int(OLD)) for scores in found.scores]
        assert sum(map(len, found.scores)) == len(MEMBERS)
        return
    for number, scores in enumerate(found.scores):
        its = [(member, event) for member, event in sent if shard_of(member, len(found.scores)) == number]
        mine = [one for one in MEMBERS if shard_of(one, len(found.scores)) == number]
        counted = Counter[str]()
        states = [dict.fromkeys(mine, factor + more)]
        for member, _ in its:
            counted[member] += 1
            states.append({one: factor * (1 + counted[one]) + more for one in mine})
        assert scores in states
        if factor == 1 and not more:  # a copy has the events, too
            assert found.events[number] == {event for _, event in its[: states.index(scores)]}


# -- the tests --------------------------------------------------------------------------------------------------------


def fill(board: Board, score: Decimal) -> None:
    assert all(one.error is None for one in board.apply(BulkChange(member, score=score) for member in MEMBERS))


def connector(request: pytest.FixtureRequest, where: str) -> Callable[[], Any]:
    if where == "cluster":
        request.getfixturevalue("cluster")
        settings: Settings = request.getfixturevalue("cluster_settings")
        return lambda: cluster_client(settings.boards_cluster, settings.environment)
    request.getfixturevalue("redis")
    url: str = request.getfixturevalue("redis_url")
    return lambda: redis_py.Redis(unix_socket_path=url.removeprefix("unix://"), retry=Retry(NoBackoff(), 0))


def disturbed(
    connect: Callable[[], Any], boards: Boards, do: Callable[[Boards], Iterator[None]], seed: int, kill: Any = None
) -> Writer:
    """Let a process do something again and again beside a writer, and kill it, or another one, at a random moment."""
    rnd, context = random.Random(f"{do.__name__} {boards.shards} {seed}"), multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(connect, boards.shards, do, sender))
    writer = Writer(Boards(connect(), boards.shards)["a"], is_new=do is trim)
    child.start()
    sender.close()
    try:
        with writer.beside():
            for _ in range(rnd.randrange(1, 4)):
                receiver.recv()
            writer.wait_for(rnd.randrange(1, 40))
            (kill or child.kill)()
            if kill is None:
                child.join()
                writer.wait_for(1)
    finally:
        child.kill()
        child.join()
        receiver.close()
    assert kill or writer.error is None
    return writer


def expect_right(do: Callable[[Boards], Iterator[None]], boards: Boards, writer: Writer) -> None:
    """What was acknowledged is there, boards are whole, and what was broken off can be done again."""
    sent, a, b = writer.sent, boards["a"], boards["b"]
    acknowledged = {event for _, event in sent[: writer.acknowledged]}
    names = boards.names().names
    for one in names:
        patiently(boards[one].check)
    if do is rename:
        seasons = [Found(boards[one]) for one in names if one.startswith("s")]
        last, now = seasons[-1], expect_counted_once(a, sent)
        known = Counter(event for one in [*seasons, now] for event in one.all_events)
        both = {event for event, times in known.items() if times > 1}
        assert acknowledged <= known.keys()
        if both:  # killed between the last two steps: each shard has been deleted, or not yet
            last = next(one for one in seasons if both & one.all_events)
            assert max(known.values()) == 2
            assert all(one.all_events.isdisjoint(both) for one in seasons if one is not last)
            assert all(not both & there or there <= both for there in last.events)
    elif do is trim:
        best = dict(sorted(((member, n + 1) for n, (member, _) in enumerate(sent)), reverse=True))
        there = {one: score for scores in Found(a).scores for one, score in scores.items() if one in best}
        assert set(list(best)[1 : KEEP + 1]) <= there.keys()
        assert there.items() <= best.items()
        assert patiently(lambda: a.trim(keep=KEEP)).count == KEEP
        assert {row.member for row in a.members(0, 99).members} >= set(list(best)[1:KEEP])
    elif do is apply:
        all_of_them = [(one.member, one.event) for one in bulk_of(3_000)]
        assert acknowledged <= expect_counted_once(a, [*sent, *all_of_them], 1).all_events
        assert not [one for one in patiently(lambda: list(a.apply(bulk_of(3_000)))) if one.error]
        known_ids = expect_counted_once(a, [*sent, *all_of_them], 1).all_events
        assert {event for _, event in all_of_them} <= known_ids
    else:
        assert acknowledged <= expect_counted_once(a, sent, 1).all_events
    if do is copy:
        expect_old_or_of_a_moment(b, sent)
        patiently(lambda: b.union({"a": Decimal(1)}, replace=True))
        patiently(lambda: a.copy("b", replace=True))
        expect_old_or_of_a_moment(b, sent)
    elif do is union:
        expect_old_or_of_a_moment(b, sent, 2, 5)
        patiently(lambda: b.union({"a": Decimal(2), "plus": Decimal(1)}, replace=True))
        expect_old_or_of_a_moment(b, sent, 2, 5)
    elif do is import_:
        assert list(patiently(lambda: list(b.export()))) in [
            list(boards["old"].export()),
            list(boards["plus"].export()),
        ]
        lines = list(a.export())
        patiently(lambda: b.import_(lines, replace=True))
        assert list(b.export()) == lines
    elif do is rebuild:
        patiently(a.rebuild)
        expect_counted_once(a, sent, 1)
    for one in boards.names().names:
        patiently(boards[one].check)
    for node in nodes_of(boards.client):  # what was being built ends by itself
        assert [key for key in node.scan_iter("*:new:*") if node.pttl(key) < 0] == []
        assert [key for key in node.scan_iter("*:held") if node.pttl(key) < 0] == []


def prepare(boards: Boards, do: Callable[[Boards], Iterator[None]]) -> None:
    if do is not rename:
        fill(boards["a"], Decimal(1))
    fill(boards["plus"], Decimal(5))
    fill(boards["old"], OLD)
    boards["old"].copy("b")


KINDS = [copy, union, rename, import_, rebuild, trim, apply]


@pytest.mark.parametrize("seed", ROUNDS)
@pytest.mark.parametrize("do", KINDS)
@pytest.mark.parametrize("where", ["three shards", "cluster"])
def test_a_process_that_is_killed_leaves_no_part(
    request: pytest.FixtureRequest, where: str, do: Callable[[Boards], Iterator[None]], seed: int
) -> None:
    connect = connector(request, where)
    boards = Boards(connect(), SHARDS)
    for node in nodes_of(boards.client):
        node.flushall()
    prepare(boards, do)

    writer = disturbed(connect, boards, do, seed)

    expect_right(do, boards, writer)


@pytest.mark.parametrize("seed", ROUNDS)
@pytest.mark.parametrize("do", KINDS)
def test_a_redis_that_is_killed_leaves_no_part(
    tmp_path: Path, do: Callable[[Boards], Iterator[None]], seed: int
) -> None:
    socket = tmp_path / "redis.sock"

    def connect() -> redis_py.Redis:
        return redis_py.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))

    with server(tmp_path) as running:
        boards = Boards(connect(), 1)
        prepare(boards, do)
        writer = disturbed(connect, boards, do, seed, running.kill)

    with server(tmp_path):
        expect_right(do, Boards(connect(), 1), writer)
