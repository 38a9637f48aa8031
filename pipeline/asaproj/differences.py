"""What Azure would do otherwise with a query, as far as its text tells: rows of the table in docs/windows.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..windows.expressions.user_functions import UDF
from ..windows.language.syntax import Binary, Call, Cast, Hopping, Join, Query, Select, Session, Statement, Step
from ..windows.language.time_units import TICKS_PER_DAY
from ..windows.language.tree import walk

_Is = Callable[[Any], object]


def _calls(*names: str) -> _Is:
    return lambda part: isinstance(part, Call) and part.function in names


def _computes(part: Any) -> bool:
    return (isinstance(part, Cast) and not part.is_try) or (isinstance(part, Binary) and part.operator in "+-*/%")


def _compares(part: Any) -> bool:
    return isinstance(part, Binary) and part.operator in ("=", "<>", "<", "<=", ">", ">=")


#: Rows of the table, each with the parts of a query that it is about.
DIFFERENCES: tuple[tuple[str, _Is], ...] = (
    (
        "A value that can't be cast or computed: the row is left out and counted; in Azure a CAST that fails stops the "
        "job",
        _computes,
    ),
    (
        "Origin of windows that do not divide a day: year 1 (.NET's ticks), not 1970",
        lambda part: isinstance(part, Hopping) and TICKS_PER_DAY % part.hop != 0,
    ),
    ("Time of a row of a window with `Offset`: the moved end", lambda part: isinstance(part, Hopping) and part.offset),
    (
        "TopOne, CollectTop, LAG, LAST, ISFIRST among equals: the order of arrival; NULL is the least",
        _calls("TOPONE", "COLLECTTOP", "LAG", "LAST", "ISFIRST"),
    ),
    ("AVG of bigints: a bigint, truncated towards zero, like `/` and T-SQL", _calls("AVG")),
    (
        "STDEV, VAR of fewer than two values: NULL; STDEVP and VARP of one value are 0",
        _calls("STDEV", "VAR", "STDEVP", "VARP"),
    ),
    (
        "A session at its maximum: cut at multiples of the maximum; an event exactly at the end is still in it; the "
        "session goes on in a new window",
        lambda part: isinstance(part, Session),
    ),
    ("Time of a joined pair: that of the later row", lambda part: isinstance(part, Join)),
    (
        "Time of a LEFT JOIN's row without a match: the last tick at which a match could have come",
        lambda part: isinstance(part, Join) and part.kind == "LEFT",
    ),
    ("`=`, `<` of text and a number, a bit or a datetime: the text is cast to the other's type", _compares),
    ("Texts that differ in case, or in blanks at the end: are different", _compares),
    (
        "`LIMIT DURATION(unit, n)`: looks at (t - n, t], at most 7 days",
        lambda part: isinstance(part, Call) and part.over is not None and part.over.limit,
    ),
    ("REGEXMATCH: RE2's syntax; the time grows with the text only", _calls("REGEXMATCH")),
    (
        "`UNION`: keeps all rows; all parts must have their columns in one order",
        lambda part: isinstance(part, Step | Statement) and len(part.selects) > 1,
    ),
    ("NULL in GROUP BY: a group of its own", lambda part: isinstance(part, Select) and part.keys),
    (
        "JavaScript functions: ES2023, in Azure ES5.1; a bigint beyond 2^53, the clock and chance are errors, and so "
        "is 0.1 s of processor time; an error leaves the row out, where Azure's job would stop; a bit is a Boolean",
        lambda part: isinstance(part, Call) and part.function.startswith(UDF),
    ),
)


def differences(query: Query) -> Iterator[str]:
    """Yield the rows of the table that are about parts of the query."""
    parts = list(walk(query.statements))
    return (row for row, is_about in DIFFERENCES if any(map(is_about, parts)))
