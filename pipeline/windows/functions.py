"""The functions of the query language: one table, from which all other code learns what it must know of a function.

The parser reads here what may be an argument, the planner and explain the kind of a call, error messages which names
are similar and what to write instead, and docs/windows.md its lists. The code that computes a function is elsewhere,
under its name in upper case: that of scalar functions in expressions/scalar/, of aggregates in
operators/aggregates/calls.py, of analytic functions in operators/analytic.py, of windows in language/window_parser.py,
of functions after APPLY in operators/elements.py, of system functions in planning/compiler.py and planning/metadata.py.
To add a function, add its entry and its code; a test checks that each has both. A window needs more than these two:

    language/syntax.py        a class of its own, in `Window`
    language/parser.py        its grammar, in the head
    language/render.py        how it is written
    operators/windowing.py    its operator, and whether its work can be divided between two stages
    planning/lineage.py       for how long an event can change its rows
    explanation/describe.py   what explain says about it

The table is only data, and imports nothing of the package. So all parts can read it, even the parser, which is below
all of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

TIMESTAMP = "SYSTEM.TIMESTAMP"
WINDOW = "SYSTEM.WINDOW"
METADATA = "GETMETADATAPROPERTYVALUE"
CAST = "CAST"
TRY_CAST = "TRY_CAST"
"""Functions that parts of the language other than their own code must know, in upper case."""

Kind = Literal["scalar", "cast", "aggregate", "analytic", "window", "system", "applied", "unsupported", "foreign"]
"""What a function works on: `scalar` and `cast` on one row, `aggregate` on the rows of a group, `analytic` on a row and
earlier ones. A `window` is an item of GROUP BY, an `applied` function stands after APPLY and gives rows; a `system`
function gives what the engine itself knows.

