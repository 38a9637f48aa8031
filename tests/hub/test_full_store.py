"""A store that is full heals itself: what frees memory runs, and what waits for room says so."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.hub import Event, batches
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.description import Description, HubSettings
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.relay import GROUP, Relay
from pipeline.hub.relay_route import Route, Switch, change_route, note_state, relay_states, route
from pipeline.hub.relay_status import status
from pipeline.hub.repetition import RequestKey
from pipeline.hub.retention_task import Retention
from pipeline.hub.rules import Right, Rules, rights_of
from pipeline.hub.share import Share
from pipeline.store import OutOfMemoryError, writes

from ..full import full
from ..stack import ROOT
from ..upstream import Answer, ScriptedUpstream

LONG_AGO = 1_000
MIB = 1024 * 1024


def kept(hub: Hub) -> int:
    return sum(len(hub.read(partition, limit=1000)) for partition in range(hub.partitions))


def test_old_events_go_and_new_ones_are_taken_again(redis: redis_py.Redis) -> None:
    """As it was found: twenty events of 1 MB that are too old, and less memory than they take."""
    hubs = Hubs(redis, {"events": 1, "other": 1})
    hubs.update("events", lambda it: Description(partitions=it.partitions, retention_ms=10_000))
    hub = hubs["events"]
    for n in range(20):
        hub.append([Event(bytes(MIB))], enqueued_ms=LONG_AGO + n)
    retention = Retention(hubs)

    with full(redis, 18 * MIB):
        with pytest.raises(OutOfMemoryError):
            hub.append([Event(b"new")])
        retention.step()
        hub.append([Event(b"new")])
    retention.stop()

    assert [stored.event.body for stored in hub.read(0)] == [b"new"]


def test_a_hub_can_be_told_to_keep_less(redis: redis_py.Redis) -> None:
    hubs = Hubs(redis, {"events": 1})
    hub = hubs["events"]
    hub.append([Event(bytes(MIB))], enqueued_ms=LONG_AGO)
    retention = Retention(hubs)

    with full(redis, MIB):
        hubs.update("events", lambda it: Description(partitions=it.partitions, retention_ms=10_000))
        retention.step()
    retention.stop()

    assert kept(hub) == 0


def test_a_hub_that_is_refused_has_changed_nothing(redis: redis_py.Redis) -> None:
    hubs = Hubs(redis, {"events": 1})
    hubs["events"].append([Event(bytes(MIB))])

    with full(redis, MIB):
        writes.begin()
        with pytest.raises(OutOfMemoryError):
            hubs.create("new", Description(partitions=1))
        assert not writes.may_have_written()


def test_retention_and_its_statistics_need_no_memory(redis: redis_py.Redis) -> None:
    hubs = Hubs(redis, {"events": 2})
    hubs.update("events", lambda it: Description(partitions=it.partitions, retention_ms=10_000))
    hub = hubs["events"]
    hub.append([Event(b"old")], partition=0, enqueued_ms=LONG_AGO)
    hub.append([Event(b"young")], partition=1)
    retention = Retention(hubs)

    with full(redis):
        retention.step()
    retention.stop()

    assert [stored.event.body for p in (0, 1) for stored in hub.read(p)] == [b"young"]
    assert redis.hget(hub.keys[0].stats, "bytes") == b"0"
    assert redis.hexists(hub.keys[1].stats, "in_rate")


def test_an_abandoned_batch_that_has_no_room_stops_no_retention(
    redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubs = Hubs(redis, {"events": 2})
    hubs.update("events", lambda it: Description(partitions=it.partitions, retention_ms=10_000))
    hub = hubs["events"]
    hub.append([Event(b"old")], partition=0, enqueued_ms=LONG_AGO)
    retention = Retention(hubs)
    if hub._batches is not None:
        hub._batches.record({0: [Event(b"a")], 1: [Event(b"b")]})
        monkeypatch.setattr(batches, "machine_time", lambda: time.time() + 60)

    with full(redis):
        retention.step()
    retention.stop()

    assert kept(hub) == 0


def test_the_relay_begins_and_goes_on(
    hub: Hub, relay: Relay, upstream: ScriptedUpstream, redis: redis_py.Redis
) -> None:
    hub.append([Event(b"one")], partition=0)
    with full(redis):
        assert relay.step() == 1
        assert relay.step() == 0
        assert redis.sismember(hub.keys[0].attached, GROUP)

    assert ConsumerGroup(hub, GROUP).offset(0) == hub.read(0)[-1].offset
    assert status(hub)[0].relay.events == 1


def test_the_relay_says_why_it_waits(hub: Hub, relay: Relay, upstream: ScriptedUpstream, redis: redis_py.Redis) -> None:
    upstream.script(Answer(503))
    hub.append([Event(b"one")], partition=0)
    with full(redis):
        relay.step()

    assert status(hub)[0].relay.retries == 1
    assert "503" in (status(hub)[0].relay.error or "")


def test_a_dead_letter_waits_for_room_and_says_so(
    hub: Hub, relay: Relay, upstream: ScriptedUpstream, redis: redis_py.Redis
) -> None:
    upstream.script(Answer(400), Answer(400))
    hub.append([Event(b"bad")], partition=0)
    with full(redis):
        relay.step()
        assert "until the store has memory for a dead letter" in (status(hub)[0].relay.error or "")
        assert (kept(hub), len(DeadLetters(hub).read())) == (1, 0)
        assert ConsumerGroup(hub, GROUP).offset(0) == "0"

    relay._pace[0].succeeded()
    relay._busy.add(0)
    relay.step()
    assert [letter.stored.event.body for letter in DeadLetters(hub).read()] == [b"bad"]


def test_dead_letters_are_sent_again_or_dropped(
    hub: Hub, relay: Relay, upstream: ScriptedUpstream, redis: redis_py.Redis
) -> None:
    upstream.answer = lambda _: Answer(400)
    for body in (b"a", b"b", b"c"):
        hub.append([Event(body)], partition=0)
    relay.step()
    letters = DeadLetters(hub)
    first, second, third = letters.read()
    upstream.script(Answer(201), Answer(400))

    with full(redis):
        assert letters.drop([first.id]) == 1
        assert letters.redrive([second.id, third.id]) == 2
        relay._next_look = 0
        relay.step()

    assert [letter.stored.event.body for letter in letters.read()] == [b"c"]
    assert letters.read()[0].redrives == 1


def test_who_reads_can_move_and_go(hub: Hub, redis: redis_py.Redis) -> None:
    group = ConsumerGroup(hub, "reader")
    groups = ConsumerGroups(hub)
    groups.create("reader")
    with full(redis):
        group.attach()
        group.store(0, "5-0")
        assert group.offset(0) == "5-0"
        group.detach()
        groups.delete("reader")
    assert group.stored_offset(0) is None


def test_workers_share_the_partitions(hub: Hub, redis: redis_py.Redis) -> None:
    one, two = (Share.of(ConsumerGroup(hub, "reader"), beat=0.0) for _ in range(2))
    with full(redis):
        for _ in range(3):
            held = len(one.partitions()), len(two.partitions())
        one.stop()
        two.partitions()
        left = len(two.held)
        two.stop()
    assert sum(held) == hub.partitions
    assert left == hub.partitions


def test_a_hub_is_deleted_and_a_declared_one_is_made(redis: redis_py.Redis) -> None:
    hubs = Hubs(redis, {"events": 1})
    hubs["events"].append([Event(b"one")])
    with full(redis):
        hubs.delete("events")
        assert list(Hubs(redis, {"declared": 2})) == ["declared"]
        with pytest.raises(OutOfMemoryError):
            hubs.create("another", Description(partitions=1))
    assert not redis.exists(hubs_key(redis))


def hubs_key(redis: redis_py.Redis) -> str:
    return Hub(redis, "events", 1).keys[0].events


def test_a_publisher_is_revoked(hub: Hub, redis: redis_py.Redis) -> None:
    with full(redis):
        RevokedPublishers(hub).revoke("dev-1")
    assert "dev-1" in RevokedPublishers(hub)


def send(hubs: Hubs, events: list[Event], name: str = "events") -> bool:
    """Send as a request does, to a store that is full; say whether something may have been changed."""
    writes.begin()
    with pytest.raises(OutOfMemoryError):
        hubs[name].append(events)
    return writes.may_have_written()


def test_a_send_is_refused_as_having_changed_nothing_also_if_its_hub_is_made_for_it(redis: redis_py.Redis) -> None:
    with full(redis):
        assert not send(Hubs(redis, {"events": 2}), [Event(b"one")])
        assert not send(Hubs(redis, {"events": 2}), [Event(b"one", "a"), Event(b"two", "b")])


def test_a_send_that_is_refused_takes_nothing_of_the_limit(
    hub: Hub, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other nodes of a cluster may have room for the limit's bucket, or memory may be full just after it was taken."""
    hub.settings = HubSettings(hub.partitions, throughput_units=1)
    hub.append([Event(b"one")])
    before = float(redis.hget(hub.keys.throughput, "events") or 0)
    write = hub._write

    def fill_up_and_write(*args: Any) -> Any:
        with full(redis):
            return write(*args)

    monkeypatch.setattr(hub, "_write", fill_up_and_write)
    writes.begin()
    with pytest.raises(OutOfMemoryError):
        hub.append([Event(b"x")] * 900)

    assert not writes.may_have_written()
    assert float(redis.hget(hub.keys.throughput, "events") or 0) >= before


