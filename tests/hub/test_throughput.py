from __future__ import annotations

import dataclasses

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.description import HubSettings
from pipeline.hub.rules import Right, Rule
from pipeline.hub.throughput import Throttled, limits_of, take
from pipeline.hub.writing import HubFull

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


RULE = Rule("devices", "", "", frozenset({Right.SEND}), events_per_second=10, bytes_per_second=1000)
OF_HUB = Rule("devices", "", "", frozenset({Right.SEND}), hub="events", events_per_second=10)
UNLIMITED = Rule("root", "", "", frozenset({Right.SEND}))


def shared(client: redis_py.Redis, units: int = 0) -> Hub:
    """A hub each of whose publishers may send 5 events a second."""
    return Hub(client, "events", 4, HubSettings(4, throughput_units=units, publisher_events_per_second=5))


@pytest.mark.parametrize(
    ("size", "events", "rule", "publisher", "expected"),
    [
        pytest.param(0, 610, RULE, None, ("rule", "devices", 60), id="a rule's events"),
        pytest.param(61_000, 1, RULE, None, ("rule", "devices", 60), id="a rule's bytes"),
        pytest.param(0, 610, OF_HUB, None, ("rule", "devices", 60), id="the rule of a hub"),
        pytest.param(0, 605, UNLIMITED, "Dev-1", ("publisher", "dEV-1", 120), id="a publisher's events, in any case"),
        pytest.param(0, 610, RULE, "dev-1", ("publisher", "dEV-1", 121), id="the longest wait counts"),
        pytest.param(0, 61_000, UNLIMITED, None, ("hub", "events", 60), id="the hub's units"),
    ],
)
def test_a_refusal_says_whose_limit_it_was(
    redis: redis_py.Redis, size: int, events: int, rule: Rule, publisher: str | None, expected: tuple[str, str, int]
) -> None:
    hub = shared(redis, units=1)
    take(hub, size, events, limits_of(hub, rule, publisher))

    with pytest.raises(Throttled, match=expected[1]) as caught:
        take(hub, 1, 1, limits_of(hub, rule, publisher and "dEV-1"))
    limit = caught.value.limit
    assert (limit.kind, limit.name) == expected[:2]
    assert expected[2] - 30 < caught.value.seconds <= expected[2] + 0.01


def test_senders_do_not_share_a_limit(redis: redis_py.Redis) -> None:
    hub = shared(redis)
    take(hub, 0, 610, limits_of(hub, RULE, "dev-1"))

    with pytest.raises(Throttled):
        take(hub, 0, 1, limits_of(hub, RULE, "dev-1"))
    take(hub, 0, 1, limits_of(hub, OF_HUB, "dev-2"))
    take(hub, 0, 1, limits_of(hub, UNLIMITED))
    other = Hub(redis, "clicks", 4)
    take(other, 0, 1, limits_of(other, RULE, "dev-1"))


def test_what_is_refused_takes_nothing_from_any_bucket(redis: redis_py.Redis) -> None:
    hub = shared(redis, units=1)
    mine = limits_of(hub, RULE, "dev-1")
    take(hub, 10, 610, mine)
    before = [redis.hgetall(key) for key in (hub.keys.throughput, *(limit.key for limit in mine))]
    for _ in range(3):
        with pytest.raises(Throttled):
            hub.append([Event(b"x")], limits=mine)

    assert [redis.hgetall(key) for key in (hub.keys.throughput, *(limit.key for limit in mine))] == before
    assert stored(hub) == 0


def test_a_full_hub_gives_back_what_it_does_not_take(redis: redis_py.Redis) -> None:
    hub = shared(redis, units=1)
    hub.settings = dataclasses.replace(hub.settings, retention_bytes=4 * MIB)
    hub.redis.sadd(hub.keys[0].attached, "$relay")
    hub.append([Event(b"x" * MIB)], partition=0)
    mine = limits_of(hub, RULE, "dev-1")
    for _ in range(3):  # which would make a debt
        elapse(hub, 10)
        with pytest.raises(HubFull):
            hub.append([Event(b"x" * 1000)] * 100, partition=0, limits=mine)

    hub.append([Event(b"x")], partition=1, limits=mine)
    assert len(hub.read(1)) == 1


def test_all_buckets_are_asked_in_one_round_trip(redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, free = shared(redis, units=1), limited(redis, 0)
    take(hub, 0, 0, limits_of(hub, RULE, "dev-1"))  # so that the script is loaded
    sent: list[object] = []
    execute = type(redis).execute_command

    def note(client: redis_py.Redis, *args: object, **options: object) -> object:
        sent.append(args[0])
        return execute(client, *args, **options)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(type(redis), "execute_command", note)
    take(hub, 1, 1, limits_of(hub, RULE, "dev-1"))
    assert sent == ["EVALSHA"]
    take(free, 1, 1, limits_of(free, UNLIMITED, "dev-1"))
    assert sent == ["EVALSHA"]
