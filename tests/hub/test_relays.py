"""The relays of a worker: they follow the routes of their hubs while it runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.own_address import OwnAddress
from pipeline.hub.relay import GROUP, Relay
from pipeline.hub.relay_route import Route, Switch, change_route, relay_states, routes
from pipeline.hub.relay_status import status
from pipeline.hub.relays import Relays
from pipeline.hub.sas import sign
from pipeline.hub.upstream import Upstream
from pipeline.hub.upstream_answers import Action
from pipeline.settings import InvalidSetting

from ..upstream import Answer, ScriptedUpstream, scripted_upstream


@pytest.fixture
def hubs(redis: redis_py.Redis) -> dict[str, Hub]:
    return {name: Hub(redis, name, 2) for name in ("a", "b")}


class Worker:
    """Does what `wz worker` does with its relays."""

    def __init__(self, relays: Relays) -> None:
        self.relays = relays
        self.running: list[Relay] = []

    def work(self) -> None:
        """Run the relays that there are now, and stop those that there were, until nothing is to be done."""
        wanted = self.relays.tasks()
        self.end(set(self.running) - set(wanted))
        self.running = wanted
        while sum(relay.step() for relay in wanted):
            pass

    def end(self, these: Iterable[Relay]) -> None:
        for relay in these:
            relay.stop()


@pytest.fixture
def worker(hubs: dict[str, Hub], upstream: ScriptedUpstream) -> Iterator[Worker]:
    worker = Worker(Relays(hubs, Upstream(upstream.target)))
    yield worker
    worker.end(worker.running)


def paths(upstream: ScriptedUpstream) -> list[str]:
    return [received.path.partition("?")[0] for received in upstream.received]


def test_a_hub_has_an_upstream_of_its_own_and_another_name_there(
    hubs: dict[str, Hub], worker: Worker, upstream: ScriptedUpstream
) -> None:
    with scripted_upstream() as other:
        change_route(hubs["b"], lambda _: Route(to=str(other.target), name="There"))
        for hub in hubs.values():
            hub.append([Event(b"x")])
        worker.work()

        assert (paths(upstream), paths(other)) == (["/a/messages"], ["/There/messages"])
        assert [state.to for state in relay_states(list(hubs.values()))] == ["127.0.0.1/a", "127.0.0.1/There"]

        change_route(hubs["b"], lambda _: Route())
        hubs["b"].append([Event(b"x")])
        worker.work()
        assert (paths(upstream), paths(other)) == (["/a/messages", "/b/messages"], ["/There/messages"])


def test_the_relays_of_a_route_that_stays_are_the_same(hubs: dict[str, Hub], worker: Worker) -> None:
    a, b = worker.relays.tasks()
    change_route(hubs["a"], lambda _: Route(answers={404: Action.DEADLETTER}))
    new, same = worker.relays.tasks()

    assert same is b
    assert new is not a
    assert (a.upstream.answers.get(404), new.upstream.answers[404]) == (None, Action.DEADLETTER)
    assert new.upstream.target == a.upstream.target


def attached(hub: Hub) -> bool:
    return all(hub.redis.sismember(hub.keys[p].attached, GROUP) for p in range(hub.partitions))


def test_a_paused_relay_sends_nothing_and_its_hub_keeps_all(
    hubs: dict[str, Hub], worker: Worker, upstream: ScriptedUpstream
) -> None:
    hub = hubs["a"]
    change_route(hub, lambda _: Route(switch=Switch.PAUSED))
    hub.append([Event(b"x")])
    worker.work()
    assert (paths(upstream), attached(hub)) == ([], True)

    change_route(hub, lambda _: Route())
    worker.work()
    assert paths(upstream) == ["/a/messages"]


def test_a_detached_relay_sends_nothing_and_nothing_is_kept_for_it(
    hubs: dict[str, Hub], worker: Worker, upstream: ScriptedUpstream
) -> None:
    hub = hubs["a"]
    worker.work()
    assert attached(hub)

    change_route(hub, lambda _: Route(switch=Switch.DETACHED))
    hub.append([Event(b"x")])
    worker.work()
    assert (paths(upstream), attached(hub)) == ([], False)
    assert [state.said(0) for state in relay_states([hub])] == ["detached: no event is kept for it"]


def test_a_hub_may_be_relayed_where_no_other_is(hubs: dict[str, Hub], upstream: ScriptedUpstream) -> None:
    relays = Relays(hubs, None)
    change_route(hubs["b"], lambda _: Route(to=str(upstream.target)))

    (relay,) = relays.tasks()
    assert relay.hub is hubs["b"]
    a, _ = relay_states(list(hubs.values()))
    assert a.said(0) == "not relayed"
    relay.stop()


def test_a_connection_string_is_not_shown(hubs: dict[str, Hub], upstream: ScriptedUpstream) -> None:
    change_route(hubs["a"], lambda _: Route(to=str(upstream.target)))

    assert upstream.target.key not in repr(routes([hubs["a"]]))


def test_a_proxy_that_is_none_stops_the_hub_and_not_its_worker(
    hubs: dict[str, Hub], upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    relays = Relays(hubs, Upstream(upstream.target))
    monkeypatch.setenv("http_proxy", "socks5://p:1")
    change_route(hubs["b"], lambda _: Route(to=str(upstream.target)))

    assert [relay.hub.name for relay in relays.tasks()] == ["a"]
    assert relay_states([hubs["b"]])[0].said(0).startswith("HTTP_PROXY: write http://")
    with pytest.raises(InvalidSetting, match="HTTP_PROXY"):
        relays.check()


def test_one_hub_for_several_is_told(
    hubs: dict[str, Hub], upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    target = replace(upstream.target, hub="All")
    relays = Relays(hubs, Upstream(target))
    for _ in range(2):
        relays.tasks()

    (told,) = caplog.messages
    assert told == f"the hubs a, b are all relayed to the one hub 127.0.0.1:{target.port}/all"


# -- itself ------------------------------------------------------------------------------------------------------------


def own(target: ConnectionString) -> OwnAddress:
    return OwnAddress(frozenset({target.host}), target.port)


@pytest.mark.parametrize("name", [None, "B"])
def test_an_upstream_that_is_this_service_is_refused(
    hubs: dict[str, Hub], upstream: ScriptedUpstream, name: str | None
) -> None:
    target = replace(upstream.target, hub=name)
    relays = Relays(hubs, Upstream(target), own=own(target))
    with pytest.raises(
        InvalidSetting, match=f"WZ_UPSTREAM: .* is this service, so the hub {'b' if name else 'a'} would"
    ):
        relays.check()

    for hub in hubs.values():
        change_route(hub, lambda _: Route(switch=Switch.DETACHED))
    relays.check()


def test_a_hub_that_is_made_later_is_not_relayed_to_itself(
    hubs: dict[str, Hub], upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    target = replace(upstream.target, hub="b")
    b = hubs.pop("b")
    relays = Relays(hubs, Upstream(target), own=own(target))
    relays.check()
    hubs["b"] = b

    assert [relay.hub.name for relay in relays.tasks()] == ["a"]  # into another hub of the same service
    relays.tasks()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "would be relayed to itself" in caplog.text
    (state,) = relay_states([b])
    assert state.said(0) == caplog.messages[0].partition(": ")[2]


# -- signatures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def signed(upstream: ScriptedUpstream) -> Callable[[float], ConnectionString]:
    """Return the upstream's connection string, with a signature that lives for so many seconds in place of the key."""

    def make(seconds: float) -> ConnectionString:
        token = sign("http://127.0.0.1/", "up", "a2V5", int(time.time() + seconds))
        return ConnectionString.parse(f"Endpoint={upstream.target.endpoint};SharedAccessSignature={token}")

    return make


