from __future__ import annotations

import itertools

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub, Property
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import HubSettings
from pipeline.hub.event import OVERHEAD
from pipeline.hub.partition import partition_of
from pipeline.hub.repetition import RequestKey
from pipeline.hub.stored_hub import UnknownPartition
from pipeline.hub.writing import BatchTooLarge, HubFull


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "events", 4)


def bodies(hub: Hub) -> list[bytes]:
    return [stored.event.body for p in range(hub.partitions) for stored in hub.read(p)]


def stats(hub: Hub, partition: int) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in hub.redis.hgetall(hub.keys[partition].stats).items()}


def test_events_of_a_key_stay_in_order_in_its_partition(hub: Hub) -> None:
    sent = [Event(str(i).encode(), partition_key=key) for i, key in enumerate("abcab")]
    hub.append(sent)

    for key in "abc":
        read = [stored.event for stored in hub.read(partition_of(key, 4))]
        assert [event for event in read if event.partition_key == key] == [e for e in sent if e.partition_key == key]


def test_an_event_reads_back_unchanged(hub: Hub) -> None:
    properties: dict[str, Property] = {"s": "é", "i": 2**53 + 1, "f": 0.1, "b": True}
    event = Event(b"\x00\xff", "key", "text/plain; charset=x", properties, publisher="device 1")
    hub.append([event])

    (stored,) = hub.read(partition_of("key", 4))
    assert stored.event == event


def test_what_was_left_out_is_none(hub: Hub) -> None:
    hub.append([Event(b"")])

    (stored,) = itertools.chain.from_iterable(hub.read(p) for p in range(4))
    assert stored.event == Event(b"", None, None, {})


def test_sequence_numbers_count_from_zero(hub: Hub) -> None:
    hub.append([Event(b"1", "k"), Event(b"2", "k")])
    hub.append([Event(b"3", "k")])

    assert [stored.sequence_number for stored in hub.read(partition_of("k", 4))] == [0, 1, 2]


def test_reading_goes_on_after_an_offset(hub: Hub) -> None:
    hub.append([Event(str(i).encode(), "k") for i in range(5)])
    first = hub.read(partition_of("k", 4), limit=2)
    rest = hub.read(partition_of("k", 4), after=first[-1].offset)

    assert [stored.event.body for stored in first + rest] == [b"0", b"1", b"2", b"3", b"4"]


def test_events_without_a_key_use_every_partition(hub: Hub) -> None:
    for _ in range(4):
        hub.append([Event(b"x")])

    assert [len(hub.read(p)) for p in range(4)] == [1, 1, 1, 1]


def test_recorded_events_keep_their_time(hub: Hub) -> None:
    hub.append([Event(b"1", "k"), Event(b"2", "k")], enqueued_ms=1_714_558_500_000)

    assert [s.enqueued_ms for s in hub.read(partition_of("k", 4))] == [1_714_558_500_000] * 2


def test_a_partition_that_is_not_there(hub: Hub) -> None:
    with pytest.raises(UnknownPartition):
        hub.read(4)


def test_a_recorded_event_out_of_order_is_refused_and_leaves_no_gap(hub: Hub) -> None:
    hub.append([Event(b"1", "k")], enqueued_ms=2000)
    with pytest.raises(redis_py.ResponseError):
        hub.append([Event(b"0", "k")], enqueued_ms=1000)
    hub.append([Event(b"2", "k")], enqueued_ms=2000)

    assert [(s.sequence_number, s.event.body) for s in hub.read(partition_of("k", 4))] == [(0, b"1"), (1, b"2")]


def test_an_explicit_partition_wins_over_keys(hub: Hub) -> None:
    hub.append([Event(b"1", "7"), Event(b"2", "131"), Event(b"3")], partition=1)

    assert [stored.event.body for stored in hub.read(1)] == [b"1", b"2", b"3"]


def test_an_explicit_partition_that_is_not_there(hub: Hub) -> None:
    with pytest.raises(UnknownPartition):
        hub.append([Event(b"1")], partition=4)


