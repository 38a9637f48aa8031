"""Offsets by Redis's own rules: its order of ids is the one that counts."""

from __future__ import annotations

import random
import re

import pytest
import redis as redis_py

from pipeline.store.offsets import ENTRY_ID, OFFSET, following, ms_of, order

IDS = ["1-1", "2-0", "2-1", "2-9", "2-10", "10-0", "10-2", "1714558500000-0", "1714558500000-12"]


def test_offsets_have_the_order_of_their_stream(redis: redis_py.Redis) -> None:
    for entry_id in IDS:
        redis.xadd("s", {"a": 1}, id=entry_id)
    shuffled = random.sample(IDS, len(IDS))

    assert sorted(shuffled, key=order) == [entry.decode() for entry, _ in redis.xrange("s")] == IDS


def test_a_time_alone_is_the_first_offset_of_its_millisecond() -> None:
    assert order("5") == order("5-0") == (5, 0)
    assert [ms_of("1714558500000-12"), ms_of("1714558500000")] == [1714558500000] * 2


@pytest.mark.parametrize("offset", [*IDS, "2", "10"])
def test_nothing_is_between_an_offset_and_the_following_one(redis: redis_py.Redis, offset: str) -> None:
    redis.xadd("s", {"a": 1}, id=following(offset))

    assert redis.xrange("s", min=f"({offset}", max=following(offset))
    assert redis.xtrim("s", minid=following(offset), approximate=False) == 0
    assert order(following(offset)) > order(offset)
    with pytest.raises(redis_py.ResponseError, match="equal or smaller"):
        redis.xadd("s", {"a": 1}, id=following(offset))


@pytest.mark.parametrize(
    ("text", "is_offset", "is_id"),
    [
        ("0", True, False),
        ("1714558500000", True, False),
        ("1714558500000-0", True, True),
        ("1-", False, False),
        ("-1", False, False),
        ("1-2-3", False, False),
        ("$", False, False),
        ("\u0661-\u0662", False, False),
        ("1" * 20, False, False),
    ],
)
def test_what_looks_like_an_offset(text: str, is_offset: bool, is_id: bool) -> None:
    assert (bool(re.fullmatch(OFFSET, text)), bool(re.fullmatch(ENTRY_ID, text))) == (is_offset, is_id)
