"""The property `wz-hops`: what a relay makes of it, and what a hub that has had the event says."""

from __future__ import annotations

import pytest

from pipeline.hub import Event, Hub
from pipeline.hub.hops import MAX_HOPS, RelayRing, WrongHops, with_hop

HERE, THERE = "here@00000000000a", "there@00000000000b"


def hops(count: int) -> str:
    return ",".join(f"h@{n:012x}" for n in range(count))


def test_a_hub_is_called_the_same_by_all_its_processes(hub: Hub) -> None:
    again = Hub(hub.redis, "events", 4)

    assert hub.hop == again.hop
    assert hub.hop.startswith("events@")


@pytest.mark.parametrize("name", ["wz-hops", "Wz-Hops", "WZ-HOPS"])
def test_an_event_that_has_been_here_is_refused_and_with_it_its_batch(hub: Hub, name: str) -> None:
    with pytest.raises(RelayRing, match=f"{THERE} -> {hub.hop} -> {HERE} -> {hub.hop}.*must leave 'wz-hops' out"):
        hub.append([Event(b"good"), Event(b"x", None, None, {"n": 1, name: f"{THERE},{hub.hop},{HERE}"})])

    assert [hub.read(p) for p in range(4)] == [[]] * 4


@pytest.mark.parametrize("value", ["", "x", 5, None, f"{HERE},", f"{HERE};{THERE}", hops(MAX_HOPS + 1)], ids=str)
def test_what_no_relay_writes_is_refused(hub: Hub, value: str | int | None) -> None:
    with pytest.raises(WrongHops, match="wz-hops"):
        hub.append([Event(b"x", None, None, {"wz-hops": value})])


def test_an_event_that_has_been_elsewhere_is_taken(hub: Hub) -> None:
    hub.append([Event(b"x", None, None, {"wz-hops": value}) for value in (HERE, hops(MAX_HOPS))], partition=0)

    assert len(hub.read(0)) == 2


@pytest.mark.parametrize(
    ("properties", "after"),
    [({}, HERE), ({"n": 1}, HERE), ({"Wz-Hops": THERE}, f"{THERE},{HERE}"), ({"wz-hops": 3}, HERE)],
)
def test_a_relay_adds_its_hub(properties: dict[str, str | int], after: str) -> None:
    assert with_hop(properties, HERE) == after


def test_a_hub_that_is_made_again_is_another(hub: Hub) -> None:
    before = hub.hop
    hub.redis.delete(hub.keys.id)

    assert Hub(hub.redis, "events", 4).hop != before
