from __future__ import annotations

from typing import Any

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.errors import InvalidValue
from pipeline.hub import Event, Hub
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.event import OVERHEAD
from pipeline.hub.group_registry import ConsumerGroups, GroupExists, GroupInUse, UnknownGroup
from pipeline.hub.runtime import runtime
from pipeline.hub.stored_hub import UnknownPartition
from pipeline.store.lease import Lease


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "events", 2)


@pytest.fixture
def groups(hub: Hub) -> ConsumerGroups:
    return ConsumerGroups(hub)


def test_every_hub_has_the_default_group(groups: ConsumerGroups) -> None:
    assert list(groups.list()) == ["$Default"]
    assert groups["$default"].name == "$Default"


def test_names_ignore_case_and_keep_it(groups: ConsumerGroups) -> None:
    groups.create("Readers", "ours")

    assert groups["READERS"].name == "Readers"
    assert groups["readers"].metadata == "ours"
    assert list(groups.list()) == ["$Default", "Readers"]
    with pytest.raises(GroupExists):
        groups.create("readers")


@pytest.mark.parametrize("name", ["", "$relay", "job:x", "a b", "-a", "a" * 51, "ä"])
def test_what_is_no_name(groups: ConsumerGroups, name: str) -> None:
    with pytest.raises(InvalidValue):
        groups.create(name)


def test_the_default_group_stays(groups: ConsumerGroups) -> None:
    with pytest.raises(GroupExists):
        groups.create("$default")
    with pytest.raises(InvalidValue):
        groups.delete("$Default")


def test_offsets_are_stored_a_partition(groups: ConsumerGroups) -> None:
    reader = groups.reader("$Default")
    assert reader.stored_offset(0) is None

    reader.store(0, "5-0")

    assert (reader.stored_offset(0), reader.stored_offset(1), reader.offset(1)) == ("5-0", None, "0")
    assert (reader.store(0, None), reader.store(0, None)) == (True, False)
    with pytest.raises(UnknownPartition):
        reader.store(2, "5-0")


def test_a_deleted_group_leaves_nothing(hub: Hub, groups: ConsumerGroups) -> None:
    groups.create("Readers")
    groups.reader("readers").store(1, "5-0")

    groups.delete("readers")

    assert list(hub.redis.scan_iter("{hub:*")) == []
    with pytest.raises(UnknownGroup):
        groups.delete("readers")


@pytest.mark.parametrize(("name", "lease"), [("$relay", "{hub:events:1}:lease:$relay"), ("another", "its-own-lease:1")])
def test_the_group_of_a_worker_is_deleted_when_no_worker_reads_as_it(
    hub: Hub, groups: ConsumerGroups, name: str, lease: str
) -> None:
    ConsumerGroup(hub, name).attach()
    held = Lease(hub.redis, lease)
    held.hold()
    with pytest.raises(GroupInUse):
        groups.delete(name, ["its-own-lease:0", "its-own-lease:1"])

    held.release()
    groups.delete(name, ["its-own-lease:0", "its-own-lease:1"])

    assert [partition.groups for partition in runtime(hub)] == [(), ()]


def test_readers_at_one_offset_are_looked_up_once(hub: Hub, redis: redis_py.Redis) -> None:
    hub.append([Event(b"1"), Event(b"22")], partition=0)
    first = hub.read(0)[0].offset
    for number in range(5):
        group = ConsumerGroup(hub, f"group-{number}")
        group.attach()
        group.store(0, first)
    before = looked_up(redis)

    (found,) = runtime(hub, [0])

    assert [(group.lag, group.offset, group.attached) for group in found.groups] == [(1, first, True)] * 5
    assert looked_up(redis) - before == 1


def looked_up(redis: redis_py.Redis) -> int:
    """How often events were looked up, on whichever server."""
    nodes: list[Any] = [redis]
    if isinstance(redis, RedisCluster):
        nodes = [redis.get_redis_connection(node) for node in redis.get_primaries()]
    return sum(node.info("commandstats").get("cmdstat_xrange", {"calls": 0})["calls"] for node in nodes)


def test_the_lag_of_a_group(hub: Hub) -> None:
    hub.append([Event(b"1"), Event(b"22"), Event(b"333")], partition=0, enqueued_ms=1000)
    group = ConsumerGroup(hub, "$relay")
    group.attach()
    group.store(0, hub.read(0)[0].offset)

    with_events, without = runtime(hub)

    assert (with_events.first, with_events.next, with_events.events, with_events.bytes) == (0, 3, 3, 6 + 3 * OVERHEAD)
    assert (with_events.last_offset, with_events.last_ms) == ("1000-2", 1000)
    (relay,) = with_events.groups
    assert (relay.name, relay.attached, relay.lag) == ("$relay", True, 2)
    assert relay.oldest_ms is not None
    assert relay.oldest_ms >= hub.clock_ms() - 1000 - 60_000
    assert (without.last_offset, without.next) == (None, 0)
    assert (without.groups[0].lag, without.groups[0].oldest_ms) == (0, None)


def test_a_group_that_is_done_has_no_lag(hub: Hub) -> None:
    hub.append([Event(b"1")], partition=0)
    ConsumerGroup(hub, "mine").store(0, hub.read(0)[0].offset)

    (mine,) = runtime(hub, [0])[0].groups

    assert (mine.attached, mine.lag) == (False, 0)
