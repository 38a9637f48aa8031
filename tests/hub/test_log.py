from __future__ import annotations

import itertools

import pytest
import redis as redis_py

from pipeline.hub.log import Event, Hub, PartitionCountChanged, UnknownPartition
from pipeline.hub.partition import partition_of


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "events", 4)


def test_events_of_a_key_stay_in_order_in_its_partition(hub: Hub) -> None:
    sent = [Event(str(i).encode(), partition_key=key) for i, key in enumerate("abcab")]
    hub.append(sent)

    for key in "abc":
        read = [stored.event for stored in hub.read(partition_of(key, 4))]
        assert [event for event in read if event.partition_key == key] == [e for e in sent if e.partition_key == key]


def test_an_event_reads_back_unchanged(hub: Hub) -> None:
    event = Event(b"\x00\xff", "key", "text/plain; charset=x", {"s": "é", "i": 2**53 + 1, "f": 0.1, "b": True})
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


def test_the_number_of_partitions_cannot_change_unnoticed(hub: Hub) -> None:
    hub.declare()
    hub.declare()

    with pytest.raises(PartitionCountChanged):
        Hub(hub.redis, "events", 8).declare()


def test_a_recorded_event_out_of_order_is_refused_and_leaves_no_gap(hub: Hub) -> None:
    hub.append([Event(b"1", "k")], enqueued_ms=2000)
    with pytest.raises(redis_py.ResponseError):
        hub.append([Event(b"0", "k")], enqueued_ms=1000)
    hub.append([Event(b"2", "k")], enqueued_ms=2000)

    assert [(s.sequence_number, s.event.body) for s in hub.read(partition_of("k", 4))] == [(0, b"1"), (1, b"2")]


def test_partitions_are_read_together(hub: Hub) -> None:
    hub.append([Event(b"1", "7"), Event(b"2", "131"), Event(b"3", "131")])  # partitions 3 and 2

    pages = hub.read_all({3: "0", 2: "0", 0: "0"}, 100)

    assert [[s.event.body for s in page] for page in pages] == [[b"1"], [b"2", b"3"], []]