def test_a_signature_is_sent_as_it_is(
    hubs: dict[str, Hub], upstream: ScriptedUpstream, signed: Callable[[float], ConnectionString]
) -> None:
    target = signed(600)
    relay = Relay(hubs["a"], Upstream(target), beat=0.0)
    hubs["a"].append([Event(b"x")])
    upstream.script(Answer(401))
    relay.step()
    relay.stop()

    assert [received.headers["Authorization"] for received in upstream.received] == [target.signature]


def test_an_expired_signature_waits_and_says_so(
    hubs: dict[str, Hub], upstream: ScriptedUpstream, signed: Callable[[float], ConnectionString]
) -> None:
    relay = Relay(hubs["a"], Upstream(signed(-10)), beat=0.0)
    hubs["a"].append([Event(b"x")])
    relay.step()
    relay.stop()

    assert upstream.received == []
    (error,) = [one.relay.error for one in status(hubs["a"]) if one.relay.error]
    assert "the signature of the connection string has expired at" in error
    assert "has expired" in relay_states([hubs["a"]])[0].said(time.time())


@pytest.mark.parametrize(("seconds", "count"), [(23 * 3600, 1), (25 * 3600, 0), (-10, 1)])
def test_that_a_signature_expires_is_told_a_day_before(
    hubs: dict[str, Hub],
    signed: Callable[[float], ConnectionString],
    caplog: pytest.LogCaptureFixture,
    seconds: float,
    count: int,
) -> None:
    relays = Relays({"a": hubs["a"]}, Upstream(signed(seconds)))
    for _ in range(2):
        relays.tasks()

    assert len([text for text in caplog.messages if "signature" in text]) == count
