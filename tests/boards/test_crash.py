"""kill -9, of a client and of Redis, in the middle of a bulk: the board is whole, and the bulk can be sent again.

The rewards are applied in chunks, in their order. So the board must afterwards have the sums of the first m rewards,
where m is at least the number of outcomes that came back.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from decimal import Decimal
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy import servers
from pipeline.boards import Board, Boards, BulkChange, bulk
from pipeline.boards.scores import to_units

from ..stack import process

REWARDS = 6_000
WINDOW = 500  # so that outcomes come while there is more to do; also in the client's process
ROUNDS = range(4)

Sums = dict[bytes, int]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "WINDOW", WINDOW)


def rewards(seed: int) -> list[BulkChange]:
    rnd = random.Random(seed)
    return [
        BulkChange(
            f"member:{rnd.randrange(500)}", reward=Decimal(rnd.randrange(-(10**9), 10**9)).scaleb(-6), event=str(n)
        )
        for n in range(REWARDS)
    ]


def sums_so_far(changes: list[BulkChange]) -> Iterator[Sums]:
    """Yield what each member has before the first change, and after each."""
    sums: Sums = {}
    yield sums
    for change in changes:
        assert isinstance(change.reward, Decimal)
        member = change.member.encode()
        sums[member] = sums.get(member, 0) + to_units(change.reward, "reward")
        yield sums


def connect(socket: Path) -> redis_py.Redis:
    return redis_py.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))


def stored(board: Board) -> Sums:
    assert isinstance(board.shards.client, redis_py.Redis)
    rows: Any = board.shards.client.zrange(board.shards[0].keys[0], 0, -1, withscores=True)
    return dict(rows)


def assert_whole(board: Board, changes: list[BulkChange], returned: int) -> None:
    """The board is whole and has at least what was returned; sent again, all changes are applied once."""
    board.check()
    found = stored(board)
    applied = [n for n, sums in enumerate(sums_so_far(changes)) if n >= returned and sums == found]
    assert applied, f"the board does not have the first changes of the bulk, {returned} or more"

    outcomes = list(board.apply(changes))

    assert [outcome.repeated for outcome in outcomes[:returned]] == [True] * returned
    assert [outcome.error for outcome in outcomes] == [None] * REWARDS
    [*_, all_of_them] = sums_so_far(changes)
    assert stored(board) == all_of_them
    board.check()


def send(socket: Path, seed: int, pipe: Connection) -> None:
    """The client that is killed."""
    bulk.WINDOW = WINDOW
    for _ in Boards(connect(socket))["crash"].apply(rewards(seed)):
        pipe.send(None)


def server(folder: Path) -> AbstractContextManager[Popen[bytes]]:
    """A Redis that writes to disk before it answers. May be called again for the same files."""
    socket = folder / "redis.sock"

    def ready() -> bool:
        try:
            return bool(connect(socket).ping())
        except redis_py.ConnectionError:  # not started yet, or still loading
            return False

    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""]
    return process([*command, "--appendonly", "yes", "--appendfsync", "always"], ready)


@pytest.mark.parametrize("seed", ROUNDS)
def test_a_client_that_is_killed_leaves_the_board_whole(redis: redis_py.Redis, redis_url: str, seed: int) -> None:
    context = multiprocessing.get_context("spawn")
    board = Boards(connect(Path(redis_url.removeprefix("unix://"))))["crash"]
    assert isinstance(board.shards.client, redis_py.Redis)
    board.shards.client.flushdb()
    receiver, sender = context.Pipe(duplex=False)
    client = context.Process(target=send, args=(Path(redis_url.removeprefix("unix://")), seed, sender))
    client.start()
    sender.close()  # otherwise the pipe would stay open after the child's end
    returned = 0
    for _ in range(random.Random(seed).randrange(1, REWARDS)):
        receiver.recv()
        returned += 1
    client.kill()
    client.join()
    while receiver.poll():
        try:
            receiver.recv()
        except EOFError:
            break
        returned += 1
    receiver.close()

    assert_whole(board, rewards(seed), returned)


@pytest.mark.parametrize("seed", ROUNDS)
def test_a_redis_that_is_killed_comes_back_with_all_that_it_answered(tmp_path: Path, seed: int) -> None:
    changes = rewards(seed)
    last = random.Random(seed).randrange(1, REWARDS // 2)
    with server(tmp_path) as running:
        outcomes = Boards(connect(tmp_path / "redis.sock"))["crash"].apply(changes)
        returned = sum(1 for _ in islice(outcomes, last))
        running.kill()
        with suppress(redis_py.ConnectionError):
            for _ in outcomes:  # those of the chunk
                returned += 1
        assert returned < REWARDS

    with server(tmp_path):
        assert_whole(Boards(connect(tmp_path / "redis.sock"))["crash"], changes, returned)
