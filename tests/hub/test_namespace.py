from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress

import msgspec
import pytest
import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.errors import InvalidValue
from pipeline.hub import Event, namespace
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Defaults, Description
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.keys import DELETED, HUBS
from pipeline.hub.namespace import HubBusy, HubExists, Hubs, PartitionCountChanged, UnknownHub
from pipeline.hub.publishers import RevokedPublishers
from pipeline.store.clock import clock_ms
from pipeline.store.lease import Lease

from ..stack import until

FOUR = Description(partitions=4)


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 4})


def test_declared_hubs_are_there(hubs: Hubs) -> None:
    assert list(hubs) == ["events"]
    assert hubs["EVENTS"].partitions == 4


def test_a_hub_that_is_made_is_seen_by_every_process_at_once(redis: redis_py.Redis, hubs: Hubs) -> None:
    other = Hubs(redis, {"events": 4})
    assert list(other) == ["events"]

    hubs.create("Orders", Description(partitions=2, metadata="ours"))

    assert other["orders"].partitions == 2
    assert other.description("orders").metadata == "ours"
    assert list(other) == ["events", "orders"]


def test_a_hub_stays_the_same_object_while_its_log_is_the_same(hubs: Hubs) -> None:
    hub = hubs["events"]
    hubs.refresh()

    assert hubs["events"] is hub


def test_what_changes_reaches_the_hubs_that_are_in_use(hubs: Hubs) -> None:
    hub = hubs["events"]
    assert hub.settings.retention_ms == Defaults().retention_ms

    hubs.update("events", lambda old: msgspec.structs.replace(old, retention_ms=1000, throughput_units=2))

    assert (hub.settings.retention_ms, hub.settings.throughput_units) == (1000, 2)
    assert hub.settings.retention_bytes == Defaults().retention_bytes
    assert hubs.description("events").created_ms <= hubs.description("events").updated_ms


def test_the_number_of_partitions_is_for_life(hubs: Hubs) -> None:
    with pytest.raises(InvalidValue, match="has 4 partitions, which can't change"):
        hubs.update("events", lambda old: msgspec.structs.replace(old, partitions=8))

    assert hubs.description("events").partitions == 4


def test_another_number_of_partitions_is_not_declared_unnoticed(redis: redis_py.Redis, hubs: Hubs) -> None:
    hubs.declare()
    hubs.declare()

    with pytest.raises(PartitionCountChanged, match="made with 4 partitions and WZ_HUBS now says 8"):
        Hubs(redis, {"events": 8}).declare()


def test_a_hub_is_made_once(hubs: Hubs) -> None:
    with pytest.raises(HubExists):
        hubs.create("Events", FOUR)


