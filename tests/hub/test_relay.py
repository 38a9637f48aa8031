"""The relay against a real upstream: a second instance of this service, under gunicorn, in another environment."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import GROUP, MAX_EVENTS, Relay
from pipeline.hub.relay_status import status
from pipeline.hub.relays import Relays
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream import Upstream
from pipeline.hub.upstream_answers import Action
from pipeline.hub.upstream_requests import BATCH_TYPE
from pipeline.settings import Settings
from pipeline.store.client import redis_client

from .. import stack
from ..upstream import Answer, Received, ScriptedUpstream

UPSTREAM_HUBS = {"events": 4}


@pytest.fixture(scope="module")
def upstream_settings(redis_url: str) -> Settings:
    root = ConnectionString.parse(
        "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=up;SharedAccessKey=dXBzdHJlYW0=;UseDevelopmentEmulator=true"
    )
    return Settings(environment="staging", redis_url=redis_url, connection_string=root, hubs=UPSTREAM_HUBS)


@pytest.fixture(scope="module")
def upstream_target(
    upstream_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConnectionString]:
    folder = tmp_path_factory.mktemp("upstream")
    with stack.gunicorn(folder, upstream_settings), stack.nginx(folder) as server:
        root = upstream_settings.root
        yield ConnectionString(f"{server.address}/".replace("http:", "sb:"), root.key_name, root.key, development=True)


@pytest.fixture
def relays_target(
    upstream_settings: Settings, upstream_target: ConnectionString, upstream_hub: Hub
) -> ConnectionString:
    """The same, with a rule that says that a relay sends."""
    rule = Rules(upstream_hub.redis, upstream_settings.root).add("chain", frozenset({Right.SEND, Right.RELAY}))
    return ConnectionString(upstream_target.endpoint, rule.name, rule.primary, development=True)


@pytest.fixture
def upstream_hub(upstream_settings: Settings) -> Hub:
    client = redis_client(upstream_settings)
    client.flushdb()
    return Hub(client, "events", 4)


def everything(hub: Hub) -> list[Event]:
    """Every event, without the id and the hop that a relay gave it."""
    events = [stored.event for p in range(hub.partitions) for stored in hub.read(p, limit=1000)]
    return [
        msgspec.structs.replace(
            event, properties={n: v for n, v in event.properties.items() if n.lower() not in ("wz-event-id", "wz-hops")}
        )
        for event in events
    ]


def relay_to(target: ConnectionString, hub: Hub, any_key: bool = False) -> Relay:
    return Relay(hub, Upstream(target), any_key=any_key, beat=0.0)


def drain(*relays: Relay) -> None:
    """Step until no worker has anything to do, then release the partitions."""
    while sum(relay.step() for relay in relays):
        pass
    for relay in relays:
        relay.stop()


EVENTS = [
    Event(b"text", "key", None, {"Alert": "Strong Wind", "n": 3, "f": 0.5, "b": True}),
    Event("é漢".encode(), "ключ"),
    Event(b"typed", "key", "text/plain; charset=utf-8"),
    Event(b"", "key"),
    Event(b"\x00\xff", "binary", "application/octet-stream"),
    Event(b"x", "dev-1", publisher="dev-1"),
    Event(b"typed", "dev-1", "text/plain", publisher="dev-1"),
    Event(b"headers", "names", "text/plain", {"WindAlert": "Strong Winds", "Priority": "High", "X-y": "z"}),
    Event(b"item", "names", None, {"device_id": "d1", "app.version": "1.2.0", "Alert": 1, "alert": 2, "Priority": "i"}),
]


def test_events_arrive_upstream_as_they_were_sent(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append(EVENTS)
    drain(relay_to(upstream_target, hub))

    assert everything(upstream_hub) == everything(hub)


def test_events_of_any_key_in_one_batch_keep_all_but_their_types(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append(EVENTS)
    drain(relay_to(upstream_target, hub, any_key=True))

    typed = [
        msgspec.structs.replace(
            event, content_type=None, properties={**event.properties, "wz-content-type": event.content_type}
        )
        if event.content_type
        else event
        for event in everything(hub)
    ]
    assert everything(upstream_hub) == typed


def test_the_order_of_a_key_is_kept(hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString) -> None:
    keys = ["a", "b", "c"]
    hub.append([Event(str(n).encode(), keys[n % 3]) for n in range(300)])
    drain(relay_to(upstream_target, hub), relay_to(upstream_target, hub))

    for key in keys:
        sent = [event.body for event in everything(hub) if event.partition_key == key]
        assert [event.body for event in everything(upstream_hub) if event.partition_key == key] == sent


def test_a_new_relay_goes_on_where_the_last_one_stopped(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append([Event(b"1", "k")])
    drain(relay_to(upstream_target, hub))
    hub.append([Event(b"2", "k")])
    drain(relay_to(upstream_target, hub))

    assert [event.body for event in everything(upstream_hub)] == [b"1", b"2"]


def test_two_relays_share_the_partitions(hub: Hub, upstream: ScriptedUpstream) -> None:
    relays = [relay_to(upstream.target, hub) for _ in range(2)]
    for _ in range(3):
        for relay in relays:
            relay.step()
    for partition in range(4):
        hub.append([Event(b"x")], partition=partition)

    assert [relay.step() for relay in relays] == [2, 2]
    drain(*relays)


@pytest.mark.parametrize("any_key", [False, True])
def test_events_that_were_sent_but_not_committed_are_not_doubled_upstream(
    hub: Hub, upstream_hub: Hub, relays_target: ConnectionString, any_key: bool
) -> None:
    keyless = [Event(b"0"), Event(b"1", None, "text/plain"), Event(b"2")]
    hub.append([*EVENTS, *keyless])
    drain(relay_to(relays_target, hub, any_key))
    arrived = everything(upstream_hub)
    for partition in range(4):
        hub.redis.delete(hub.keys[partition].offsets)  # as if no commit had come through
    hub.append([Event(b"later", "key")])

    drain(relay_to(relays_target, hub, any_key))

    assert sorted(map(repr, everything(upstream_hub))) == sorted(map(repr, [*arrived, Event(b"later", "key")]))


def test_with_a_rule_that_is_no_relay_s_they_are_there_twice(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append([Event(b"1", "key")])
    drain(relay_to(upstream_target, hub))
    hub.redis.delete(*(hub.keys[partition].offsets for partition in range(4) if hub.read(partition)))

    drain(relay_to(upstream_target, hub))

    assert everything(upstream_hub) == [Event(b"1", "key")] * 2


def test_a_log_that_was_set_back_loses_nothing_that_comes_after(
    hub: Hub, upstream_hub: Hub, relays_target: ConnectionString
) -> None:
    hub.append([Event(b"1", "k")])
    hub.append([Event(b"lost", "k")])  # an entry of its own
    drain(relay_to(relays_target, hub))
    (partition,) = (p for p in range(4) if hub.read(p))
    first, lost = hub.read(partition)
    hub.redis.xdel(hub.keys[partition].events, lost.offset)  # as if Redis had lost its last second
    hub.redis.set(hub.keys[partition].sequence, lost.sequence_number)
    hub.redis.hset(hub.keys[partition].offsets, GROUP, first.offset)

    hub.append([Event(b"new", "k")])
    drain(relay_to(relays_target, hub))

    assert [stored.sequence_number for stored in hub.read(partition)] == [0, 1]
    assert [event.body for event in everything(upstream_hub)] == [b"1", b"lost", b"new"]


def test_an_upstream_that_is_away_loses_nothing(hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString) -> None:
    hub.append(EVENTS)
    cut = relay_to(ConnectionString("sb://127.0.0.1:1/", "up", "a2V5", development=True), hub)
    assert cut.step() == 0
    cut.stop()
    assert hub.redis.hget(hub.keys[next(p for p in range(4) if hub.read(p))].relay, "retries") == b"1"

    drain(relay_to(upstream_target, hub))
    assert everything(upstream_hub) == everything(hub)


def test_a_wrong_key_upstream_keeps_the_events(hub: Hub, upstream_target: ConnectionString) -> None:
    hub.append([Event(b"x")], partition=0)
    relay = relay_to(ConnectionString(upstream_target.endpoint, "up", "wrong", development=True), hub)

    assert relay.step() == 0
    assert b"answered 401" in (hub.redis.hget(hub.keys[0].relay, "error") or b"")
    assert DeadLetters(hub).read() == []
    relay.stop()


def test_a_partition_that_waits_is_left_alone_and_the_others_are_not(hub: Hub, upstream: ScriptedUpstream) -> None:
    for partition in (0, 1):
        hub.append([Event(str(partition).encode())], partition=partition)
    upstream.answer = lambda received: Answer(503 if b'"0"' in received.body else 201)
    relay = relay_to(upstream.target, hub)

    assert [relay.step() for _ in range(3)] == [1, 0, 0]
    assert len(upstream.received) == 2
    relay.stop()


def test_what_the_upstream_will_never_take_goes_to_the_dead_letters(hub: Hub, upstream: ScriptedUpstream) -> None:
    upstream.answer = lambda received: Answer(414)
    hub.append([Event(b"1", "k"), Event(b"2", "k")])
    drain(relay_to(upstream.target, hub))

    partition = next(p for p in range(4) if hub.read(p))
    letters = DeadLetters(hub).read()
    assert [letter.stored for letter in letters] == hub.read(partition)
    assert "answered 414" in letters[0].reason
    assert ConsumerGroup(hub, GROUP).offset(partition) == hub.read(partition)[-1].offset


def test_an_upstream_hub_that_is_made_late_is_waited_for(
    hub: Hub, upstream_settings: Settings, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append(EVENTS)
    name = f"late-{secrets.token_hex(4)}"  # which no process there has known before
    there = replace(upstream_target, hub=name)
    early = relay_to(there, hub)
    drain(early)

    assert DeadLetters(hub).read() == []
    assert {"answered 404" in one.relay.error for one in status(hub) if one.relay.error} == {True}
    assert early._pace[next(p for p in range(4) if hub.read(p))].failures == 1

    hubs = Hubs(redis_client(upstream_settings), {})
    hubs.create(name, Description(partitions=4))
    drain(relay_to(there, hub))
    assert everything(hubs[name]) == everything(hub)


@pytest.mark.parametrize("status_", [403, 413])
def test_a_hub_may_choose_what_is_done_with_a_status(hub: Hub, upstream: ScriptedUpstream, status_: int) -> None:
    hub.append([Event(b"wrong" if n in (2, 3) else b"good", "k", None, {"n": n}) for n in range(5)])
    (partition,) = (p for p in range(4) if hub.read(p))
    upstream.answer = lambda received: bad_event(received, status_)
    for action in (Action.WAIT, Action.DROP):
        relay = Relay(hub, Upstream(upstream.target, answers={status_: action}), beat=0.0)
        drain(relay)
        found = status(hub)[partition].relay
        if action is Action.WAIT:
            assert (found.dropped, found.group.lag if found.group else None, found.deadletters) == (0, 5, 0)

    # A batch is halved only for what one of its events may have caused.
    assert (found.dropped, found.events, found.deadletters) == ((2, 3, 0) if status_ == 413 else (5, 0, 0))
    assert found.group
    assert found.group.lag == 0


def test_a_letter_whose_redrive_is_dropped_goes(hub: Hub, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"x")], partition=1)
    upstream.answer = lambda received: Answer(400)
    drain(relay_to(upstream.target, hub))
    DeadLetters(hub).redrive_all()
    drain(Relay(hub, Upstream(upstream.target, answers={400: Action.DROP}), beat=0.0))

    found = status(hub)[1].relay
    assert (found.deadletters, found.redrives, found.dropped, found.refused) == (0, 0, 1, 1)


def bad_event(received: Received, status: int) -> Answer:
    """Refuse each request with an event `wrong`: this word is in no event's id, whose digits are hexadecimal."""
    return Answer(status if b"wrong" in received.body else 201, b"no")


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("bad", [{0}, {7}, {3, 4}, {0, 5, 9}, set(range(10))], ids=str)
def test_a_bad_event_does_not_condemn_its_batch(
    hub: Hub, upstream: ScriptedUpstream, status: int, bad: set[int]
) -> None:
    upstream.answer = lambda received: bad_event(received, status)
    hub.append([Event(b"wrong" if n in bad else b"good", "k", None, {"n": n}) for n in range(10)])
    drain(relay_to(upstream.target, hub))

    taken = [
        item["UserProperties"]["n"]
        for batch in upstream.received
        if b"wrong" not in batch.body
        for item in json.loads(batch.body)
    ]
    assert taken == [n for n in range(10) if n not in bad]
    assert [letter.stored.event.properties["n"] for letter in DeadLetters(hub).read()] == sorted(bad)


