"""The relay against a real upstream: a second instance of this service, under gunicorn, in another environment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import redis as redis_py

import pipeline.redis
from pipeline.hub.connection_string import ConnectionString
from pipeline.hub.group import ConsumerGroup
from pipeline.hub.log import Event, Hub, StoredEvent
from pipeline.hub.relay import BATCH_BYTES, BATCH_EVENTS, Relay, batches
from pipeline.hub.upstream import Upstream, UpstreamUnavailable
from pipeline.settings import Settings

from .. import stack

UPSTREAM_HUBS = {"events": 4}


@pytest.fixture(scope="module")
def upstream_settings(redis_url: str) -> Settings:
    root = ConnectionString.parse(
        "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=up;SharedAccessKey=dXBzdHJlYW0=;UseDevelopmentEmulator=true"
    )
    return Settings(environment="staging", redis_url=redis_url, root=root, hubs=UPSTREAM_HUBS)


@pytest.fixture(scope="module")
def upstream_target(
    upstream_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConnectionString]:
    folder = tmp_path_factory.mktemp("upstream")
    with stack.gunicorn(folder, upstream_settings), stack.nginx(folder) as server:
        root = upstream_settings.root
        yield ConnectionString(f"{server.address}/".replace("http:", "sb:"), root.key_name, root.key, development=True)


@pytest.fixture
def upstream_hub(upstream_settings: Settings) -> Hub:
    client = pipeline.redis.client(upstream_settings)
    client.flushdb()
    return Hub(client, "events", 4)


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "events", 4)


def everything(hub: Hub) -> list[Event]:
    return [stored.event for p in range(hub.partitions) for stored in hub.read(p, limit=1000)]


def drain(relay: Relay) -> None:
    while relay.step():
        pass


EVENTS = [
    Event(b"text", "key", None, {"Alert": "Strong Wind", "n": 3, "f": 0.5, "b": True}),
    Event("é漢".encode(), "ключ"),
    Event(b"typed", "key", "text/plain; charset=utf-8"),
    Event(b"", "key"),
    Event(b"\x00\xff", "binary", None, {"with": "properties"}),
]


def test_events_arrive_upstream_as_they_were_sent(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append(EVENTS)
    drain(Relay(hub, Upstream(upstream_target)))

    assert everything(upstream_hub) == everything(hub)


def test_a_body_that_is_no_text_is_sent_alone_and_keeps_its_bytes(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append([Event(b"\x00\xff", "key")])
    drain(Relay(hub, Upstream(upstream_target)))

    (event,) = everything(upstream_hub)
    assert (event.body, event.partition_key) == (b"\x00\xff", "key")


def test_the_order_of_a_key_is_kept(hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString) -> None:
    keys = ["a", "b", "c"]
    hub.append([Event(str(n).encode(), keys[n % 3]) for n in range(300)])
    drain(Relay(hub, Upstream(upstream_target)))

    for key in keys:
        sent = [event.body for event in everything(hub) if event.partition_key == key]
        assert [event.body for event in everything(upstream_hub) if event.partition_key == key] == sent


def test_a_new_relay_goes_on_where_the_last_one_stopped(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append([Event(b"1", "k")])
    first = Relay(hub, Upstream(upstream_target))
    drain(first)
    first.stop()
    hub.append([Event(b"2", "k")])
    drain(Relay(hub, Upstream(upstream_target)))

    assert [event.body for event in everything(upstream_hub)] == [b"1", b"2"]


def test_a_second_relay_leaves_the_first_one_s_partitions_alone(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    first, second = (Relay(hub, Upstream(upstream_target)) for _ in range(2))
    first.step()
    hub.append([Event(b"1", "k")])

    assert second.step() == 0
    assert first.step() == 1


def test_an_upstream_that_is_away_loses_nothing(hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString) -> None:
    hub.append(EVENTS)
    away = ConnectionString("sb://127.0.0.1:1/", "up", "a2V5", development=True)
    cut = Relay(hub, Upstream(away))
    assert cut.step() == 0
    cut.stop()

    drain(Relay(hub, Upstream(upstream_target)))
    assert everything(upstream_hub) == everything(hub)


def test_a_wrong_key_upstream_keeps_the_events(hub: Hub, upstream_target: ConnectionString) -> None:
    wrong = ConnectionString(upstream_target.endpoint, "up", "wrong", development=True)

    with pytest.raises(UpstreamUnavailable, match="answered 401"):
        Upstream(wrong).send("events", Event(b"x"))


def test_what_the_upstream_will_never_take_goes_to_the_dead_letters(
    hub: Hub, upstream_hub: Hub, upstream_target: ConnectionString
) -> None:
    hub.append([Event(b"1", "k"), Event(b"2", "k")])
    nowhere = ConnectionString(upstream_target.endpoint, "up", upstream_target.key, hub="nohub", development=True)
    drain(Relay(hub, Upstream(nowhere)))

    partition = next(p for p in range(4) if hub.read(p))
    letters = hub.redis.xrange(hub.key(partition, "deadletters"))
    assert [letter[b"o"].decode() for _, letter in letters] == [s.offset for s in hub.read(partition)]
    assert b"answered 404" in letters[0][1][b"r"]
    assert ConsumerGroup(hub, "$relay").offset(partition) == hub.read(partition)[-1].offset


def stored(*events: Event) -> list[StoredEvent]:
    return [StoredEvent(0, n, f"{n}-0", n, event) for n, event in enumerate(events)]


@pytest.mark.parametrize(
    ("events", "sizes"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([Event(b"", "a")] * 3, [3], id="one key"),
        pytest.param([Event(b"", "a"), Event(b"", "b"), Event(b"", "a")], [1, 1, 1], id="keys are not mixed"),
        pytest.param([Event(b"")] * 2, [2], id="no key"),
        pytest.param([Event(b"", "a", "text/plain")] * 2, [1, 1], id="a content type goes alone"),
        pytest.param([Event(b"\xff", "a")] * 2, [1, 1], id="no text goes alone"),
        pytest.param([Event(b"", "a")] * (BATCH_EVENTS + 1), [BATCH_EVENTS, 1], id="too many"),
        pytest.param([Event(b"x" * BATCH_BYTES, "a"), Event(b"x", "a")], [1, 1], id="too large"),
    ],
)
def test_what_goes_in_one_request(events: list[Event], sizes: list[int]) -> None:
    given = stored(*events)
    cut = list(batches(given))

    assert [len(batch) for batch in cut] == sizes
    assert list(itertools.chain.from_iterable(cut)) == given