def test_what_is_made_by_many_at_once_is_made_once(redis: redis_py.Redis) -> None:
    processes = [Hubs(redis, {"events": 4, "orders": 2}) for _ in range(8)]
    threads = [threading.Thread(target=hubs.declare) for hubs in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({hubs.description("events").created_ms for hubs in processes}) == 1


def test_threads_share_one_hub(redis: redis_py.Redis) -> None:
    hubs = Hubs(redis, {"events": 4})
    found = []
    threads = [threading.Thread(target=lambda: found.append(hubs["events"])) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(map(id, found))) == 1
    assert len(found) == 16


def test_threads_that_wait_for_a_redis_that_hangs_fail_together() -> None:
    threads, barrier = 8, threading.Barrier(8)
    failed: list[Exception] = []

    def ask() -> None:
        barrier.wait()
        try:
            hubs["events"]
        except redis_py.TimeoutError as exc:
            failed.append(exc)

    with closing(socket.create_server(("127.0.0.1", 0), backlog=threads)) as silent:
        port = silent.getsockname()[1]
        hubs = Hubs(redis_py.Redis(port=port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0)), {"events": 4})
        asking = [threading.Thread(target=ask) for _ in range(threads)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        silent.setblocking(False)
        connections = 0
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                connections += 1

    assert len(failed) == threads
    assert connections <= 2  # each that asks makes one: the first, and one that came after it had failed, if any


def test_a_thread_sees_what_was_changed_while_another_was_asking(
    redis: redis_py.Redis, hubs: Hubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubs.refresh()
    has_read, let_go = threading.Event(), threading.Event()
    recorded = hubs._recorded

    def slowly() -> dict[str, Description]:
        found = recorded()
        has_read.set()
        let_go.wait()
        return found

    monkeypatch.setattr(hubs, "_recorded", slowly)
    slow = threading.Thread(target=hubs.refresh)
    slow.start()
    has_read.wait()
    monkeypatch.setattr(hubs, "_recorded", recorded)
    Hubs(redis, {}).create("orders", FOUR)
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(hubs["orders"].name))
    waiting.start()
    let_go.set()
    waiting.join()
    slow.join()

    assert found == ["orders"]


def test_no_other_process_changes_a_hub_meanwhile(redis: redis_py.Redis, hubs: Hubs) -> None:
    hubs.refresh()
    Lease(redis, "{hub:events}:change").hold()

    with pytest.raises(HubBusy):
        hubs.delete("events")


@pytest.mark.parametrize(
    "name", ["", "boards", "Hubs", "openapi.json", "$Resources", "-a", "a-", "a/b", "a b", "ä", "a" * 257]
)
def test_what_is_no_name(hubs: Hubs, name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        hubs.create(name, FOUR)

    assert caught.value.field == "name"


@pytest.mark.parametrize(
    ("description", "field"),
    [
        pytest.param(Description(partitions=0), "partitions", id="no partition"),
        pytest.param(Description(partitions=1025), "partitions", id="too many partitions"),
        pytest.param(Description(partitions=1, retention_ms=-1), "retention_ms", id="a negative time"),
        pytest.param(Description(partitions=1, retention_ms=91 * 86_400_000), "retention_ms", id="too long"),
        pytest.param(Description(partitions=4, retention_bytes=4 * 1024**2 - 1), "retention_bytes", id="too small"),
        pytest.param(Description(partitions=1, throughput_units=41), "throughput_units", id="too many units"),
        pytest.param(
            Description(partitions=1, publisher_bytes_per_second=-1), "publisher_bytes_per_second", id="a negative rate"
        ),
        pytest.param(Description(partitions=1, metadata="x" * 1025), "metadata", id="too long a text"),
    ],
)
def test_invalid_descriptions(hubs: Hubs, description: Description, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        hubs.create("orders", description)

    assert caught.value.field == field
    assert "orders" not in list(hubs)


def test_a_deleted_hub_is_gone_with_all_it_had(redis: redis_py.Redis, hubs: Hubs) -> None:
    before = set(redis.scan_iter())
    hubs.create("orders", FOUR)
    hub = hubs["orders"]
    hub.append([Event(b"x", "a"), Event(b"y", "b")])
    ConsumerGroup(hub, "$relay").attach()
    ConsumerGroups(hub).create("readers")
    ConsumerGroups(hub).reader("readers").store(0, "0")
    RevokedPublishers(hub).revoke("dev-1")

    hubs.delete("Orders")

    with pytest.raises(UnknownHub):
        hubs["orders"]
    assert set(redis.scan_iter()) - before <= {b"hubs", b"hubs:deleted"}


def test_a_declared_hub_that_was_deleted_stays_so(redis: redis_py.Redis, hubs: Hubs) -> None:
    hubs.delete("events")

    assert list(Hubs(redis, {"events": 4})) == []


def test_a_name_can_be_used_again_with_other_partitions(hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "SETTLE_MS", 0)
    old = hubs["events"]
    hubs.delete("events")
    old.append([Event(b"late")], partition=3)  # from a process that does not know of it yet

    hubs.create("events", Description(partitions=8))

    assert hubs["events"].partitions == 8
    assert hubs["events"].read(3) == []


def test_a_slow_deletion_does_not_give_the_name_away_too_early(
    redis: redis_py.Redis, hubs: Hubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for which nobody may use it begins when it is not listed any more."""
    last_listed: list[int] = []
    hdel = redis.hdel

    def slow(key: str, *fields: str) -> object:
        if key == HUBS.pattern:
            before = clock_ms(redis)
            until(lambda: clock_ms(redis) > before)
            last_listed.append(clock_ms(redis))
        return hdel(key, *fields)

    monkeypatch.setattr(redis, "hdel", slow)
    hubs.delete("events")

    noted = redis.hget(DELETED.pattern, "events")
    assert noted is not None
    (listed_ms,) = last_listed
    assert int(noted.split()[0]) >= listed_ms
    assert int(noted.split()[1]) == 4


def test_a_hub_that_is_not_there_is_not_read_deleted_or_changed(hubs: Hubs) -> None:
    with pytest.raises(UnknownHub):
        hubs["none"]
    with pytest.raises(UnknownHub):
        hubs.delete("none")
    with pytest.raises(UnknownHub):
        hubs.update("none", lambda old: old)
