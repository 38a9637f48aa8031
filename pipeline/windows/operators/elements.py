"""CROSS APPLY and OUTER APPLY: a row for each element of an array, or for each property of a record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from ..expressions.casts import to_array, to_record
from ..functions import FUNCTIONS
from ..language.values import RowError
from ..row import Evaluate, Row
from .faults import ROW, Faults

#: The rows that one event may become, by one APPLY or by several. An event of 1 MB has half as many elements at most;
#: but two arrays that are applied one after the other are multiplied.
MOST = 2**20

APPLIED: dict[str, Callable[[Any], Collection[tuple[Any, Any]]]] = {
    "GETARRAYELEMENTS": lambda value: list(enumerate(to_array(value))),
    "GETRECORDPROPERTIES": lambda value: to_record(value).items(),
}
"""What gives the two columns of each element, by the function's name in upper case; raises `RowError`."""


class Elements:
    """APPLY. Gives (row, record of the element) for each element; OUTER APPLY gives (row, None) if there are none.

    It has no state, and the time is the row's. The element's place is in the arrival, so that a replay gives the same.
    NULL has no elements. If the value is of another type, or there are more than `MOST`, the row is a fault.
    """

    def __init__(self, is_outer: bool, function: str, of: Evaluate, depth: int, faults: Faults) -> None:
        """`function` is in upper case. In rows of one event, the first part of `arrival` is the same `depth` deep."""
        self._is_outer = is_outer
        self._elements = APPLIED[function]
        self._names = FUNCTIONS[function].gives
        self._of = of
        self._depth = depth
        self._faults = faults
        self._event: tuple[Any, ...] = ()
        self._count = 0  # of the rows that the event has become

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield what each row gives, in their order. The rows are made while they are read."""
        name, value = self._names
        for row in rows:
            try:
                of = self._of(row)
                elements = () if of is None else self._elements(of)
                self._check(row, len(elements))
            except RowError as exc:
                self._faults.report(ROW, exc, row)
                continue
            for place, (first, second) in enumerate(elements):
                yield Row((row, {name: first, value: second}), row.time, (row.arrival, (place,)))
            if self._is_outer and not elements:
                yield Row((row, None), row.time, (row.arrival, ()))

    def _check(self, row: Row, count: int) -> None:
        event = row.arrival
        for _ in range(self._depth):
            event = event[0] if type(event[0]) is tuple else event  # an exchange puts the partition before it
        if (row.time, event) != self._event:
            self._event, self._count = (row.time, event), 0
        self._count += count
        if self._count > MOST:
            raise RowError(f"APPLY would make more than {MOST} rows of one event")
