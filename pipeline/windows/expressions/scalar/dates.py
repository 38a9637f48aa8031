"""Functions of datetimes, all in UTC. A week begins on Sunday, as in T-SQL; Sunday is weekday 1."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date

from ...language.ticks import TICKS_PER_MS, TICKS_PER_SECOND
from ...language.time_units import TICKS_PER_DAY, TIME_UNITS
from ...language.values import Datetime, RowError
from ..casts import datetime_at, to_bigint, to_datetime
from .binding import Bind, by_unit, strict

# Python's calendar module has these names too, but in the language of the locale.
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _date(time: int) -> date:
    return date.fromordinal(time // TICKS_PER_DAY + 1)


def _month_of(time: int) -> int:
    day = _date(time)
    return day.year * 12 + day.month - 1


def _dateadd(unit: str) -> Callable[[int, Datetime], Datetime]:
    ticks, months = TIME_UNITS[unit].ticks, TIME_UNITS[unit].months

    def add_months(number: int, time: Datetime) -> Datetime:
        """Add months; a day that the month doesn't have becomes its last one: 31 January + 1 month is in February."""
        year, month = divmod(_month_of(time) + number * months, 12)
        if not 1 <= year <= 9999:
            return datetime_at(-1)
        day = min(_date(time).day, monthrange(year, month + 1)[1])
        days = date(year, month + 1, day).toordinal() - 1
        return Datetime(days * TICKS_PER_DAY + time % TICKS_PER_DAY)

    return add_months if months else lambda number, time: datetime_at(time + number * ticks)


def _datediff(unit: str) -> Callable[[int, int], int]:
    """Return the function that counts how often a new `unit` begins after `start`, up to and including `end`."""
    found = TIME_UNITS[unit]
    ticks, months, before = found.ticks, found.months, found.before
    if months:
        return lambda start, end: _month_of(end) // months - _month_of(start) // months
    return lambda start, end: (end + before) // ticks - (start + before) // ticks


def _weekday(time: int) -> int:
    return (time // TICKS_PER_DAY + 1) % 7 + 1


def _day_of_year(time: int) -> int:
    return _date(time).timetuple().tm_yday


def _week(time: int) -> int:
    """Return the week of the year: 1 January is in week 1, and each Sunday begins the next one."""
    day = _day_of_year(time)
    first = (_weekday(time) - day) % 7  # the weekday of 1 January, Sunday being 0
    return (day - 1 + first) // 7 + 1


def _within(unit: str, most: int) -> Callable[[int], int]:
    """Return what counts the units that have passed of the larger one, which has `most` of them: minutes of an hour."""
    ticks = TIME_UNITS[unit].ticks
    return lambda time: time // ticks % most


PARTS: dict[str, Callable[[int], int]] = {
    "year": lambda time: _date(time).year,
    "quarter": lambda time: (_date(time).month + 2) // 3,
    "month": lambda time: _date(time).month,
    "dayofyear": _day_of_year,
    "day": lambda time: _date(time).day,
    "week": _week,
    "weekday": _weekday,
    "hour": _within("hour", 24),
    "minute": _within("minute", 60),
    "second": _within("second", 60),
    "millisecond": _within("millisecond", 1_000),
    "microsecond": _within("microsecond", 1_000_000),  # of the second, as in T-SQL
}


def _datename(unit: str) -> Callable[[int], str]:
    if unit == "month":
        return lambda time: _MONTH_NAMES[_date(time).month - 1]
    if unit == "weekday":
        return lambda time: _DAY_NAMES[_weekday(time) - 1]
    part = PARTS[unit]
    return lambda time: str(part(time))


def _from_parts(year: int, month: int, day: int, hour: int, minute: int, second: int, millisecond: int) -> Datetime:
    in_day = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= millisecond < 1_000
    if not (in_day and 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        parts = f"{year}, {month}, {day}, {hour}, {minute}, {second}, {millisecond}"
        raise RowError(f"there is no datetime of the parts {parts}")
    days = date(year, month, day).toordinal() - 1
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    return Datetime(seconds * TICKS_PER_SECOND + millisecond * TICKS_PER_MS)


FUNCTIONS: dict[str, Bind] = {
    "DATEADD": by_unit(_dateadd, to_bigint, to_datetime),
    "DATEDIFF": by_unit(_datediff, to_datetime, to_datetime),
    "DATENAME": by_unit(_datename, to_datetime),
    "DATEPART": by_unit(PARTS.__getitem__, to_datetime),
    "DATETIMEFROMPARTS": strict(_from_parts, *[to_bigint] * 7),
    "DAY": strict(PARTS["day"], to_datetime),
    "MONTH": strict(PARTS["month"], to_datetime),
    "YEAR": strict(PARTS["year"], to_datetime),
}