def test_with_enough_dead_letters_the_relay_waits_and_says_why(hub: Hub, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"wrong" if n in (1, 2, 4) else b"good", "k", None, {"n": n}) for n in range(6)])
    (partition,) = (p for p in range(4) if hub.read(p))
    upstream.answer = lambda received: bad_event(received, 400)

    def step() -> None:
        relay = Relay(hub, Upstream(upstream.target), max_letters=2, beat=0.0)
        relay.step()
        relay.stop()

    step()
    waits = status(hub)[partition].relay
    assert (waits.events, waits.deadletters, waits.is_full, waits.group.lag) == (2, 2, True, 2)
    assert waits.error.startswith(f"partition {partition} of hub 'events' has 2 dead letters or more: re-drive or drop")
    assert "answered 400" in (waits.error or "")

    letters = DeadLetters(hub)
    letters.redrive([letters.read()[0].id])
    step()
    assert [letter.redrives for letter in letters.read()] == [0, 1]  # a letter that comes back needs no more room

    letters.drop_all()
    step()
    goes_on = status(hub)[partition].relay
    assert (goes_on.events, goes_on.deadletters, goes_on.is_full, goes_on.error) == (3, 1, False, None)
    assert ConsumerGroup(hub, GROUP).offset(partition) == hub.read(partition)[-1].offset


