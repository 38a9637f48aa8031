"""What Azure would do otherwise with a query, as far as its text tells: rows of the table in docs/windows.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..windows.expressions.user_functions import UDF
from ..windows.language.syntax import Binary, Call, Cast, Hopping, Join, Query, Select, Session
from ..windows.language.time_units import TICKS_PER_DAY
from ..windows.language.tree import walk

_Is = Callable[[Any], object]


def _calls(*names: str) -> _Is:
    return lambda part: isinstance(part, Call) and part.function in names


def _computes(part: Any) -> bool:
    return (isinstance(part, Cast) and not part.is_try) or (isinstance(part, Binary) and part.operator in "+-*/%")


def _compares(part: Any) -> bool:
    return isinstance(part, Binary) and part.operator in ("=", "<>", "<", "<=", ">", ">=")


class Difference(NamedTuple):
    """A row of the table: a construct, what it means here, what Microsoft's reference says, and where it is met."""

    construct: str
    ours: str
    azure: str
    is_met: _Is

    def __str__(self) -> str:
        return f"{self.construct}: {self.ours}; Azure's reference: {self.azure}"


DIFFERENCES = (
    Difference(
        "A value that can't be cast or computed",
        "the row is left out and counted",
        "a CAST that fails stops the job",
        _computes,
    ),
    Difference(
        "Origin of windows that do not divide a day",
        "year 1 (.NET's ticks), not 1970",
        "not said",
        lambda part: isinstance(part, Hopping) and TICKS_PER_DAY % part.hop != 0,
    ),
    Difference(
        "Time of a row of a window with `Offset`",
        "the moved end",
        "not said",
        lambda part: isinstance(part, Hopping) and part.offset,
    ),
    Difference(
        "TopOne, CollectTop, LAG, LAST, ISFIRST among equals",
        "the order of arrival; NULL is the least",
        "arrival, for LAG, LAST and ISFIRST; NULL is the least, for CollectTop; of the others not said",
        _calls("TOPONE", "COLLECTTOP", "LAG", "LAST", "ISFIRST"),
    ),
    Difference(
        "AVG of bigints",
        "a bigint, truncated towards zero, like `/` and T-SQL",
        "of the expression's type",
        _calls("AVG"),
    ),
    Difference(
        "STDEV, VAR of fewer than two values",
        "NULL; STDEVP and VARP of one value are 0",
        "not said",
        _calls("STDEV", "VAR", "STDEVP", "VARP"),
    ),
    Difference(
        "A session at its maximum",
        "cut at multiples of the maximum; an event exactly at the end is still in it; the session goes on in a new "
        "window",
        "the same formula; its example contradicts it",
        lambda part: isinstance(part, Session),
    ),
    Difference("Time of a joined pair", "that of the later row", "not said", lambda part: isinstance(part, Join)),
    Difference(
        "Time of a LEFT JOIN's row without a match",
        "the last tick at which a match could have come",
        "not said",
        lambda part: isinstance(part, Join) and part.kind == "LEFT",
    ),
    Difference(
        "`=`, `<` of text and a number, a bit or a datetime",
        "the text is cast to the other's type",
        "not said",
        _compares,
    ),
    Difference(
        "Texts that differ in case, or in blanks at the end",
        "are different",
        "not said; an example compares `start` with `Start`",
        _compares,
    ),
    Difference(
        "`LIMIT DURATION(unit, n)`",
        "looks at (t - n, t], at most 7 days",
        "the border is not said",
        lambda part: isinstance(part, Call) and part.over is not None and part.over.limit,
    ),
    Difference(
        "REGEXMATCH", "RE2's syntax; the time grows with the text only", "ECMAScript's syntax", _calls("REGEXMATCH")
    ),
    Difference(
        "NULL in GROUP BY", "a group of its own", "not said", lambda part: isinstance(part, Select) and part.keys
    ),
    Difference(
        "JavaScript functions",
        "ES2023; a bigint beyond 2^53, the clock and chance are errors, and so is 0.1 s of processor time; an error "
        "leaves the row out; a bit is a Boolean",
        "ES5.1; an error stops the job",
        lambda part: isinstance(part, Call) and part.function.startswith(UDF),
    ),
)


def differences(query: Query) -> Iterator[str]:
    """Yield the rows of the table that are about parts of the query."""
    parts = list(walk(query.statements))
    return (str(row) for row in DIFFERENCES if any(map(row.is_met, parts)))
