from __future__ import annotations

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Description, HubSettings
from pipeline.hub.entry import pack
from pipeline.hub.event import OVERHEAD
from pipeline.hub.namespace import Hubs
from pipeline.hub.retention import trim
from pipeline.hub.retention_task import Retention
from pipeline.hub.runtime import runtime
from pipeline.hub.writing import HubFull

MIB = 1024 * 1024

#: Bytes of a body whose event counts 1 MiB.
BODY = MIB - OVERHEAD
DAY = 86_400_000


def hub_that_keeps(redis: redis_py.Redis, *, ms: int = 0, size: int = 0) -> Hub:
    return Hub(redis, "events", 1, HubSettings(1, retention_ms=ms, retention_bytes=size))


def bodies(hub: Hub) -> list[bytes]:
    return [stored.event.body for stored in hub.read(0, limit=10_000)]


def expect_true_statistics(hub: Hub) -> None:
    (now,) = runtime(hub)
    kept = hub.read(0, limit=10_000)
    assert now.events == len(kept)
    assert now.bytes == sum(stored.event.size for stored in kept)
    assert now.first == (kept[0].sequence_number if kept else now.next)


def test_without_a_retention_everything_is_kept(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis)
    hub.append([Event(b"x")], enqueued_ms=1000)

    assert trim(hub, 0) == 0
    assert bodies(hub) == [b"x"]


def test_events_go_when_they_are_old(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, ms=DAY)
    now = hub.clock_ms()
    hub.append([Event(b"old"), Event(b"older")], enqueued_ms=now - DAY)
    hub.append([Event(b"young")], enqueued_ms=now - DAY // 2)

    assert trim(hub, 0) == 2
    assert bodies(hub) == [b"young"]
    expect_true_statistics(hub)


def test_all_may_go_and_numbers_go_on(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, ms=DAY)
    hub.append([Event(b"old")], enqueued_ms=1000)

    assert trim(hub, 0) == 1
    expect_true_statistics(hub)
    (emptied,) = runtime(hub)
    assert (emptied.first, emptied.next, emptied.last_offset) == (1, 1, "1000-0")

    hub.append([Event(b"new")])
    assert [stored.sequence_number for stored in hub.read(0)] == [1]
    expect_true_statistics(hub)


def test_the_oldest_tenth_of_a_full_partition_goes(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, size=20 * MIB)
    for n in range(10):
        hub.append([Event(bytes([n]) * BODY) for _ in range(2)])

    assert trim(hub, 0) == 2
    assert [body[0] for body in bodies(hub)] == [n for n in range(1, 10) for _ in range(2)]
    expect_true_statistics(hub)
    assert trim(hub, 0) == 0


def test_a_full_partition_makes_room_for_what_is_sent(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, size=4 * MIB)
    for n in range(6):
        hub.append([Event(bytes([n]) * BODY)])

    assert [body[0] for body in bodies(hub)] == [2, 3, 4, 5]
    expect_true_statistics(hub)


def test_many_small_events_go_in_several_pages(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, ms=DAY)
    hub.append([Event(b"x")] * 2500, enqueued_ms=1000)

    assert trim(hub, 0) == 2500
    expect_true_statistics(hub)


def test_entries_of_an_older_version_count_what_they_counted_then(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis)
    older = [Event(b"old"), Event(b"er")]
    redis.xadd(hub.keys[0].events, {"n": 0, "c": 2, "s": 5, "e": pack(older)}, id="1000-1")  # without `OVERHEAD`
    redis.hset(hub.keys[0].stats, mapping={"bytes": 5, "in_bytes": 5, "events": 2, "in_events": 2, "first": 0})
    redis.set(hub.keys[0].sequence, 2)
    new = Event(b"new")
    hub.append([new])
    hub.settings = HubSettings(1, retention_ms=DAY)

    assert trim(hub, 0) == 2
    assert bodies(hub) == [b"new"]
    expect_true_statistics(hub)


@pytest.mark.parametrize(
    ("offset", "kept"),
    [
        pytest.param(None, [b"0", b"1", b"2"], id="an attached group that has done nothing"),
        pytest.param("1000-1", [b"2"], id="one that has done two events"),
        pytest.param("1000-2", [], id="one that is done"),
        pytest.param("1000", [b"1", b"2"], id="a time for an offset"),
        pytest.param("999", [b"0", b"1", b"2"], id="an earlier time"),
    ],
)
def test_what_an_attached_group_has_not_done_is_kept(
    redis: redis_py.Redis, offset: str | None, kept: list[bytes]
) -> None:
    hub = hub_that_keeps(redis, ms=DAY)
    hub.append([Event(str(n).encode()) for n in range(3)], enqueued_ms=1000)
    group = ConsumerGroup(hub, "$relay")
    group.attach()
    if offset:
        group.store(0, offset)

    trim(hub, 0)

    assert bodies(hub) == kept
    expect_true_statistics(hub)


def test_the_slowest_attached_group_counts(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, ms=DAY)
    hub.append([Event(str(n).encode()) for n in range(12)], enqueued_ms=1000)
    for name, offset in {"$relay": "1000-10", "job:a": "1000-9", "job:b": "1001"}.items():
        group = ConsumerGroup(hub, name)
        group.attach()
        group.store(0, offset)

    trim(hub, 0)

    assert bodies(hub) == [b"10", b"11"]  # and not after 1000-10, which is less as text


def test_a_group_that_is_not_attached_holds_nothing(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, ms=DAY)
    hub.append([Event(b"x")], enqueued_ms=1000)
    ConsumerGroup(hub, "$Default").store(0, "1")
    relay = ConsumerGroup(hub, "$relay")
    relay.attach()
    relay.detach()

    assert trim(hub, 0) == 1


def test_a_partition_that_is_full_of_unfinished_events_refuses_others(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, size=2 * MIB)
    relay = ConsumerGroup(hub, "$relay")
    relay.attach()
    hub.append([Event(b"0" * BODY)])
    hub.append([Event(b"1" * BODY)])

    with pytest.raises(HubFull):
        hub.append([Event(b"2")])

    relay.store(0, hub.read(0)[0].offset)
    hub.append([Event(b"2")])
    assert [body[:1] for body in bodies(hub)] == [b"1", b"2"]
    expect_true_statistics(hub)


def test_the_worker_trims_every_hub_one_worker_at_a_time(redis: redis_py.Redis) -> None:
    hubs = Hubs(redis, {"events": 2})
    hubs.create("orders", Description(partitions=1, retention_ms=0))
    for hub in hubs.values():
        hub.append([Event(b"x")], partition=0, enqueued_ms=1000)
    first, second = Retention(hubs), Retention(hubs)

    first.step()
    assert [len(hub.read(0)) for hub in hubs.values()] == [0, 1]

    hubs["events"].append([Event(b"x")], partition=1, enqueued_ms=1000)
    second.step()
    assert len(hubs["events"].read(1)) == 1
    first.stop()
    second.step()
    assert len(hubs["events"].read(1)) == 0


def test_a_partition_that_never_had_an_event_is_let_be(redis: redis_py.Redis) -> None:
    hub = hub_that_keeps(redis, ms=1, size=MIB)

    assert trim(hub, 0) == 0
    assert list(redis.scan_iter("{hub:*")) == []
