"""State of which each part is written once: a snapshot appends new items in chunks, and drops chunks that expired."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..language.ticks import BEGINNING
from ..row import Changes
from .codec import pack, unpack

_CHUNK = 512  # items; some 50 KB, so that one long-lived item keeps few expired ones with it

_TRIM = 1_024  # items


class Changelog:
    """Saves the items of an operator, each of which is needed until a certain time. It is not an index of the items.

    A chunk is never written a second time; `restore` leaves out the items in it that have expired since. The items of
    one snapshot are sorted by the time until which they are needed, so those of a chunk expire at about the same time.

    Fields: NAME:0, NAME:1 ... each a list of items, packed.
    """

    def __init__(self, name: str, until: Callable[[Any], int]) -> None:
        """`until(item)` is a time; once the watermark has come that far, the item is not needed any more."""
        self._prefix = f"{name}:"
        self._until = until
        self._passed = BEGINNING
        self._new: list[Any] = []
        self._trim_at = _TRIM
        self._chunks: list[tuple[int, int]] = []  # a heap: the time at which its last item expires, number
        self._number = 0

    def add(self, items: Iterable[Any]) -> None:
        """Take items. Amortised constant time each."""
        self._new.extend(items)
        if len(self._new) >= self._trim_at:  # drops what expires between two snapshots
            self._trim()
            self._trim_at = max(_TRIM, 2 * len(self._new))

    def drop(self, to: int) -> None:
        """Record that items which are needed until `to`, or until an earlier time, have expired."""
        self._passed = max(self._passed, to)

    def snapshot(self) -> Changes:
        while self._chunks and self._chunks[0][0] <= self._passed:
            yield f"{self._prefix}{heapq.heappop(self._chunks)[1]}", None
        self._trim()
        self._new.sort(key=self._until)  # stable: items of one time are restored in the order of `add`
        for start in range(0, len(self._new), _CHUNK):
            chunk = self._new[start : start + _CHUNK]
            heapq.heappush(self._chunks, (self._until(chunk[-1]), self._number))
            yield f"{self._prefix}{self._number}", pack(chunk)
            self._number += 1
        self._new.clear()
        self._trim_at = _TRIM

    def restore(self, fields: Mapping[str, bytes], closed: int) -> list[Any]:
        """Return the items that are needed after `closed`, in the order in which snapshots wrote them."""
        self._passed = closed
        numbers = sorted(int(name[len(self._prefix) :]) for name in fields if name.startswith(self._prefix))
        items: list[Any] = []
        for number in numbers:
            chunk = unpack(fields[f"{self._prefix}{number}"])
            heapq.heappush(self._chunks, (self._until(chunk[-1]), number))
            items += [item for item in chunk if self._until(item) > closed]
        self._number = numbers[-1] + 1 if numbers else 0
        return items

    def _trim(self) -> None:
        self._new = [item for item in self._new if self._until(item) > self._passed]
