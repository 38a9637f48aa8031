"""Throughput: how much a hub takes per second, and how much of it one rule and one publisher may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

from ..errors import PipelineError
from ..store import writes
from ..store.scripts import Script, lua
from ..units import counted
from .rules import Rule
from .stored_hub import StoredHub

_TAKE = Script(*lua(__package__, "numbers", "throughput"))

#: What a throughput unit is, a second.
UNIT_BYTES, UNIT_EVENTS = 1024 * 1024, 1000


class Limit(NamedTuple):
    """What one sender, or all together, may send in a second; 0: no limit. Its bucket is in `key`."""

    kind: Literal["hub", "rule", "publisher"]
    name: str
    key: str
    bytes: int
    events: int

    def __str__(self) -> str:
        rates = ((self.events, "event"), (self.bytes, "byte"))
        parts = [counted(number, unit) for number, unit in rates if number]
        verb = "takes" if self.kind == "hub" else "may send"
        return f"the {self.kind} {self.name!r} {verb} {' or '.join(parts)} a second"


class Throttled(PipelineError):
    """A limit lets no more through for now; nothing of the batch was stored. Try again after `seconds`."""

    def __init__(self, hub: str, limit: Limit, seconds: float) -> None:
        where = "" if limit.kind == "hub" else f", to the hub {hub!r}"
        super().__init__(f"{limit}{where}; try again in {seconds:.1f} s")
        self.limit = limit
        self.seconds = seconds


def limits_of(hub: StoredHub, rule: Rule, publisher: str | None = None) -> list[Limit]:
    """Return the limits of a sender: of the rule that has signed its token, and of the publisher as whom it sends.

    A rule of the namespace has its limit in each hub by itself, since one command can't span the slots of two.
    """
    found = []
    if rule.bytes_per_second or rule.events_per_second:
        key = hub.keys.rule_throughput(rule.id)
        found.append(Limit("rule", rule.name, key, rule.bytes_per_second, rule.events_per_second))
    settings = hub.settings
    if publisher is not None and (settings.publisher_bytes_per_second or settings.publisher_events_per_second):
        key = hub.keys.publisher_throughput(publisher.lower())
        each = settings.publisher_bytes_per_second, settings.publisher_events_per_second
        found.append(Limit("publisher", publisher, key, *each))
    return found


def take(hub: StoredHub, size: int, events: int, limits: Sequence[Limit] = ()) -> None:
    """Subtract `size` bytes and `events` from what may be sent in a second: to the hub, and within other `limits`.

    A unit is 1 MiB/s or 1,000 events/s, whichever is reached first. Costs one round trip, and none without any limit:
    all partitions share one bucket, in a slot of its own, so it does not matter how unevenly keys are spread. Raises
    `Throttled`, and then has taken nothing.

    Redis keys: `throughput`, `rule_throughput` and `publisher_throughput`; see keys.py.
    """
    limits = _with_units(hub, limits)
    if not limits:
        return
    wait_ms, number = _run(hub, size, events, limits)
    if wait_ms:
        raise Throttled(hub.name, limits[number - 1], wait_ms / 1000)


def give_back(hub: StoredHub, size: int, events: int, limits: Sequence[Limit] = ()) -> None:
    """Put back what `take` took for a batch that was refused after it, also while memory is full.

    One round trip, and none without any limit.
    """
    limits = _with_units(hub, limits)
    if limits:
        _run(hub, -size, -events, limits)


def _with_units(hub: StoredHub, limits: Sequence[Limit]) -> Sequence[Limit]:
    units = hub.settings.throughput_units
    if not units:
        return limits
    return [Limit("hub", hub.name, hub.keys.throughput, units * UNIT_BYTES, units * UNIT_EVENTS), *limits]


def _run(hub: StoredHub, size: int, events: int, limits: Sequence[Limit]) -> list[int]:
    rates = [number for limit in limits for number in (limit.bytes, limit.events)]
    with writes.uncounted():  # whatever becomes of it, no event is stored
        return cast("list[int]", _TAKE.call(hub.redis, [limit.key for limit in limits], [size, events, *rates]))
