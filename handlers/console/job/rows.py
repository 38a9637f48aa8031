"""What a job has written: the last rows of an output as a table, and how many rows each minute had as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from pipeline.console.history import Sample
from pipeline.windows.jobs.job_toml import JobConfig, StreamConfig
from pipeline.windows.jobs.outputs import StoredRow, StreamOutput, UnknownOutput
from pipeline.windows.jobs.registry import JobRegistry

from ..charts import axis_step
from ..shown import clock
from .windows import ROWS

#: Rows of an output that are shown, columns of a row, and characters of a value.
SHOWN, COLUMNS, CHARACTERS = 12, 12, 60

#: Minutes of the chart of rows.
MINUTES = 20


@dataclass(frozen=True)
class Minutes:
    """`minutes` has the time of each and how many rows each of `outputs` had then; `top` is the value of the top line,
    `ticks` are those of all lines.
    """

    outputs: Sequence[str]
    minutes: Sequence[tuple[str, Sequence[int]]]
    top: int
    ticks: Sequence[int]


def first_stream(config: JobConfig | None) -> str:
    """Return the output that is shown when none is asked for: the first stream, else the first of all; "" if none."""
    outputs = {} if config is None else config.outputs
    return next((name for name, table in outputs.items() if isinstance(table, StreamConfig)), next(iter(outputs), ""))


def newest_rows(registry: JobRegistry, output: str, before: str | None) -> tuple[list[StoredRow], bool]:
    """Return the newest rows of an output, and whether it is a stream: others have none here."""
    try:
        return (StreamOutput(registry.redis, output).newest(ROWS, before), True) if output else ([], False)
    except UnknownOutput:
        return [], False


def columns_of(rows: Sequence[StoredRow]) -> list[tuple[str, bool]]:
    """Return the columns of some rows, and whether each has only numbers."""
    found: dict[str, bool] = {}
    for row in rows:
        for column, value in msgspec.json.decode(row.row).items():
            is_number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            found[column] = found.get(column, True) and is_number
    return list(found.items())[:COLUMNS]


def values_of(row: StoredRow, columns: Sequence[tuple[str, bool]]) -> list[str | None]:
    """Return the values of a row's columns as text, None for NULL and for a column that it has not."""
    decoded = msgspec.json.decode(row.row)
    return [_text(decoded.get(column)) for column, _ in columns]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"


def minutes_of(samples: Sequence[Sample], chosen: str, outputs: Sequence[str]) -> Minutes | None:
    """Return the rows of each of the last minutes; of all outputs if there are two, else of the chosen one."""
    shown = list(outputs) if len(outputs) <= 2 else [chosen]
    found: dict[int, list[int]] = {}
    for before, after in pairwise(samples):
        minute = found.setdefault(after.at_ms // 60_000, [0] * len(shown))
        for place, output in enumerate(shown):
            rose = after.counters.get(f"rows:{output}", 0) - before.counters.get(f"rows:{output}", 0)
            minute[place] += max(0, rose)
    if not found or not shown:
        return None
    last = max(found)
    minutes = [
        (clock(minute * 60_000, 0)[-8:-3], found.get(minute, [0] * len(shown)))
        for minute in range(max(min(found), last - MINUTES + 1), last + 1)
    ]
    highest = max(1, *(count for _, counts in minutes for count in counts))
    step = axis_step(highest)
    top = -(-highest // step) * step
    return Minutes(shown, minutes, top, range(0, top + 1, step))
