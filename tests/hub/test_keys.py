"""hub/keys.py against Redis: every key that a hub makes is listed there, and is deleted with the hub."""

from __future__ import annotations

import re

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.hub.batches import Batches
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.description import Description
from pipeline.hub.event import Event
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.keys import (
    BATCHES,
    CHANGE,
    IDEMPOTENCY_KEYS,
    INTENTS,
    KEYS,
    LEASE,
    MESSAGE_IDS,
    OLDER_IDEMPOTENCY_KEYS,
    OLDER_MESSAGE_IDS,
    PUBLISHER_THROUGHPUT,
    RETENTION,
    RETENTION_TTL,
    RULE_THROUGHPUT,
    THROUGHPUT,
    WORKERS,
)
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.relay import GROUP, Relay
from pipeline.hub.relay_route import Route, change_route
from pipeline.hub.repetition import RequestKey
from pipeline.hub.retention_task import Retention
from pipeline.hub.rules import Right, Rule, Rules
from pipeline.hub.share import GONE, TTL, Share
from pipeline.hub.throughput import UNIT_BYTES, limits_of, take
from pipeline.hub.upstream import Upstream
from pipeline.hub.writing import write_parts
from pipeline.store import lease
from pipeline.store.keys import Key

from .. import stack
from ..upstream import Answer, Received, ScriptedUpstream

WORDS = {"NAME": "[a-z0-9._-]+", "P": "[0-9]+", "GROUP": ".+", "RULE": ".+", "PUBLISHER": ".+"}

#: How long each key lasts that goes by itself. After two minutes' worth a bucket is full again in as long, but for what
#: it got back meanwhile, and stays for one second more.
SECONDS: dict[Key, float] = {
    LEASE: TTL,
    WORKERS: GONE,
    CHANGE: lease.TTL,
    RETENTION: RETENTION_TTL,
    THROUGHPUT: 121.5,
    MESSAGE_IDS: 60,
    OLDER_MESSAGE_IDS: 60,
    IDEMPOTENCY_KEYS: 86_400,
    OLDER_IDEMPOTENCY_KEYS: 86_400,
    RULE_THROUGHPUT: 121,
    PUBLISHER_THROUGHPUT: 121,
}


UNITS = 40
LIMITED = Rule("app", "", "", frozenset({Right.SEND}), events_per_second=1)


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    hubs = Hubs(redis, {})
    hubs.create("gone", Description(partitions=1))
    hubs.delete("gone")
    described = Description(
        partitions=3, throughput_units=UNITS, publisher_events_per_second=1, duplicate_detection_ms=60_000
    )
    hubs.create("orders", described)
    return hubs


def make_everything(hubs: Hubs, upstream: ScriptedUpstream) -> None:
    hub = hubs["orders"]
    hub.append([Event(b"x", key) for key in "abcdefghij"])
    hub.append([Event(b"x")] * 120, limits=limits_of(hub, LIMITED, "Dev-1"))  # two minutes' worth of one a second
    hub.append([Event(b"x", properties={"wz-event-id": "c0ffee/2/5-0"})], relay="relay")
    for request in ("first", "second"):
        hub.append([Event(b"x", "a", message_id=request)], key=RequestKey(request, "f"))
        for newer in (hub.keys.idempotency_keys, *(hub.keys[partition].message_ids for partition in range(3))):
            if hub.redis.exists(newer):
                hub.redis.hset(newer, "", 0)  # as time would: then the next one begins another hash
    if isinstance(hub.redis, RedisCluster):
        batch = Batches(hub).record({0: [Event(b"x")], 1: [Event(b"y")]})  # whose sender dies
        write_parts(hub, {0: [Event(b"x")]}, batch)
    ConsumerGroups(hub).create("Readers")
    ConsumerGroups(hub).reader("readers").store(2, "0")
    ConsumerGroup(hub, "job:rewards").attach()
    RevokedPublishers(hub).revoke("dev-1")
    Rules(hub.redis, stack.ROOT).add("app", frozenset({Right.SEND}), "orders")
    change_route(hub, lambda _: Route(name="other"))
    refuse_all(hub, upstream)
    DeadLetters(hub).redrive_all()
    Share.of(ConsumerGroup(hub, GROUP)).balance()  # as a relay's worker does that dies
    Retention(hubs).step()
    take(hub, 120 * UNITS * UNIT_BYTES, 1)  # two minutes' worth; nothing can be sent from now on


def refuse_all(hub: Hub, upstream: ScriptedUpstream) -> None:
    """Have a relay send all events: the first request is taken, and all others are refused."""
    upstream.answer = lambda received: Answer(414 if upstream.received[1:] else 201)
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    while relay.step():
        pass
    relay.stop()


def pattern(key: Key) -> str:
    return re.sub("[A-Z]+", lambda word: WORDS[word[0]], re.escape(key.pattern))


def names(redis: redis_py.Redis) -> set[str]:
    return {name.decode() for name in redis.scan_iter()} - {"wz:environment"}


def test_every_key_is_listed_and_every_listed_key_is_made(
    redis: redis_py.Redis, hubs: Hubs, upstream: ScriptedUpstream
) -> None:
    make_everything(hubs, upstream)
    found: set[Key] = set()

    def look(description: Description) -> Description:  # while no other process may change the hub
        for name in names(redis):
            keys = [key for key in KEYS if re.fullmatch(pattern(key), name)]
            assert len(keys) == 1, f"{name} is {len(keys)} times in KEYS"
            key = keys[0]
            assert redis.type(name) == key.type.encode(), name
            seconds = SECONDS.get(key)
            assert (seconds is not None) == (key.ttl is not None), name
            if seconds is not None:
                assert seconds * 500 < redis.pttl(name) <= seconds * 1000, name
            found.add(key)
        return description

    hubs.update("orders", look)

    assert found == set(KEYS) - (set() if isinstance(redis, RedisCluster) else {BATCHES, INTENTS})


def test_nothing_is_left_of_a_deleted_hub(redis: redis_py.Redis, hubs: Hubs, upstream: ScriptedUpstream) -> None:
    make_everything(hubs, upstream)

    hubs.delete("orders")

    buckets = {name for name in names(redis) if ":throughput:" in name}  # of senders, which go by themselves
    assert names(redis) - buckets == {"hubs:deleted", "hubs:retention"}
    assert set(redis.hkeys("hubs:deleted")) == {b"gone", b"orders"}


def test_what_a_relay_had_under_way_is_not_committed_to_a_deleted_hub(
    redis: redis_py.Redis, hubs: Hubs, upstream: ScriptedUpstream
) -> None:
    hub = hubs["orders"]
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    relay.step()
    hub.append([Event(b"x", "a")])

    def delete_meanwhile(received: Received) -> Answer:
        hubs.delete("orders")
        return Answer()

    upstream.answer = delete_meanwhile
    assert relay.step() == 0
    relay.stop()

    assert names(redis) == {"hubs:deleted"}
