"""Calls of several threads that share round trips, on a real Redis that is paused while they gather."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import redis as redis_py

from bench.hub_plan import round_trips
from pipeline.store import writes
from pipeline.store.connection import Client
from pipeline.store.together import SMALL, SharedScript

from .. import stack

COUNT = "return ARGV[1] == 'x' and redis.error_reply('X no number') or redis.call('INCRBY', KEYS[1], ARGV[1])"
KEY = "{count}"
T = TypeVar("T")


@pytest.fixture
def script(tmp_path: Path) -> SharedScript:
    file = tmp_path / "count.lua"
    file.write_text(COUNT)
    return SharedScript(file)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        pool.submit(int).result()  # it has a thread, whose sends `gathered` sees
        yield pool


@pytest.fixture
def operator(redis: redis_py.Redis) -> Iterator[redis_py.Redis]:
    """A client of another make, whose new connections write nothing, and so are not paused."""
    with redis_py.Redis(unix_socket_path=redis.connection_pool.connection_kwargs["path"]) as client:
        yield client
        client.client_unpause()


def gathered(
    redis: redis_py.Redis,
    operator: redis_py.Redis,
    script: SharedScript,
    threads: ThreadPoolExecutor,
    call: Callable[[int | str], T],
    args: Sequence[int | str],
) -> list[Future[T]]:
    """Call with the first of these arguments and, while it has no reply yet, with the others, each in a thread.

    Redis is paused afterwards.
    """
    script.call(redis, [KEY], [0])  # the script is known, a connection open
    assert isinstance(redis, Client)
    turns = script._turns[redis]
    operator.client_pause(600_000, all=False)
    futures = []
    with round_trips(threads._threads) as trips:
        for place, arg in enumerate(args):
            futures.append(threads.submit(call, arg))
            stack.until(lambda place=place: len(trips) == 1 and len(turns._waiting) == place)  # type: ignore[misc]
        return futures


def test_calls_that_come_meanwhile_share_one_round_trip(
    redis: redis_py.Redis, operator: redis_py.Redis, script: SharedScript, threads: ThreadPoolExecutor
) -> None:
    def call(arg: int | str) -> int | str:
        try:
            return int(script.call(redis, [KEY], [arg]))
        except redis_py.ResponseError as exc:
            return str(exc)

    futures = gathered(redis, operator, script, threads, call, [1, 10, "x", 100, 1000])
    with round_trips(threads._threads) as trips:
        operator.client_unpause()
        replies = [future.result() for future in futures]

    assert replies == [1, 11, "X no number", 111, 1111]
    assert len(trips) == 1


def test_each_request_counts_its_own_call(
    redis: redis_py.Redis, operator: redis_py.Redis, script: SharedScript, threads: ThreadPoolExecutor
) -> None:
    def call(arg: int | str) -> int:
        writes.begin()
        script.call(redis, [KEY], [arg])
        count = writes.current()
        assert count is not None
        return count.sent

    futures = gathered(redis, operator, script, threads, call, [1, 1, 1, 1])
    operator.client_unpause()

    assert [future.result() for future in futures] == [1, 1, 1, 1]


def test_all_of_a_turn_are_told_that_their_connection_broke_and_the_next_one_goes_on(
    redis: redis_py.Redis, operator: redis_py.Redis, script: SharedScript, threads: ThreadPoolExecutor
) -> None:
    def call(arg: int | str) -> int | str:
        writes.begin()
        try:
            return int(script.call(redis, [KEY], [arg]))
        except redis_py.ConnectionError:
            return "may be done" if writes.may_have_written() else "not done"

    futures = gathered(redis, operator, script, threads, call, [1, 10, 100])
    operator.client_kill_filter(_type="normal", skipme=True)
    assert futures[0].result() == "may be done"
    operator.client_unpause()

    assert [future.result() for future in futures[1:]] == [10, 110]


def test_a_thread_that_ends_while_it_waits_leaves_the_others_alone(
    redis: redis_py.Redis, operator: redis_py.Redis, script: SharedScript, threads: ThreadPoolExecutor
) -> None:
    class Ended(BaseException): ...

    def end(*_: object) -> None:
        raise Ended

    def call(arg: int | str) -> int:
        return int(script.call(redis, [KEY], [arg]))

    def end_main_thread() -> None:
        turns = script._turns[redis]
        stack.until(lambda: len(turns._waiting) == 2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    futures = gathered(redis, operator, script, threads, call, [1, 10])
    before = signal.signal(signal.SIGUSR1, end)
    try:
        killer = threads.submit(end_main_thread)
        with pytest.raises(Ended):
            call(100)
    finally:
        signal.signal(signal.SIGUSR1, before)
    killer.result()
    futures.append(threads.submit(call, 1000))
    operator.client_unpause()

    assert [future.result() for future in futures] == [1, 11, 1011]


def test_a_script_that_redis_has_forgotten_is_sent_again_by_each(
    redis: redis_py.Redis, script: SharedScript, threads: ThreadPoolExecutor
) -> None:
    redis.script_flush()

    assert sorted(threads.map(lambda _: script.call(redis, [KEY], [1]), range(40))) == list(range(1, 41))


def test_a_large_call_and_a_cluster_s_go_alone(redis: redis_py.Redis, script: SharedScript) -> None:
    assert script.call(redis, [KEY], [1, b"x" * (SMALL + 1)]) == 1
    assert not script._turns
