"""Hopping windows from panes (Li, Maier, Tufte, Papadimos, Tucker: SIGMOD Record 34(1), 2005).

Time is cut into panes of gcd(duration, hop). An event is merged into the partial results of one pane, whatever the
number of windows that it is in; a window is the roll-up of its panes. Windows and panes are (start, end]: an event
exactly on a boundary belongs to what ends there.

        pane        1    2    3    4         duration 2 h, hop 1 h: panes of 1 h
                 |    ]    ]    ]    ]
        window   (---------]                 an event exactly here -> pane 2
                      (---------]               ^
                           (---------]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from .aggregates import Aggregate
from .clock import BEGINNING
from .values import Tagged

Key = tuple[Tagged, ...]
Partials = list[Any]


@dataclass(frozen=True)
class Window:
    """All values in ticks. Windows end at the multiples of `hop`, moved by `offset`; tumbling: hop = duration."""

    duration: int
    hop: int
    offset: int = 0

    @property
    def pane(self) -> int:
        return gcd(self.duration, self.hop)

    def pane_end(self, time: int) -> int:
        """Return the end of the pane that `time` is in."""
        return _up(time - self.offset, self.pane) + self.offset

    def first_end(self, pane_end: int) -> int:
        """Return the end of the first window that does not end before this pane does."""
        return _up(pane_end - self.offset, self.hop) + self.offset

    def last_end(self, pane_end: int) -> int:
        """Return the end of the last window that has this pane in it.

        A hop longer than the duration leaves gaps. A pane in one is in no window, and this is before its end.
        """
        return _down(pane_end - self.pane + self.duration - self.offset, self.hop) + self.offset

    def end_after(self, time: int) -> int:
        return _down(time - self.offset, self.hop) + self.hop + self.offset


class Panes:
    """One window function's state: the partial results of each pane and group, and how far windows are closed."""

    def __init__(self, window: Window, aggregates: Sequence[Aggregate], closed: int = BEGINNING) -> None:
        self.window = window
        self.closed = closed
        self._aggregates = aggregates
        self._panes: dict[int, dict[Key, Partials]] = {}  # by the pane's end

    def add(self, time: int, key: Key, lifted: Partials) -> bool:
        """Merge an event's partials into its pane; False if no window that it is in is still to close."""
        end = self.window.pane_end(time)
        if self._is_done(end):
            return False
        groups = self._panes.setdefault(end, {})
        partials = groups.get(key)
        groups[key] = lifted if partials is None else self._combine(partials, lifted)
        return True

    def next_end(self) -> int | None:
        """Return the end of the next window to close; every one that has an event in it comes up."""
        if not self._panes:
            return None
        return max(self.window.first_end(min(self._panes)), self.window.end_after(self.closed))

    def close(self, end: int) -> list[tuple[Key, list[Any]]]:
        """Close the windows up to `end` and return the results of the one that ends there, sorted by group."""
        window = self._roll_up(end)
        self.advance(end)
        return [(key, self._lower(window[key])) for key in sorted(window)]

    def advance(self, closed: int) -> None:
        """Close windows that have no event in them, and forget the panes that no later window needs."""
        self.closed = max(self.closed, closed)
        for end in [end for end in self._panes if self._is_done(end)]:
            del self._panes[end]

    def needed_after(self, closed: int) -> int:
        """Return the start of the first window that ends after `closed`: events after it are still needed."""
        return self.window.end_after(closed) - self.window.duration

    def _is_done(self, pane_end: int) -> bool:
        return self.window.last_end(pane_end) <= self.closed

    def _roll_up(self, end: int) -> dict[Key, Partials]:
        window: dict[Key, Partials] = {}
        for pane_end in sorted(pane for pane in self._panes if end - self.window.duration < pane <= end):
            for key, partials in self._panes[pane_end].items():
                merged = window.get(key)
                window[key] = partials if merged is None else self._combine(merged, partials)
        return window

    def _combine(self, left: Partials, right: Partials) -> Partials:
        return [a.combine(x, y) for a, x, y in zip(self._aggregates, left, right, strict=True)]

    def _lower(self, partials: Partials) -> list[Any]:
        return [a.lower(partial) for a, partial in zip(self._aggregates, partials, strict=True)]


def _down(value: int, step: int) -> int:
    return value // step * step


def _up(value: int, step: int) -> int:
    return -_down(-value, step)
