"""Hops: the hubs that an event has been in, by which a ring of relays is seen.

A relay adds its hub to the user property `wz-hops` of each event that it sends, behind those where the event was
before:

    wz-hops: events@5f3a9c0d1e2b,archive@77aa01b2c3d4        NAME@ID, by comma; the ID is random: `StoredHub.hop`

A hub refuses an event that has been in it already, so each hub of a ring has it at most once; and nothing is dropped,
as the relay that is refused keeps it as a dead letter. Anybody may send the property. A forged one has the forger's own
event refused, and no other.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence

from ..errors import InvalidValue
from .event import Event, Property

HOPS = "wz-hops"

#: Hubs that an event may have been in.
MAX_HOPS = 16

#: Names of properties ignore case. With all spellings in a set, an event without the property costs one look at it.
_SPELLINGS = frozenset(map("".join, itertools.product(*({c, c.upper()} for c in HOPS))))

_HOP = "[a-z0-9._-]{1,256}@[0-9a-f]{12}"
_FORM = re.compile(f"{_HOP}(?:,{_HOP})*")

#: A ring as the text of `RelayRing` tells it.
RING = re.compile(f"{_HOP}(?: -> {_HOP})+")

_LEAVE_OUT = f"a forwarder that copies the properties of events must leave {HOPS!r} out"


class WrongHops(InvalidValue):
    """The property is not of the form that relays give it, or has more than `MAX_HOPS`."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}; {_LEAVE_OUT}", HOPS)


class RelayRing(WrongHops):
    """The event has been in this hub."""

    def __init__(self, hops: Sequence[str], hub: str) -> None:
        ring = " -> ".join([*hops, hub])
        super().__init__(f"the event has been in this hub: {ring}. Pause a relay of this ring (`wz hub relay`)")


def check_hops(events: Sequence[Event], hop: Callable[[], str]) -> None:
    """Refuse events that have been in this hub. `hop` returns what it is called there, and is asked only if need be.

    Raises `RelayRing` or `WrongHops`.
    """
    for event in events:
        if event.properties and not _SPELLINGS.isdisjoint(event.properties):
            _check(_value(event.properties), hop())


def with_hop(properties: Mapping[str, Property], hop: str) -> str:
    """Return the hops of an event that leaves the hub `hop`."""
    before = None if _SPELLINGS.isdisjoint(properties) else _value(properties)
    return f"{before},{hop}" if isinstance(before, str) and _FORM.fullmatch(before) else hop


def is_hops(name: str) -> bool:
    return name in _SPELLINGS


def _value(properties: Mapping[str, Property]) -> Property:
    return next(value for name, value in properties.items() if name in _SPELLINGS)


def _check(value: Property, hub: str) -> None:
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise WrongHops(f"{HOPS!r} is not a list of NAME@ID, as relays write it")
    hops = value.split(",")
    own = hub.rpartition("@")[2]
    if any(hop.rpartition("@")[2] == own for hop in hops):
        raise RelayRing(hops, hub)
    if len(hops) > MAX_HOPS:
        raise WrongHops(f"the event has been in {len(hops)} hubs, and may have been in {MAX_HOPS}")
