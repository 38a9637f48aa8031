"""The units of time that a query may write, and how long they are."""

from __future__ import annotations

from .ticks import TICKS_PER_SECOND

UNITS = {
    name: names.split()[0]
    for names in (
        "year yy yyyy",
        "quarter qq q",
        "month mm m",
        "dayofyear dy y",
        "day dd d",
        "week wk ww",
        "weekday dw w",
        "hour hh",
        "minute mi n",
        "second ss s",
        "millisecond ms",
        "microsecond mcs",
    )
    for name in names.split()
}
"""A unit or its abbreviation, in lower case -> the unit."""

WINDOW_UNITS = {
    "day": 86_400 * TICKS_PER_SECOND,
    "hour": 3_600 * TICKS_PER_SECOND,
    "minute": 60 * TICKS_PER_SECOND,
    "second": TICKS_PER_SECOND,
    "millisecond": TICKS_PER_SECOND // 1_000,
    "microsecond": TICKS_PER_SECOND // 1_000_000,
}
"""The units that windows take -> ticks."""

LIMIT_UNITS = {"week": 7 * WINDOW_UNITS["day"], **WINDOW_UNITS}
"""The units that LIMIT DURATION takes -> ticks: of DATEDIFF's those that have a length."""

LONGEST = 7 * WINDOW_UNITS["day"]
"""The longest duration of a window, in ticks; ours of LIMIT DURATION, too, for which none is documented."""
