"""Makes the rows of a window from its partial results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..language.values import RowError
from ..row import Batch, Row
from .aggregates import Aggregate, Partials, SideBySide
from .faults import ROW, Faults, by_halves
from .groups import Group, Key, in_order, parts_of

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


def rows_of_columns(
    end: int,
    groups: list[Group],
    values: Sequence[list[Any]],
    partials: Sequence[list[Any]],
    aggregates: Sequence[Aggregate],
    faults: Faults,
) -> Iterator[Batch]:
    """Yield the same of columns: `values` has one for each key, `partials` one for each aggregate."""

    def work(places: Sequence[int]) -> Batch:
        def of(column: list[Any]) -> list[Any]:
            return column if len(places) == len(groups) else [column[place] for place in places]

        results = [each.results(of(column)) for each, column in zip(aggregates, partials, strict=True)]
        return Batch(None, [end] * len(places), of(groups), values=[*map(of, values), *results])

    return by_halves(work, range(len(groups)), lambda exc, place: faults.report(ROW, exc))
