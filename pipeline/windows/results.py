"""From what a window holds to its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .aggregates import Partials, SideBySide
from .faults import ROW, Faults
from .groups import Group
from .operators import Row
from .values import RowError

Total = tuple[Group, tuple[Any, ...], Partials]
"""A group, the values of its keys, and the partial results of all that a window holds of it."""


def result_rows(end: int, totals: Iterable[Total], sides: SideBySide, faults: Faults) -> Iterator[Row]:
    """Yield Row((*keys, *results), end, group) for each total; one with a result that is refused is only reported."""
    for group, values, partials in totals:
        try:
            results = sides.results(partials)
        except RowError as exc:
            faults.report(ROW, exc)
            continue
        yield Row((*values, *results), end, group)