def test_a_batch_that_is_condemned_is_kept_whole_however_many_dead_letters_may_be(
    hub: Hub, upstream: ScriptedUpstream
) -> None:
    upstream.answer = lambda received: Answer(414)
    hub.append([Event(b"x", "k")] * 5)
    relay = Relay(hub, Upstream(upstream.target), max_letters=1, beat=0.0)
    drain(relay)

    assert len(DeadLetters(hub).read()) == 5


def test_idle_partitions_are_looked_at_now_and_then_and_busy_ones_always(
    hub: Hub, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.hub.relay.LOOKS", 0.001)  # the next look is in an hour
    hub.append([Event(b"x")], partition=1)
    relay = relay_to(upstream.target, hub)
    relay.step()
    for partition in (1, 2):
        hub.append([Event(b"x")], partition=partition)

    assert [relay.step() for _ in range(3)] == [1, 0, 0]
    assert [one.relay.group.lag for one in status(hub)] == [0, 0, 1, 0]
    relay.stop()


def test_a_414_of_a_batch_is_not_asked_again_for_each_event(hub: Hub, upstream: ScriptedUpstream) -> None:
    upstream.answer = lambda received: Answer(414)
    hub.append([Event(b"x", "k")] * 50)
    drain(relay_to(upstream.target, hub))

    assert (len(upstream.received), len(DeadLetters(hub).read())) == (1, 50)


def test_what_is_committed_of_a_halved_batch_is_not_sent_again(hub: Hub, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"x", "k", None, {"n": n}) for n in range(4)])
    upstream.script(Answer(413), Answer(201), Answer(500))  # all; the first half; the second
    first = relay_to(upstream.target, hub)
    assert first.step() == 0
    first.stop()

    drain(relay_to(upstream.target, hub))

    sent = [[item["UserProperties"]["n"] for item in json.loads(batch.body)] for batch in upstream.received]
    assert sent == [[0, 1, 2, 3], [0, 1], [2, 3], [2, 3]]


