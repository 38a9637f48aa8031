"""The relay on the page of a hub, in process: what it says, and what its forms do."""

from __future__ import annotations

import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import GROUP, Relay
from pipeline.hub.relay_choice import choose
from pipeline.hub.relay_route import Route, Switch, note_state, route
from pipeline.hub.rules import Right
from pipeline.hub.upstream import Upstream
from pipeline.hub.upstream_answers import Action
from pipeline.settings import Settings
from wz import App

from ..full import full
from ..upstream import ScriptedUpstream, relay_one_each
from .test_hubs import Person, app, hub, hubs, listener, person

__all__ = ["app", "hub", "hubs", "person"]

URL = "/console/hubs/events"
TO = "Endpoint=sb://up.example.com/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"


def attached(hub: Hub) -> bool:
    return hub.redis.sismember(hub.keys[0].attached, GROUP) == 1


def test_a_hub_that_is_not_relayed(person: Person, hub: Hub) -> None:
    assert "It is not relayed: no worker has an upstream for it." in person.get(URL)


def test_where_it_goes_and_why_it_waits(
    person: Person, hub: Hub, settings: Settings, upstream: ScriptedUpstream
) -> None:
    choose(settings, hub, to=TO, name="there", answers={404: Action.DROP})
    relay = Relay(hub, Upstream(upstream.target, answers={404: Action.DROP}), beat=0.0)
    relay_one_each(hub, relay, upstream, 201, 404, 401)
    note_state(hub, to="up.example.com/there", expires=1)

    page = person.client.get(URL, headers=person.headers).text
    assert "c2VjcmV0" not in page
    assert "SharedAccessKey=" not in page
    text = person.get(URL)
    assert "to up.example.com/there; the signature of the connection string has expired" in text
    assert "its own; its name there is there" in text
    assert "Waits Partition 1: 127.0.0.1 answered 401: why. It tries again by itself." in text
    assert "0 became dead letters, of which 0 are there; 1 dropped , as chosen for their status" in text
    assert "404 drop, 413 deadletter" in text
    assert "relay waits" in person.get("/console/hubs")


def test_it_is_paused_detached_and_resumed(person: Person, hub: Hub) -> None:
    Relay.group_of(hub).attach()
    hub.append([Event(b"x")] * 3, partition=2)

    assert "3 events wait for it now" in person.get(f"{URL}/relay/pause")
    assert route(hub) == Route()  # it was only asked
    assert person.post(f"{URL}/relay/pause") == f"{URL}#relay"
    assert (route(hub).switch, attached(hub)) == (Switch.PAUSED, True)
    assert "paused, and events are kept for it" in person.get(URL)

    assert "may drop the 3 events" in person.get(f"{URL}/relay/detach")
    assert attached(hub)
    person.post(f"{URL}/relay/detach")
    assert (route(hub).switch, attached(hub)) == (Switch.DETACHED, False)
    assert "detached: no event is kept for it" in person.get(URL)

    person.post(f"{URL}/relay/resume")
    assert route(hub) == Route()


def test_a_ring_is_told(person: Person, hub: Hub) -> None:
    Relay.group_of(hub).attach()
    hub.redis.hset(hub.keys[0].relay, mapping={"ring": "a@1 -> b@2 -> a@1"})
    hub.redis.xadd(hub.keys[0].deadletters, {"e": b"", "r": b"", "a": 0})

    assert "Ring a@1 -> b@2 -> a@1: pause one of these relays" in person.get(URL)


def test_a_full_store_is_told_and_a_relay_is_let_go_of(person: Person, redis: redis_py.Redis, hub: Hub) -> None:
    Relay.group_of(hub).attach()

    with full(redis):
        assert "Act The memory of Redis at" in person.get(URL)
        person.post(f"{URL}/relay/detach")
    assert (route(hub).switch, attached(hub)) == (Switch.DETACHED, False)
    assert "The memory of Redis at" not in person.get(URL)


def test_who_may_listen_sees_it_and_changes_nothing(app: App, redis: redis_py.Redis, hubs: Hubs, hub: Hub) -> None:
    Relay.group_of(hub).attach()
    reader = listener(app, redis, "events", Right.LISTEN)

    page = reader.client.get(URL, headers=reader.headers).text
    assert "WZ_UPSTREAM" in page
    assert "/relay/" not in page
    for path in ("pause", "detach"):
        reader.get(f"{URL}/relay/{path}", 403)
    for path in ("pause", "detach", "resume"):
        reader.post(f"{URL}/relay/{path}", 403)
    assert route(hub) == Route()