@pytest.mark.parametrize("keyed", [False, True])
def test_a_batch_of_which_one_node_is_full_is_refused_whole(cluster: RedisCluster, keyed: bool) -> None:
    hub = Hub(cluster, "events", 8)
    node = cluster.get_redis_connection(cluster.get_node_from_key(hub.keys[3].events))  # type: ignore[no-untyped-call]
    batch = [Event(b"x", str(number)) for number in range(64)]
    node.config_set("maxmemory", 1)
    try:
        writes.begin()
        with pytest.raises(OutOfMemoryError):
            hub.append(batch, key=RequestKey("one", "print") if keyed else None)
        assert not writes.may_have_written()
    finally:
        node.config_set("maxmemory", 0)

    assert kept(hub) == 0
    assert not cluster.exists(hub.keys.intents)


def test_the_key_of_a_rule_is_replaced(redis: redis_py.Redis) -> None:
    rules = Rules(redis, ROOT)
    before = rules.add("devices", rights_of({Right.SEND}))
    with full(redis):
        after = rules.rotate("devices", "primary")
        with pytest.raises(OutOfMemoryError):
            rules.add("others", rights_of({Right.SEND}))

    assert rules.get("devices") == after
    assert (after.primary != before.primary, after.secondary) == (True, before.secondary)


def test_a_relay_can_be_let_go(hub: Hub, redis: redis_py.Redis) -> None:
    change_route(hub, lambda old: Route(switch=Switch.PAUSED))

    with full(redis):
        change_route(hub, lambda old: Route(switch=Switch.DETACHED, name="other"))
        note_state(hub, to="host/other")

        assert route(hub) == Route(switch=Switch.DETACHED, name="other")
        assert relay_states([hub])[0].to == "host/other"
