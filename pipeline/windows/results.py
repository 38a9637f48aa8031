"""From what a window holds to its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .aggregates import Partials, SideBySide
from .faults import ROW, Faults
from .groups import Group, Key, group_of, in_order, values_of
from .operators import Row
from .values import RowError

Total = tuple[Group, tuple[Any, ...], Partials]
"""A group, the values of its keys, and the partial results of all that a window holds of it."""


def totals_of(groups: Mapping[Key, Partials]) -> list[Total]:
    """Return the totals in the order of their groups."""
    totals = []
    for key in in_order(groups):
        group = group_of(key)
        totals.append((group, values_of(group), groups[key]))
    return totals


def result_rows(end: int, totals: Iterable[Total], sides: SideBySide, faults: Faults) -> list[Row]:
    """Return Row((*keys, *results), end, group) for each total; one with a result that is refused is only reported."""
    rows = []
    for group, values, partials in totals:
        try:
            rows.append(Row((*values, *sides.results(partials)), end, group))
        except RowError as exc:
            faults.report(ROW, exc)
    return rows
