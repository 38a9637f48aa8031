from __future__ import annotations

import random

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub, Property
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import HubSettings
from pipeline.hub.entry import MAX_BYTES, MAX_EVENTS, entries, unpack
from pipeline.hub.event import OVERHEAD
from pipeline.hub.repetition import Recognized
from pipeline.hub.retention import trim
from pipeline.hub.runtime import runtime


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "events", 1)


def numbered(count: int, first: int = 0) -> list[Event]:
    return [Event(str(number).encode()) for number in range(first, first + count)]


RELAYED = Event(b"r", properties={"WZ-Event-Id": "c0ffee/0/1-0"})
RELAY_ID = "rule/c0ffee/0/1-0"


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        pytest.param(numbered(MAX_EVENTS), [MAX_EVENTS], id="one run"),
        pytest.param(numbered(MAX_EVENTS + 1), [MAX_EVENTS, 1], id="too many"),
        pytest.param([Event(b"x" * (MAX_BYTES // 2 - OVERHEAD))] * 3, [2, 1], id="too large"),
        pytest.param([Event(b"x"), Event(b"x" * MAX_BYTES * 2), Event(b"x")], [1, 1, 1], id="one that is too large"),
        pytest.param([Event(b"x"), RELAYED, RELAYED, Event(b"x", message_id="m")], [4], id="all are new"),
        pytest.param([], [], id="nothing"),
        pytest.param([Event(b"x", "ключ", "text/plain", {"é": 2**70, "n": 1.5}, "p")] * 3, [3], id="all that counts"),
    ],
)
def test_where_events_are_cut(events: list[Event], counts: list[int]) -> None:
    cut = entries(events)

    assert [entry.events for entry in cut] == counts
    assert sum(entry.size for entry in cut) == sum(event.size for event in events)


@pytest.mark.parametrize(
    ("events", "ids"),
    [
        pytest.param([Event(b"x"), RELAYED, RELAYED, Event(b"x")], ["", RELAY_ID, RELAY_ID, ""], id="alone"),
        pytest.param([Event(b"x", properties={"other-names": 1})] * 2, [""], id="a name as long as the relay's"),
        pytest.param([Event(b"x", properties={"n": 2**64, "wz-event-id": 1})] * 2, [""], id="a value that is no id"),
        pytest.param([Event(b"x", message_id="m"), Event(b"x"), Event(b"x")], ["m", ""], id="a MessageId"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_events_that_may_be_repetitions_have_entries_of_their_own(events: list[Event], ids: list[str]) -> None:
    cut = entries(events, recognized=Recognized("rule", message_ids=True))

    assert [entry.relay_id or entry.message_id for entry in cut] == ids
    assert [event for entry in cut for event in unpack(entry.packed)] == events
    assert sum(entry.size for entry in cut) == sum(event.size for event in events)


def test_events_that_come_together_share_an_entry(hub: Hub) -> None:
    hub.append(numbered(100))

    assert hub.redis.xlen(hub.keys[0].events) == 1
    assert [stored.sequence_number for stored in hub.read(0)] == list(range(100))


def test_reading_finds_every_event_however_events_were_grouped(hub: Hub) -> None:
    """Compared with a list: appends of any size, also recorded and relayed events; any offset and limit of reading."""
    chance, sent = random.Random(5), list[Event]()
    for turn in range(60):
        events = numbered(chance.choice([1, 1, 2, 3, 30, MAX_EVENTS + 5]), len(sent))
        if chance.random() < 0.2:
            events.insert(
                chance.randrange(len(events)), Event(b"", properties={"wz-event-id": f"c0ffee/0/{turn + 1}-0"})
            )
        relay = "rule" if chance.random() < 0.5 else None
        hub.append(events, enqueued_ms=hub.clock_ms() + 1 if chance.random() < 0.1 else None, relay=relay)
        sent += events

    stored = hub.read(0, limit=len(sent) + 1)
    assert [one.event for one in stored] == sent
    assert [one.sequence_number for one in stored] == list(range(len(sent)))
    offsets = [tuple(map(int, one.offset.split("-"))) for one in stored]
    assert offsets == sorted(set(offsets))
    assert [one.enqueued_ms for one in stored] == [ms for ms, _ in offsets]
    for _ in range(200):
        place, limit = chance.randrange(len(sent)), chance.choice([1, 2, 7, 100, 1000])
        rest = stored[place + 1 : place + 1 + limit]
        assert hub.read(0, stored[place].offset, limit) == rest
    for stored_at in {one.enqueued_ms for one in stored}:
        later = [one for one in stored if one.enqueued_ms >= stored_at and one.offset != f"{stored_at}-0"]
        assert hub.read(0, str(stored_at), limit=10_000) == later


def test_an_offset_may_have_zeros_in_front(hub: Hub) -> None:
    hub.append(numbered(3), enqueued_ms=5)
    hub.append(numbered(3, 3))

    assert [one.event.body for one in hub.read(0, "0005-01", limit=2)] == [b"2", b"3"]


def test_an_integer_of_any_size_reads_back(hub: Hub) -> None:
    hub = Hub(hub.redis, "events", 4)
    properties: dict[str, Property] = {"n": 2**70, "m": -(2**70), "f": 0.1, "b": True, "none": None}
    sent = [Event(b"\x00\xff", "7", "text/plain", properties, "dev-1"), Event(b"x", "131")]
    hub.append(sent)  # to two partitions, for which a cluster records an intent first

    assert [one.event for partition in (3, 2) for one in hub.read(partition)] == sent


def test_numbers_and_offsets_go_on_when_the_clock_is_set_back(hub: Hub) -> None:
    ahead = hub.clock_ms() + 60_000
    hub.append(numbered(2), enqueued_ms=ahead)
    hub.append(numbered(3, 2))

    assert [one.offset for one in hub.read(0)] == [f"{ahead}-{n}" for n in range(5)]


def test_offsets_rise_when_the_numbers_were_lost(hub: Hub) -> None:
    ahead = hub.clock_ms() + 60_000
    hub.append(numbered(2), enqueued_ms=ahead)
    hub.redis.delete(hub.keys[0].sequence)
    hub.append(numbered(3, 2))

    assert [one.offset for one in hub.read(0)][2:] == [f"{ahead + 1}-{n}" for n in range(3)]


def test_a_group_that_is_within_an_entry_keeps_all_of_it(hub: Hub) -> None:
    hub.settings = HubSettings(1, retention_bytes=10 * (1 + OVERHEAD))
    group = ConsumerGroup(hub, "$relay")
    group.attach()
    hub.append(numbered(10))
    stored = hub.read(0)
    group.store(0, stored[6].offset)

    assert trim(hub, 0) == 0
    (now,) = runtime(hub)
    assert (now.events, now.first, now.groups[0].lag) == (10, 0, 3)

    group.store(0, stored[9].offset)
    assert trim(hub, 0) == 10
    (now,) = runtime(hub)
    assert (now.events, now.bytes, now.first, now.groups[0].lag) == (0, 0, 10, 0)


def test_the_oldest_entry_of_a_full_partition_goes_whole(hub: Hub) -> None:
    hub.settings = HubSettings(1, retention_bytes=10 * (10 + OVERHEAD))
    hub.append([Event(b"x" * 10)] * 4)
    hub.append([Event(b"y" * 10)] * 6)

    assert trim(hub, 0) == 4
    assert [one.event.body[:1] for one in hub.read(0)] == [b"y"] * 6