def test_each_event_has_an_id_that_stays_the_same(hub: Hub, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"x"), Event(b"\xff")], partition=2)
    upstream.script(Answer(500))
    first = relay_to(upstream.target, hub)
    first.step()
    first.stop()

    drain(relay_to(upstream.target, hub))

    refused, taken, single = upstream.received
    assert refused.body == taken.body
    (item,) = json.loads(taken.body)
    ids = [item["UserProperties"]["wz-event-id"], single.headers["wz-event-id"]]
    source = ids[0].split("/")[0]
    assert len(source) == 16
    assert [id_.startswith(f"{source}/2/") for id_ in ids] == [True, True]
    assert ids[0] != ids[1]


def test_a_worker_that_lost_its_lease_commits_nothing(hub: Hub, upstream: ScriptedUpstream) -> None:
    def take_over(received: Received) -> Answer:
        hub.redis.set(hub.keys[0].lease(GROUP), "another")
        return Answer()

    upstream.answer = take_over
    hub.append([Event(b"x")], partition=0)
    relay = relay_to(upstream.target, hub)

    assert relay.step() == 0
    assert ConsumerGroup(hub, GROUP).offset(0) == "0"
    assert 0 not in relay.share.held
    relay.stop()


def test_a_log_that_is_longer_than_a_page(hub: Hub, upstream: ScriptedUpstream) -> None:
    count = 2 * MAX_EVENTS + 7
    hub.append([Event(str(n).encode()) for n in range(count)], partition=1)
    drain(relay_to(upstream.target, hub))

    bodies = [int(item["Body"]) for batch in upstream.received for item in json.loads(batch.body)]
    assert bodies == list(range(count))
    assert {received.headers["Content-Type"] for received in upstream.received} == {BATCH_TYPE}


