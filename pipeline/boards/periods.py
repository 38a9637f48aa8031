"""Time-boxed boards: `points@day` is a new board each day, which is deleted some time after that day.

`points@day-1` is the one of the day before, as long as it is kept. It can be written to like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from ..errors import InvalidValue

_DAY = timedelta(days=1)

#: What `resolve` puts behind the name of a board.
_LABEL = re.compile(r"\.[0-9]{4}-(?:W[0-9]{2}|[0-9]{2}(?:-[0-9]{2}(?:T[0-9]{2})?)?)\Z")

#: How long a board is kept after its period.
KEEP: Mapping[str, timedelta] = MappingProxyType(
    {"hour": 2 * _DAY, "day": 35 * _DAY, "week": 400 * _DAY, "month": 800 * _DAY}
)


#: What may follow the name of a board, as a regular expression.
PERIOD = rf"@({'|'.join(KEEP)})(-[1-9][0-9]{{0,3}})?"
_PERIOD = re.compile(PERIOD)


def resolve(name: str, now: datetime) -> tuple[str, int]:
    """Return the name of the board of the period that `now` is in, and when it expires: Unix time in ms, 0 for never.

    Periods are in UTC, weeks as in ISO 8601. A name without @ is returned as it is. Raises `InvalidValue`, also for a
    period before, of which no board is kept any more.

    >>> resolve("points@week", datetime(2026, 11, 23, tzinfo=UTC))[0]
    'points.2026-W48'
    >>> resolve("points@week-1", datetime(2026, 11, 23, tzinfo=UTC))[0]
    'points.2026-W47'
    """
    base, at, rest = name.partition("@")
    if not at:
        return name, 0
    found = _PERIOD.fullmatch(at + rest)
    if found is None:
        raise InvalidValue(
            f"after the @ in a board's name comes one of {', '.join(KEEP)}, or the same with how many before the "
            f"current one, as in week-1; not {rest!r}",
            field="board",
        )
    period, before = found[1], -int(found[2] or 0)
    asked = now = now.astimezone(UTC)
    if period == "month":
        months = now.year * 12 + now.month - 1 - before
        now = now.replace(year=max(months // 12, 1), month=months % 12 + 1, day=1)
    else:
        now -= before * timedelta(**{f"{period}s": 1})
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "hour":
            label, end = f"{now:%Y-%m-%dT%H}", now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        case "day":
            label, end = f"{now:%Y-%m-%d}", midnight + _DAY
        case "week":
            label, end = f"{now:%G-W%V}", midnight + _DAY * (7 - now.weekday())
        case _:
            label, end = f"{now:%Y-%m}", (midnight.replace(day=1) + 32 * _DAY).replace(day=1)
    if end + KEEP[period] <= asked:
        raise InvalidValue(f"no board of the {period} {base}.{label} is kept: it is too long ago", field="board")
    return f"{base}.{label}", int((end + KEEP[period]).timestamp() * 1000)


def without_period(name: str) -> str:
    """Return the name of the board of which `name` is a period, and otherwise `name` itself.

    >>> without_period("points@week"), without_period("points.2026-W48"), without_period("points")
    ('points', 'points', 'points')
    """
    return _LABEL.sub("", name.partition("@")[0])
