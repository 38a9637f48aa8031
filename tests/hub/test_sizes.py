"""What a hub's size counts is what its events take in Redis, so that no events get around the limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.description import HubSettings
from pipeline.hub.runtime import runtime

MIB = 1024 * 1024


def used(hub: Hub) -> int:
    """Bytes of the partition's log in Redis."""
    found = hub.redis.memory_usage(hub.keys[0].events, samples=0)
    assert isinstance(found, int)
    return found


EVENTS: dict[str, Callable[[int], Event]] = {
    "empty": lambda n: Event(b""),
    "one byte": lambda n: Event(b"x"),
    "with a key and properties": lambda n: Event(b"%d" % n, f"device-{n}", "text/plain", {"n": n, "Alert": "Strong"}),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize("together", [1, 10, 1000])
def test_small_events_take_no_more_than_they_count(
    redis: redis_py.Redis, event: Callable[[int], Event], together: int
) -> None:
    hub = Hub(redis, "events", 1)
    redis.set(hub.keys[0].sequence, 10**12)  # long numbers, as after years
    for begin in range(0, 1000, together):
        hub.append([event(n) for n in range(begin, begin + together)])

    (now,) = runtime(hub)
    assert 0 < used(hub) <= now.bytes


def test_a_hub_of_a_mebibyte_takes_a_mebibyte_of_empty_events(redis: redis_py.Redis) -> None:
    hub = Hub(redis, "events", 1, HubSettings(1, retention_bytes=MIB))
    for _ in range(4):
        hub.append([Event(b"")] * 10_000)

    (now,) = runtime(hub)
    assert now.events < 30_000
    assert max(now.bytes, used(hub)) <= MIB