def test_what_is_in_a_partition_is_counted(hub: Hub) -> None:
    typed = Event(b"345", "7", "text/plain", {"n": 1, "é": "ü"}, publisher="7")
    hub.append([Event(b"12", "7"), typed, Event(b"x", "131")])
    hub.append([Event(b"6", "7")])

    size = len("127" + "3457text/plain7" + "67") + len('{"n":1,"é":"ü"}'.encode()) + 3 * OVERHEAD
    assert stats(hub, 3) == {"bytes": size, "events": 3, "first": 0, "in_bytes": size, "in_events": 3}
    assert size == sum(stored.event.size for stored in hub.read(3))
    size = len("x131") + OVERHEAD
    assert stats(hub, 2) == {"bytes": size, "events": 1, "first": 0, "in_bytes": size, "in_events": 1}


def capped(hub: Hub, partition_bytes: int) -> Hub:
    """The same hub with a limit, and a relay that has sent nothing yet, for which everything is kept."""
    hub.settings = HubSettings(4, retention_bytes=4 * partition_bytes)
    ConsumerGroup(hub, "$relay").attach()
    return hub


LARGE, SMALL, OTHER = Event(b"x" * 100, "7"), Event(b"1", "7"), Event(b"1", "131")


def test_a_full_partition_refuses_the_whole_batch(hub: Hub) -> None:
    hub = capped(hub, LARGE.size + SMALL.size - 1)
    hub.append([LARGE])

    with pytest.raises(HubFull) as caught:
        hub.append([OTHER, SMALL])

    assert caught.value.partition == 3
    assert bodies(hub) == [LARGE.body]


def test_a_full_partition_lets_go_what_is_done(hub: Hub) -> None:
    capped(hub, LARGE.size + SMALL.size - 1).append([LARGE])
    ConsumerGroup(hub, "$relay").detach()
    hub.append([OTHER, SMALL])

    assert [stored.event.body for stored in hub.read(3)] == [b"1"]
    left = {"bytes": SMALL.size, "events": 1, "first": 1, "in_bytes": LARGE.size + SMALL.size, "in_events": 2}
    assert stats(hub, 3) | left == stats(hub, 3)


def test_a_partition_may_be_filled_to_its_last_byte(hub: Hub) -> None:
    hub = capped(hub, LARGE.size + SMALL.size)
    hub.append([LARGE])
    hub.append([SMALL, OTHER])

    assert len(bodies(hub)) == 3
    with pytest.raises(HubFull):
        hub.append([Event(b"")], partition=3)


@pytest.mark.parametrize("key", [None, RequestKey("id", "fingerprint")], ids=["no key", "a request's key"])
def test_a_single_event_finds_room_in_an_empty_partition_however_large_it_is(hub: Hub, key: RequestKey | None) -> None:
    hub = capped(hub, LARGE.size - 1)
    hub.append([LARGE], key=key)
    with pytest.raises(HubFull):
        hub.append([LARGE])

    assert bodies(hub) == [LARGE.body]


@pytest.mark.parametrize("partition", [None, 3])
def test_events_that_no_partition_can_hold_are_told_to_be_too_many(hub: Hub, partition: int | None) -> None:
    hub = capped(hub, 2 * OVERHEAD)

    with pytest.raises(BatchTooLarge, match="3 events of the batch are for partition 3 and count"):
        hub.append([Event(b"1", None if partition else "7")] * 3, partition=partition)

    assert bodies(hub) == []


@pytest.mark.parametrize("settings", ["server"], indirect=True)  # on a cluster, no command spans two slots
def test_recorded_events_go_into_all_partitions_or_none(hub: Hub) -> None:
    hub.append([Event(b"1", "7")], enqueued_ms=2000)

    with pytest.raises(redis_py.ResponseError, match="later event"):
        hub.append([Event(b"2", "131"), Event(b"3", "7")], enqueued_ms=1000)

    assert bodies(hub) == [b"1"]


def test_a_later_event_counts_even_when_it_is_gone(redis: redis_py.Redis) -> None:
    hub = Hub(redis, "events", 4)
    hub.append([Event(b"1", "7")], enqueued_ms=2000)
    redis.xtrim(hub.keys[3].events, maxlen=0, approximate=False)

    with pytest.raises(redis_py.ResponseError, match="later event"):
        hub.append([Event(b"2", "7")], enqueued_ms=1000)
