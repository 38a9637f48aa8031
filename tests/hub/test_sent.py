from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.hub import Event, Hub
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.relay import Relay
from pipeline.hub.sent import sent

from ..upstream import Answer, ScriptedUpstream

pytestmark = pytest.mark.cluster


def relay_all(relay: Relay) -> None:
    while relay.step():
        pass


def test_when_an_event_was_sent_and_where_to(hub: Hub, relay: Relay, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"a", "k"), Event(b"b", "k"), Event(b"c", "l")], partition=0)
    before = hub.clock_ms()
    relay_all(relay)
    hub.append([Event(b"later")], partition=0)
    events = hub.read(0)

    found = [sent(hub, 0, stored.offset) for stored in events]
    assert [one and one.to for one in found] == [f"{upstream.target.host}/events"] * 3 + [None]
    assert all(one is None or before <= one.at_ms <= hub.clock_ms() for one in found)
    assert sent(hub, 1, events[0].offset) is None


def test_requests_of_a_second_share_a_note(hub: Hub, relay: Relay) -> None:
    hub.append([Event(b"x", f"key {number}") for number in range(50)], partition=0)  # a request for each key
    relay_all(relay)

    notes = hub.redis.lrange(hub.keys[0].sent, 0, -1)
    assert all(sent(hub, 0, stored.offset) for stored in hub.read(0))
    begun = [int(note.split()[0]) for note in notes]
    assert all(after - before >= 1_000 for before, after in pairwise(begun))


def test_a_refused_event_was_not_sent(hub: Hub, relay: Relay, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"a"), Event(b"no"), Event(b"c")], partition=0)
    upstream.answer = lambda received: Answer(400 if b"no" in received.body else 201)
    relay_all(relay)
    to = f"{upstream.target.host}/events"

    assert [one.to for stored in hub.read(0) if (one := sent(hub, 0, stored.offset))] == [to, "", to]

    upstream.answer = lambda received: Answer()
    DeadLetters(hub).redrive_all()
    relay_all(relay)
    assert [one.to for stored in hub.read(0) if (one := sent(hub, 0, stored.offset))] == [to, to, to]


def test_only_the_last_notes_are_kept(hub: Hub, relay: Relay, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"x %d" % number) for number in range(600)], partition=0)
    upstream.answer = lambda received: Answer(400 if received.body.count(b"x") > 1 or b"1" in received.body else 201)
    relay_all(relay)  # taken and refused in turn, so that hardly any share a note

    assert hub.redis.llen(hub.keys[0].sent) <= 500
    events = hub.read(0, limit=600)
    assert sent(hub, 0, events[-1].offset) is not None
