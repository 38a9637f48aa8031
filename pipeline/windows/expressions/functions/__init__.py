"""The language's scalar functions, one file a family. Those that documentation lists, and `UNSUPPORTED`, are all."""

from __future__ import annotations

from difflib import get_close_matches

from ...language.tokens import At, QueryError
from . import dates, numbers, records, strings
from .signature import Function

FUNCTIONS: dict[str, Function] = {
    **strings.FUNCTIONS,
    **numbers.FUNCTIONS,
    **dates.FUNCTIONS,
    **records.FUNCTIONS,
}

#: Functions of Stream Analytics that are not here.
UNSUPPORTED = frozenset(
    {"CREATELINESTRING", "CREATEPOINT", "CREATEPOLYGON", "ST_DISTANCE", "ST_INTERSECTS", "ST_OVERLAPS", "ST_WITHIN"}
    | {"ANOMALYDETECTION_CHANGEPOINT", "ANOMALYDETECTION_SPIKEANDDIP"}
    | {"GETARRAYELEMENTS", "GETMETADATAPROPERTYVALUE", "GETRECORDPROPERTIES"}
)

#: What is no plain function: a `Scope` knows what these are, and where they may stand.
PLACED = frozenset(
    {"AVG", "COUNT", "MAX", "MIN", "STDEV", "STDEVP", "SUM", "VAR", "VARP", "PERCENTILE_CONT", "PERCENTILE_DISC"}
    | {"COLLECT", "COLLECTTOP", "TOPONE", "ISFIRST", "LAG", "LAST", "SYSTEM.TIMESTAMP", "SYSTEM.WINDOW"}
    | {"TUMBLING", "TUMBLINGWINDOW", "HOPPING", "HOPPINGWINDOW", "SLIDING", "SLIDINGWINDOW"}
    | {"SESSION", "SESSIONWINDOW", "WINDOWS"}
)

#: What T-SQL has and Stream Analytics says in another way.
_INSTEAD = {
    "CONVERT": "CAST(... AS type)",
    "GETDATE": "System.Timestamp()",
    "GETUTCDATE": "System.Timestamp()",
    "IIF": "CASE WHEN ... THEN ... ELSE ... END",
    "ISNULL": "COALESCE",
    "SYSUTCDATETIME": "System.Timestamp()",
}


def is_function(name: str) -> bool:
    """Tell whether `name`, in upper case, is a scalar function; COALESCE and CAST are, MAX is not."""
    return name in FUNCTIONS


def function(name: str, at: At) -> Function:
    """Return the function that is called `name`, in upper case. Raises `QueryError` that says what is near."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in UNSUPPORTED or name.startswith(("UDF.", "UDA.")):
        what = "a function of Stream Analytics" if name in UNSUPPORTED else "a user-defined function"
        raise QueryError(f"{name} is {what} that is not supported", at)
    if name in PLACED:
        raise QueryError(f"{name} can't stand here", at)
    if name in _INSTEAD:
        raise QueryError(f"there is no function {name}: write {_INSTEAD[name]}", at)
    near = get_close_matches(name, [*FUNCTIONS, *PLACED, *UNSUPPORTED], 3)
    raise QueryError(f"there is no function {name}{'; near are ' + ', '.join(near) if near else ''}", at)
