"""The units of time that a query may write: one table, which all that reads a unit or computes with one uses.

A unit that is added here can be read by the parser, and used by DATEADD, DATEDIFF, windows and JOIN. For DATEPART and
DATENAME, add the function that computes its part to expressions/scalar/dates.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from .ticks import TICKS_PER_SECOND

TICKS_PER_DAY = 86_400 * TICKS_PER_SECOND


@dataclass(frozen=True)
class TimeUnit:
    """`name` is the long name; all names are in lower case.

    A unit has either a fixed length, in `ticks`, or a length in `months`. `before` is 0 if one of these units begins
    with 0001-01-01; otherwise it is how many ticks earlier the unit begins that has this day. Weeks begin on Sundays,
    as in T-SQL, and 0001-01-01 was a Monday, so their `before` is a day. `of_windows` tells whether windows and ISFIRST
    take the unit, `of_limits` whether LIMIT DURATION does.
    """

    name: str
    abbreviations: tuple[str, ...] = ()
    ticks: int = 0
    months: int = 0
    before: int = 0
    of_windows: bool = False
    of_limits: bool = False


TIME_UNITS = {
    unit.name: unit
    for unit in (
        TimeUnit("year", ("yy", "yyyy"), months=12),
        TimeUnit("quarter", ("qq", "q"), months=3),
        TimeUnit("month", ("mm", "m"), months=1),
        TimeUnit("dayofyear", ("dy", "y"), TICKS_PER_DAY),
        TimeUnit("day", ("dd", "d"), TICKS_PER_DAY, of_windows=True, of_limits=True),
        TimeUnit("week", ("wk", "ww"), 7 * TICKS_PER_DAY, before=TICKS_PER_DAY, of_limits=True),
        TimeUnit("weekday", ("dw", "w"), TICKS_PER_DAY),
        TimeUnit("hour", ("hh",), 3_600 * TICKS_PER_SECOND, of_windows=True, of_limits=True),
        TimeUnit("minute", ("mi", "n"), 60 * TICKS_PER_SECOND, of_windows=True, of_limits=True),
        TimeUnit("second", ("ss", "s"), TICKS_PER_SECOND, of_windows=True, of_limits=True),
        TimeUnit("millisecond", ("ms",), TICKS_PER_SECOND // 1_000, of_windows=True, of_limits=True),
        TimeUnit("microsecond", ("mcs",), TICKS_PER_SECOND // 1_000_000, of_windows=True, of_limits=True),
    )
}
"""The units by their long names, in the order in which messages list them."""

UNITS = {written: unit.name for unit in TIME_UNITS.values() for written in (unit.name, *unit.abbreviations)}
"""A unit's name or abbreviation, in lower case -> its name."""

_LONGEST_FIRST = sorted(TIME_UNITS.values(), key=lambda unit: unit.ticks, reverse=True)

WINDOW_UNITS = {unit.name: unit.ticks for unit in _LONGEST_FIRST if unit.of_windows}
"""The units that windows and ISFIRST take -> ticks, the longest first."""

LIMIT_UNITS = {unit.name: unit.ticks for unit in _LONGEST_FIRST if unit.of_limits}
"""The units that LIMIT DURATION takes -> ticks, the longest first."""

LONGEST = 7 * TICKS_PER_DAY
"""The longest duration of a window, in ticks. LIMIT DURATION has the same limit here; none is documented for it."""
