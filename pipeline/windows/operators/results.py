"""Makes the rows of a window from its partial results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..language.values import RowError
from ..row import Row
from .aggregates import Partials, SideBySide
from .faults import ROW, Faults
from .groups import Key, in_order, parts_of

Total = tuple[Key, Partials]
"""A group, and the partial results of all its rows in a window."""


def totals_of(groups: Mapping[Key, Partials]) -> list[Total]:
    """Return the totals in the order of their groups."""
    return [(key, groups[key]) for key in in_order(groups)]


def result_rows(end: int, totals: Iterable[Total], sides: SideBySide, faults: Faults) -> Iterator[Row]:
    """Yield Row([*keys, *results], end, group) for each total. If a result can't be computed, it is only reported."""
    results = sides.results
    for key, partials in totals:
        group, values = parts_of(key)
        try:
            yield Row(results(values, partials), end, group)
        except RowError as exc:
            faults.report(ROW, exc)
