"""The tables of docs/windows.md that list functions and units, as the code's own tables give them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline.windows.functions import FUNCTIONS, Function
from pipeline.windows.language.time_units import TIME_UNITS
from pipeline.windows.operators.faults import KINDS


def function_table() -> str:
    families: dict[str, list[Function]] = defaultdict(list)
    order = dict.fromkeys(function.family for function in FUNCTIONS.values() if function.family)
    for function in sorted(dict.fromkeys(FUNCTIONS.values()), key=lambda function: function.name.casefold()):
        if function.family:
            families[function.family].append(function)
    rows = {family: ", ".join(map(_written, families[family])) for family in order}
    moving = ", ".join(function.name for function in families["Aggregates"] if function.moving)
    rows["Analytic"] += f"; with `OVER (PARTITION BY k LIMIT DURATION(minute, 5) WHEN condition)` {moving}"
    units = (f"{unit.name} ({', '.join(unit.abbreviations)})" for unit in TIME_UNITS.values())
    rows["Units of time"] = ", ".join(units)
    return "\n".join(["| Functions | |", "|---|---|", *(f"| {family} | {names} |" for family, names in rows.items())])


def unsupported_rows() -> Iterator[str]:
    """Yield the rows of the functions that are not here. The page may begin a row with more than functions."""
    names: dict[str, list[str]] = defaultdict(list)
    for function in FUNCTIONS.values():
        if function.kind == "unsupported":
            names[function.instead].append(function.name)
    for instead, of_it in names.items():
        yield f"{', '.join(of_it)} | {instead}{' ' if instead else ''}|"


def _written(function: Function) -> str:
    name = function.name + ("()" if function.kind == "system" else "")
    short = f" (or {function.short})" if function.short else ""
    return f"{name}{short}, {name}(DISTINCT)" if function.distinct else f"{name}{short}"


def fault_table() -> str:
    rows = (f"| `{name}` | {kind.title}: {kind.meaning} | {kind.azure or '-'} |" for name, kind in KINDS.items())
    return "\n".join(["| Kind | What it is | Metric in Azure |", "|---|---|---|", *rows])
