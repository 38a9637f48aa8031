"""What must go on while Redis has no memory left does so, and leaves no trace of how."""

from __future__ import annotations

from typing import cast

import pytest
import redis as redis_py
from redis.exceptions import OutOfMemoryError

from pipeline.store import WatchError, while_full
from pipeline.store.lease import Lease
from pipeline.store.scripts import OPENING
from pipeline.store.stream_entries import queue_entries

from ..full import full


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(["SET", "key", "value"], id="a string"),
        pytest.param(["HSET", "key", "field", "value"], id="a hash"),
        pytest.param(["XADD", "key", "1-1", "field", "value"], id="a stream"),
        pytest.param(["SET", "key", "value", "PX", "100000"], id="a key that ends"),
        pytest.param(["DEL", "key"], id="no key"),
    ],
)
def test_a_script_that_begins_so_may_write_and_changes_nothing_else(redis: redis_py.Redis, make: list[str]) -> None:
    redis.execute_command(*make)  # type: ignore[no-untyped-call]
    before, ends = redis.dump("key"), redis.pttl("key")
    with full(redis):
        with pytest.raises(OutOfMemoryError):
            redis.eval("return redis.call('SET', KEYS[2], 1)", 2, "key", "other")
        redis.eval(OPENING + "return redis.call('SET', KEYS[2], 1)", 2, "key", "other")

    assert redis.get("other") == b"1"
    assert redis.dump("key") == before
    assert (redis.pttl("key") > 0) == (ends > 0)


def test_a_lease_goes_from_one_to_the_next(redis: redis_py.Redis) -> None:
    ours, theirs = Lease(redis, "lease"), Lease(redis, "lease")
    with full(redis):
        assert ours.hold()
        assert ours.hold()
        assert not theirs.hold()
        assert 0 < redis.pttl("lease") <= 8000
        ours.release()
        assert theirs.hold()
    assert redis.get("lease") == theirs.owner.encode()


def test_a_command_is_carried_out(redis: redis_py.Redis) -> None:
    with full(redis):
        assert while_full.write(redis, "HSET", "hash", "a", 1, "b", b"\xff") == 2
        with redis.pipeline(transaction=False) as pipe:
            while_full.write(pipe, "SADD", "set", "member")
            while_full.write(pipe, "SADD", "set", "member")
            assert pipe.execute() == [1, 0]
    assert redis.hgetall("hash") == {b"a": b"1", b"b": b"\xff"}


@pytest.mark.parametrize("is_full", [False, True])
def test_a_transaction_is_done_whole(redis: redis_py.Redis, is_full: bool) -> None:
    redis.hset("hash", "was", "1")
    redis.set("other", "text")
    redis.set("gone", "1")
    with full(redis, 1 if is_full else 0), redis.pipeline() as pipe:
        pipe.watch("hash")  # type: ignore[no-untyped-call]
        read = {"was": pipe.hget("hash", "was"), "not": pipe.hget("hash", "not")}
        pipe.multi()
        pipe.hset("hash", "was", b"\x002")
        pipe.incr("other")
        pipe.xadd("stream", {"f": "v"}, maxlen=5)
        pipe.delete("gone")
        queue_entries(pipe, "stream", ("e", "r"), ["", "1", "now", "2"], most=1000)
        queue_entries(pipe, "other", ("e",), [""])
        replies = while_full.execute(redis, pipe, "hash", read, raise_on_error=False)  # type: ignore[arg-type]

    assert replies[0] == 0
    assert isinstance(replies[1], redis_py.ResponseError)
    assert replies[3] == 1
    assert redis.hget("hash", "was") == b"\x002"
    assert replies[4] is None
    assert isinstance(replies[5], redis_py.ResponseError)
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", redis.xrange("stream"))
    assert [fields for _, fields in entries] == [{b"f": b"v"}, {b"e": b"", b"r": b"1"}, {b"e": b"now", b"r": b"2"}]


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("now", ["2", None])
def test_a_transaction_is_not_done_if_what_was_read_is_so_no_more(
    redis: redis_py.Redis, is_full: bool, now: str | None
) -> None:
    redis.hset("hash", "was", "1")
    with redis.pipeline() as pipe:
        pipe.watch("hash")  # type: ignore[no-untyped-call]
        read = {"was": pipe.hget("hash", "was")}
        pipe.multi()
        pipe.set("other", 1)
        if now is None:
            redis.hdel("hash", "was")
        else:
            redis.hset("hash", "was", now)
        with full(redis, 1 if is_full else 0), pytest.raises(WatchError):
            while_full.execute(redis, pipe, "hash", read)  # type: ignore[arg-type]
    assert redis.get("other") is None


def test_a_transaction_with_a_script_waits_and_does_nothing(redis: redis_py.Redis) -> None:
    with full(redis), redis.pipeline() as pipe:
        pipe.watch("hash")  # type: ignore[no-untyped-call]
        pipe.multi()
        pipe.hset("hash", "field", "1")
        pipe.eval("return redis.call('SET', KEYS[1], 1)", 1, "other")
        with pytest.raises(OutOfMemoryError):
            while_full.execute(redis, pipe, "hash", {})
    assert redis.keys() == [b"wz:environment"] or redis.keys() == []
