"""Windows and aggregates as they are defined: every window looks at every row. Slow, and independent of pipeline/.

Windows are (start, end]. Rows are `Event`s; a window gives (end, key, events).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isclose
from typing import Any


@dataclass(frozen=True)
class Event:
    """`number` gives the order of arrival, whatever the times are."""

    time: int
    number: int
    key: Any
    value: Any
    by: Any

    @property
    def label(self) -> int:
        """Return the value by which results tell rows apart. It sorts in the reverse order of arrival."""
        return -self.number


Result = tuple[int, Any, list[Event]]


def hopping(duration: int, hop: int, offset: int, events: Sequence[Event]) -> Iterator[Result]:
    """Return hopping windows: they end at multiples of the hop, plus the offset."""
    last = max((event.time for event in events), default=0) + duration + hop
    for end in range(offset % hop, last, hop):
        yield from by_key(end, [event for event in events if end - duration < event.time <= end])


def snapshot(events: Sequence[Event]) -> Iterator[Result]:
    for time in sorted({event.time for event in events}):
        yield from by_key(time, [event for event in events if event.time == time])


def sliding(duration: int, events: Sequence[Event]) -> Iterator[Result]:
    """Return sliding windows: the rows of a group at each time at which one of them enters or leaves."""
    for key in distinct(event.key for event in events):
        members = [event for event in events if same(event.key, key)]
        for now in sorted({event.time for event in members} | {event.time + duration for event in members}):
            if content := [event for event in members if now - duration < event.time <= now]:
                yield now, key, content


def session(timeout: int, max_duration: int, is_by_key: bool, events: Sequence[Event]) -> Iterator[Result]:
    """Return sessions, tick by tick: one closes at t if t - last > timeout, or t mod max = 0 and t - opened >= max."""
    if is_by_key:
        for key in distinct(event.key for event in events):
            yield from session(timeout, max_duration, False, [event for event in events if same(event.key, key)])
        return
    times = [event.time for event in events]
    opened = last = None
    content: list[Event] = []
    for t in range(min(times, default=0), max(times, default=-1) + timeout + 2):
        if last is not None and t - last > timeout:
            yield from by_key(last + timeout, content)
            opened, last, content = None, None, []
        for event in events:
            if event.time == t:
                opened, last = t if opened is None else opened, t
                content = [*content, event]
        if opened is not None and t % max_duration == 0 and t - opened >= max_duration:
            yield from by_key(t, content)
            opened, content = t, []


def by_key(end: int, events: Sequence[Event]) -> Iterator[Result]:
    for key in distinct(event.key for event in events):
        yield end, key, [event for event in events if same(event.key, key)]


def same(left: Any, right: Any) -> bool:
    """Return what GROUP BY and DISTINCT compare: NULLs are equal, and so are 1 and 1.0; true and 1 are not."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def distinct(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(same(value, other) for other in found):
            found.append(value)
    return found


def _values(events: Sequence[Event]) -> list[Any]:
    return [event.value for event in events if event.value is not None]


def _count(events: Sequence[Event]) -> int:
    return len(_values(events))


def _count_distinct(events: Sequence[Event]) -> int:
    return len(distinct(_values(events)))


def _sum(events: Sequence[Event]) -> Any:
    values = _values(events)
    if not values:
        return None
    exact = sum(map(Fraction, values))
    return float(exact) if any(isinstance(value, float) for value in values) else int(exact)


def _average(events: Sequence[Event]) -> Any:
    values = _values(events)
    if not values:
        return None
    exact = sum(map(Fraction, values)) / len(values)
    return float(exact) if any(isinstance(value, float) for value in values) else int(exact)


def _maximum(events: Sequence[Event]) -> Any:
    return max(_values(events), key=lambda value: (value, isinstance(value, float)), default=None)


def _minimum(events: Sequence[Event]) -> Any:
    return min(_values(events), key=lambda value: (value, isinstance(value, float)), default=None)


def _deviation(events: Sequence[Event]) -> Any:
    values = _values(events)
    return float(statistics.stdev(map(Fraction, values))) if len(values) > 1 else None


def _population_variance(events: Sequence[Event]) -> Any:
    values = _values(events)
    return float(statistics.pvariance(list(map(Fraction, values)))) if values else None


def ordered(events: Sequence[Event], descending: bool) -> list[Event]:
    """Sort by `by`, with NULL as the least. Equal rows are sorted by time, then arrival, in either direction."""
    by_arrival = sorted(events, key=lambda event: (event.time, event.number))
    if descending:
        return sorted(by_arrival, key=lambda event: (event.by is None, -(event.by or 0)))
    return sorted(by_arrival, key=lambda event: (event.by is not None, event.by or 0))


def _top(descending: bool) -> Callable[[Sequence[Event]], Any]:
    return lambda events: ordered(events, descending)[0].label


def _collect_top(events: Sequence[Event]) -> Any:
    return [{"rank": rank, "value": event.label} for rank, event in enumerate(ordered(events, True)[:2], 1)]


def _collect(events: Sequence[Event]) -> Any:
    return _values(sorted(events, key=lambda event: (event.time, event.number)))


def _percentile_cont(events: Sequence[Event]) -> Any:
    values = sorted(map(Fraction, _values(events)))
    if not values:
        return None
    place = Fraction(9, 10) * (len(values) - 1)
    low, high = values[int(place)], values[ceil(place)]
    return float(low + (high - low) * (place - int(place)))


def _percentile_disc(events: Sequence[Event]) -> Any:
    values = sorted(_values(events), key=lambda value: (value, isinstance(value, float)))
    for rank, value in enumerate(values, 1):
        if Fraction(rank, len(values)) >= Fraction(3, 10):
            return value
    return None


#: What computes each aggregate from a group's events, by the names that the tests use (test_properties.py).
AGGREGATES: dict[str, Callable[[Sequence[Event]], Any]] = {
    "COUNT(*)": len,
    "COUNT": _count,
    "COUNT(DISTINCT)": _count_distinct,
    "SUM": _sum,
    "AVG": _average,
    "MIN": _minimum,
    "MAX": _maximum,
    "STDEV": _deviation,
    "VARP": _population_variance,
    "TOPONE ASC": _top(False),
    "TOPONE DESC": _top(True),
    "COLLECTTOP(2) DESC": _collect_top,
    "COLLECT": _collect,
    "PERCENTILE_CONT(0.9)": _percentile_cont,
    "PERCENTILE_DISC(0.3)": _percentile_disc,
}


def equal(left: Any, right: Any) -> bool:
    """Return whether two results are equal and of the same type; floats may differ in their last digits."""
    if isinstance(left, float) and isinstance(right, float):
        return isclose(left, right, rel_tol=1e-12, abs_tol=1e-12)
    return type(left) is type(right) and bool(left == right)


def applied(record: dict[str, Any], value: Any, is_outer: bool, alias: str) -> list[dict[str, Any]]:
    """Return what APPLY makes of a record: one more for each element of an array, or for each property of a record.

    Each has `alias` as well. A value that is neither has no elements.
    """
    found: list[dict[str, Any] | None] = []
    if isinstance(value, list):
        found = [{"ArrayIndex": place, "ArrayValue": element} for place, element in enumerate(value)]
    elif isinstance(value, dict):
        found = [{"PropertyName": name, "PropertyValue": element} for name, element in value.items()]
    return [{**record, alias: element} for element in found or ([None] if is_outer else [])]