`unsupported` are functions of Stream Analytics that do not exist here, `foreign` are functions of other SQLs, and a
window that is not written as a function.
"""


@dataclass(frozen=True)
class Function:
    """All that is known of a function, except its code.

    `name` is spelt as in the documentation. The function takes `least` to `most` arguments, or any number from `least`
    on if `most` is None; a unit of time as the first argument is not counted. `first` is what the first argument may be
    (an expression, or also a star) or must be (a unit of time, or an interval, which is a unit and a number).

    For aggregates: with `distinct`, it takes DISTINCT; with `ordered`, it needs OVER (ORDER BY ...); with `moving`, it
    is analytic if it has OVER (LIMIT DURATION ...); with `whole_row` arguments it gives whole rows. After APPLY, each
    record has the columns that it `gives`.

    `family` is its heading in the documentation, `short` another way to write its name, and `instead` what to write if
    the function does not exist here. Casts, windows and APPLY have a grammar of their own, so the table does not
    describe their arguments.
    """

    name: str
    kind: Kind
    family: str = ""
    least: int = 1
    most: int | None = 1
    first: Literal["expression", "star", "unit", "interval"] = "expression"
    distinct: bool = False
    ordered: bool = False
    moving: bool = False
    whole_row: int | None = None
    gives: tuple[str, str] = ("", "")
    short: str = ""
    instead: str = ""


def _each(names: str, *alike: Any, **named: Any) -> Iterator[Function]:
    """Yield a function for each of the names, of which all else is alike."""
    return (Function(name, *alike, **named) for name in names.split())


def _by_name(functions: tuple[Function, ...]) -> Iterator[tuple[str, Function]]:
    for function in functions:
        yield function.name.upper(), function
        if function.short:
            yield function.short.upper(), function


_TABLE = (
    Function("COUNT", "aggregate", "Aggregates", 0, 1, "star", distinct=True, moving=True),
    *_each("SUM AVG MIN MAX", "aggregate", "Aggregates", moving=True),
    *_each("STDEV STDEVP VAR VARP", "aggregate", "Aggregates"),
    Function("TopOne", "aggregate", "Aggregates", 0, 1, ordered=True, moving=True, whole_row=0),
    Function("CollectTop", "aggregate", "Aggregates", 1, 2, ordered=True, moving=True, whole_row=1),
    Function("Collect", "aggregate", "Aggregates", 0, 1, moving=True, whole_row=0),
    *_each("PERCENTILE_CONT PERCENTILE_DISC", "aggregate", "Aggregates", ordered=True),
    Function("LAG", "analytic", "Analytic", 1, 3, "star"),
    Function("LAST", "analytic", "Analytic", 1, 2, "star"),
    Function("ISFIRST", "analytic", "Analytic", 1, 1, "interval"),
    *_each("LEN LOWER LTRIM NCHAR REVERSE RTRIM SPACE TRIM UNICODE UPPER", "scalar", "Text"),
    *_each("LEFT PATINDEX REGEXMATCH REPLICATE RIGHT", "scalar", "Text", 2, 2),
    *_each("REPLACE SUBSTRING TRANSLATE", "scalar", "Text", 3, 3),
    Function("CHARINDEX", "scalar", "Text", 2, 3),
    Function("CONCAT", "scalar", "Text", 2, None),
    Function("CONCAT_WS", "scalar", "Text", 3, None),
    Function("STUFF", "scalar", "Text", 4, 4),
    *_each("ABS CEILING EXP FLOOR SIGN SQRT SQUARE", "scalar", "Numbers"),
    *_each("POWER ROUND", "scalar", "Numbers", 2, 2),
    *_each("DATEADD DATEDIFF", "scalar", "Times", 2, 2, "unit"),
    *_each("DATENAME DATEPART", "scalar", "Times", 1, 1, "unit"),
    Function("DATETIMEFROMPARTS", "scalar", "Times", 7, 7),
    *_each("DAY MONTH YEAR", "scalar", "Times"),
    Function("System.Timestamp", "system", "Times", 0, 0),
    Function("COALESCE", "scalar", "Records, any", 2, None),
    *_each("GETARRAYELEMENT GETRECORDPROPERTYVALUE NULLIF", "scalar", "Records, any", 2, 2),
    *_each("GETARRAYLENGTH GETTYPE JSON_PARSE", "scalar", "Records, any"),
    Function("GetArrayElements", "applied", "Records, any", gives=("ArrayIndex", "ArrayValue")),
    Function("GetRecordProperties", "applied", "Records, any", gives=("PropertyName", "PropertyValue")),
    Function("GetMetadataPropertyValue", "system", "Records, any", 2, 2),
    *_each("CAST TRY_CAST", "cast", "Casts"),
    Function("TumblingWindow", "window", "Windows", short="Tumbling"),
    Function("HoppingWindow", "window", "Windows", short="Hopping"),
    Function("SlidingWindow", "window", "Windows", short="Sliding"),
    Function("SessionWindow", "window", "Windows", short="Session"),
    *_each("Windows Window", "window", "Windows"),
    Function("System.Window", "system", "Windows", 0, 0),
    *_each("ANOMALYDETECTION_SPIKEANDDIP ANOMALYDETECTION_CHANGEPOINT", "unsupported", instead="STDEV over a window"),
    *_each(
        "CREATEPOINT CREATELINESTRING CREATEPOLYGON ST_DISTANCE ST_INTERSECTS ST_OVERLAPS ST_WITHIN",
        "unsupported",
        instead="BETWEEN of latitude and longitude",
    ),
    *_each("SnapshotWindow GETDATE GETUTCDATE SYSUTCDATETIME", "foreign", instead="System.Timestamp()"),
    Function("CONVERT", "foreign", instead="CAST(... AS type)"),
    Function("IIF", "foreign", instead="CASE WHEN ... THEN ... ELSE ... END"),
    Function("ISNULL", "foreign", instead="COALESCE"),
    Function("MEDIAN", "foreign", instead="PERCENTILE_CONT(0.5) OVER (ORDER BY ...)"),
)

FUNCTIONS: dict[str, Function] = dict(_by_name(_TABLE))
"""Every function by its name and by its short name, both in upper case. A name may have dots: SYSTEM.TIMESTAMP."""


def kind_of(name: str) -> Kind | None:
    """Return the kind of the function `name`, which must be in upper case; None if there is no such function."""
    return FUNCTIONS[name].kind if name in FUNCTIONS else None
