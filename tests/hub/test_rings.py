"""Relays in a ring: each hub has an event once, and then the ring stops and says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest
from werkzeug.serving import make_server

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import Relay
from pipeline.hub.relay_status import status
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings
from pipeline.store.client import redis_client

from .. import stack
from ..in_thread import in_thread

ENVIRONMENTS = ("test", "staging", "production")


@dataclass
class Service:
    """A service with the hub `events`, and what a relay to it needs."""

    hub: Hub
    target: ConnectionString


@contextmanager
def service(settings: Settings) -> Iterator[Service]:
    """Serve it on a free port until the block ends."""
    client = redis_client(settings)
    client.flushdb()
    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
    root, endpoint = stack.ROOT, f"http://127.0.0.1:{server.port}/"
    target = ConnectionString(endpoint, root.key_name, root.key)
    with in_thread(server):
        yield Service(Hubs.from_settings(settings, client)["events"], target)


@pytest.fixture
def services(server_settings: Settings) -> Iterator[list[Service]]:
    with ExitStack() as running:
        yield [
            running.enter_context(service(replace(server_settings, environment=environment)))
            for environment in ENVIRONMENTS
        ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_ring_stops_when_each_hub_has_the_event(services: list[Service], count: int) -> None:
    ring = services[:count]
    relays = [
        Relay(one.hub, Upstream(next_.target), beat=0.0) for one, next_ in zip(ring, [*ring[1:], ring[0]], strict=True)
    ]
    ring[0].hub.append([Event(b"round", "key", None, {"n": 1}), Event(b"and round", "key", "text/plain")])

    rounds = 0
    while sum(relay.step() for relay in relays):
        rounds += 1
        assert rounds < 20
    for relay in relays:
        relay.stop()

    assert [sum(one.log.events for one in status(service.hub)) for service in ring] == [2] * count
    assert [len(DeadLetters(service.hub).read()) for service in ring] == [0] * (count - 1) + [2]
    text = " -> ".join(service.hub.hop for service in [*ring, ring[0]])
    assert {text in letter.reason for letter in DeadLetters(ring[-1].hub).read()} == {True}
    (told,) = [one.relay.ring for one in status(ring[-1].hub) if one.relay.ring]
    assert told == text


def test_a_ring_is_told_of_while_there_are_letters_of_it(services: list[Service]) -> None:
    first, second, _ = services
    first.hub.append([Event(b"x", "key")])
    for one, other in ((first, second), (second, first)):
        relay = Relay(one.hub, Upstream(other.target), beat=0.0)
        while relay.step():
            pass
        relay.stop()
    (letter,) = DeadLetters(second.hub).read()
    DeadLetters(second.hub).drop([letter.id])

    assert {one.relay.ring for one in status(second.hub)} == {None}