def test_the_counters_of_a_partition(hub: Hub, upstream: ScriptedUpstream) -> None:
    upstream.answer = lambda received: bad_event(received, 400)
    hub.append([Event(b"good"), Event(b"wrong"), Event(b"fine!")], partition=0)
    drain(relay_to(upstream.target, hub))

    counters = hub.redis.hgetall(hub.keys[0].relay)
    assert isinstance(counters, dict)
    del counters[b"source"]
    assert counters == {b"next": b"3", b"events": b"2", b"bytes": b"9", b"requests": b"2", b"refused": b"1"}


def test_a_hub_that_is_made_later_gets_its_workers_and_the_others_keep_theirs(
    redis: redis_py.Redis, upstream: ScriptedUpstream
) -> None:
    hubs = {"a": Hub(redis, "a", 2)}
    relays = Relays(hubs, Upstream(upstream.target), count=2)
    first = relays.tasks()
    hubs["b"] = Hub(redis, "b", 2)
    both = relays.tasks()
    del hubs["a"]

    assert [relay.hub.name for relay in both] == ["a", "a", "b", "b"]
    assert both[:2] == first
    assert relays.tasks() == both[2:]


def test_a_full_place_is_looked_at_again_after_waits_of_a_second_to_half_a_minute(
    hub: Hub, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    hub.append([Event(b"x", "a")] * 2)
    upstream.answer = lambda received: Answer(414)
    relay = Relay(hub, Upstream(upstream.target), max_letters=0, beat=0.0)
    for failures in (0, 16):
        for pace in relay._pace:
            pace.failures, pace.not_before = failures, 0.0
        relay.step()
    relay.stop()

    first, longest = [float(wait) for wait in re.findall(r"waits ([\d.]+) s", caplog.text)]
    assert 1.0 <= first <= 1.3
    assert 30.0 <= longest <= 37.5
