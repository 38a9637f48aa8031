from __future__ import annotations

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.description import HubSettings
from pipeline.hub.throughput import Throttled, take

MIB = 1024 * 1024


def limited(client: redis_py.Redis, units: int) -> Hub:
    return Hub(client, "events", 4, HubSettings(4, throughput_units=units))


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return limited(redis, 1)


def left(hub: Hub) -> dict[str, float]:
    return {name.decode(): float(value) for name, value in hub.redis.hgetall(hub.keys.throughput).items()}


def elapse(hub: Hub, seconds: float) -> None:
    """Let the hub believe that so much time has passed."""
    key = hub.keys.throughput
    hub.redis.hset(key, "at", str(int(left(hub)["at"] - seconds * 1000)))


def stored(hub: Hub) -> int:
    return sum(len(hub.read(p, limit=10_000)) for p in range(4))


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param([Event(b"x")] * 5000, id="by their number"),
        pytest.param([Event(b"x" * MIB)] * 5, id="by their bytes"),
    ],
)
def test_a_hub_takes_no_more_than_its_units(hub: Hub, batch: list[Event]) -> None:
    hub.append(batch)  # more than a second's worth, which a full bucket lets through
    with pytest.raises(Throttled) as caught:
        hub.append([Event(b"x")])

    assert stored(hub) == len(batch)
    assert 1 < caught.value.seconds <= 4.01


def test_a_hub_takes_again_what_time_gives_back(hub: Hub) -> None:
    take(hub, 0, 61_000)  # a minute's worth of debt
    elapse(hub, 30)
    with pytest.raises(Throttled):
        take(hub, 0, 1)
    elapse(hub, 31)
    take(hub, 0, 1)


def test_what_is_not_used_is_not_saved_up(hub: Hub) -> None:
    take(hub, 1, 1)
    elapse(hub, 3600)
    take(hub, 1000, 1000)

    assert left(hub)["events"] == 0
    assert left(hub)["bytes"] == MIB - 1000


def test_units_add_up(redis: redis_py.Redis) -> None:
    hub = limited(redis, 5)
    take(hub, 0, 305_000)

    with pytest.raises(Throttled) as caught:
        take(hub, 0, 1)
    assert 30 < caught.value.seconds <= 60.01


def test_a_hub_without_units_keeps_no_bucket(redis: redis_py.Redis) -> None:
    hub = limited(redis, 0)
    hub.append([Event(b"x")])

    assert not redis.exists(hub.keys.throughput)


def test_a_bucket_goes_when_it_would_be_full(hub: Hub) -> None:
    take(hub, 0, 61_000)

    assert 30_000 < hub.redis.pttl(hub.keys.throughput) <= 62_000
