from __future__ import annotations

import pytest

from pipeline.hub import Event, Hub, UnknownPartition, browse
from pipeline.hub.browse import Wanted, backwards, before_time, event_at, forwards, newest, search_all
from pipeline.hub.partition import partition_of
from pipeline.hub.runtime import runtime

pytestmark = pytest.mark.cluster


@pytest.fixture
def filled(hub: Hub) -> Hub:
    """Partition 1 has the events 0 to 299, in entries of 100, which are cut at other places than pages."""
    for first in (0, 100, 200):
        hub.append([Event(b"%d" % number) for number in range(first, first + 100)], partition=1)
    return hub


def numbers(look: browse.Look) -> list[int]:
    return [stored.sequence_number for stored in look.events]


def test_backwards_from_the_newest_in_pages(filled: Hub) -> None:
    first = backwards(filled, 1, None, 70)
    second = backwards(filled, 1, first.events[-1].offset, 70)
    rest = backwards(filled, 1, second.events[-1].offset, 1000)

    assert numbers(first) + numbers(second) + numbers(rest) == list(range(299, -1, -1))
    assert (first.end, rest.end) == (first.events[-1].offset, None)


def test_forwards_from_a_place_inside_of_an_entry(filled: Hub) -> None:
    place = backwards(filled, 1, None, 150).events[-1]

    assert place.sequence_number == 150
    assert numbers(forwards(filled, 1, place.offset, 60)) == list(range(151, 211))
    assert numbers(backwards(filled, 1, place.offset, 3)) == [149, 148, 147]


def test_an_event_by_its_offset(filled: Hub) -> None:
    wanted = backwards(filled, 1, None, 120).events[-1]

    assert event_at(filled, 1, wanted.offset) == wanted
    assert event_at(filled, 0, wanted.offset) is None
    assert event_at(filled, 1, "1-0") is None
    with pytest.raises(UnknownPartition):
        event_at(filled, 4, wanted.offset)


def test_a_time_is_before_all_its_events(hub: Hub) -> None:
    for at in (1_000, 2_000, 2_000, 3_000):
        hub.append([Event(b"x")], partition=0, enqueued_ms=at)

    assert numbers(forwards(hub, 0, before_time(2_000), 9)) == [1, 2, 3]
    assert numbers(backwards(hub, 0, before_time(2_000), 9)) == [0]
    assert before_time(0) == "0"


def test_a_search_says_how_far_it_looked(filled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    found = backwards(filled, 1, None, 2, Wanted(text="29"))
    assert (numbers(found), found.looked) == ([299, 298], 2)

    monkeypatch.setattr(browse, "LOOK_EVENTS", 120)
    nothing = backwards(filled, 1, None, 2, Wanted(text="a"))
    assert (nothing.events, nothing.looked) == ([], 120)
    further = backwards(filled, 1, nothing.end, 2, Wanted(text="a"))
    assert backwards(filled, 1, further.end, 2, Wanted(text="a")) == ([], 60, None)
    assert forwards(filled, 1, "0", 2, Wanted(text="a")).looked == 120


def test_a_search_ends_after_so_many_bytes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.append([Event(b"x" * 1000) for _ in range(50)], partition=0)
    monkeypatch.setattr(browse, "LOOK_BYTES", 10_000)

    assert backwards(hub, 0, None, 5, Wanted(text="a")).looked == 10


def test_a_key_is_looked_for_in_its_partition(hub: Hub) -> None:
    hub.append([Event(b"%d" % number, key) for number in range(5) for key in ("dev-1", "dev-2", "dev-3")])

    found = search_all(hub, 3, Wanted(key="dev-2"))
    assert [stored.event.body for stored in found.events] == [b"4", b"3", b"2"]
    assert {stored.partition for stored in found.events} == {partition_of("dev-2", 4)}
    assert [stored.event.partition_key for stored in search_all(hub, 9, Wanted("dev-3", "1")).events] == ["dev-3"]


def test_the_newest_of_all_partitions(hub: Hub) -> None:
    for number in range(12):
        hub.append([Event(b"%d" % number)], partition=number % 4, enqueued_ms=1_000 + number)

    assert [stored.event.body for stored in newest(hub, runtime(hub), 3)] == [b"11", b"10", b"9"]
    found = search_all(hub, 2, Wanted(text="1"))
    assert [stored.event.body for stored in found.events] == [b"11", b"10"]


def test_an_empty_partition(hub: Hub) -> None:
    assert backwards(hub, 0, None, 5) == forwards(hub, 0, "0", 5) == ([], 0, None)
    assert newest(hub, runtime(hub), 5) == []
