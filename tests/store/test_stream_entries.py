"""Many entries are added to a stream by one command, each as XADD would have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
import redis as redis_py

from pipeline.store.stream_entries import queue_entries


def add(redis: redis_py.Redis, fields: Sequence[str], values: Sequence[str], most: int | None = None) -> object:
    with redis.pipeline() as pipe:
        queue_entries(pipe, "stream", fields, values, most)
        (reply,) = pipe.execute(raise_on_error=False)
    return reply


def entries(redis: redis_py.Redis) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", redis.xrange("stream"))]


def test_entries_are_in_their_order_and_each_is_whole(redis: redis_py.Redis) -> None:
    assert add(redis, ("e", "r"), ["", "1", "now", "2", "", '{"a":"ä\\u0000🦊"}']) is None
    assert entries(redis) == [
        {b"e": b"", b"r": b"1"},
        {b"e": b"now", b"r": b"2"},
        {b"e": b"", b"r": '{"a":"ä\\u0000🦊"}'.encode()},
    ]


@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, 65_535, 65_536, 3_000_000])
def test_a_value_may_have_any_length(redis: redis_py.Redis, size: int) -> None:
    add(redis, ("r",), ["x" * size, "after"])
    assert entries(redis) == [{b"r": b"x" * size}, {b"r": b"after"}]


def test_there_may_be_more_than_a_script_can_pass_on_as_arguments(redis: redis_py.Redis) -> None:
    add(redis, ("r",), list(map(str, range(30_000))))
    assert [int(fields[b"r"]) for fields in entries(redis)] == list(range(30_000))


def test_the_oldest_entries_are_dropped(redis: redis_py.Redis) -> None:
    add(redis, ("r",), ["x"] * 1_000, most=200)
    assert 200 <= redis.xlen("stream") < 500


def test_the_first_error_is_the_reply(redis: redis_py.Redis) -> None:
    redis.set("stream", "text")
    reply = add(redis, ("r",), ["1", "2"])
    assert isinstance(reply, redis_py.ResponseError)
    assert "WRONGTYPE" in str(reply)
    assert redis.get("stream") == b"text"
