"""Reads the records of an event's body: JSON or, if the input's settings say so, CSV.

A body is taken as a whole or not at all, so that what a fault shows of an event is what the query did not get.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal

import msgspec

from ..language.values import fits

Format = Literal["json", "csv"]
Delimiter = Literal[",", ";", " ", "\t", "|"]
"""As Stream Analytics has them: https://learn.microsoft.com/rest/api/streamanalytics/stream-analytics-input"""

Record = dict[str, Any]
ReadBody = Callable[[bytes], list[Record]]

decode = msgspec.json.Decoder().decode
"""Reads one JSON value. Raises `ValueError`, as msgspec's own errors are ones, or `RecursionError`."""

_UNFIT = "is nested too deeply, or has an integer of more than 64 bits"


class InputError(Exception):
    """An event's body has no records that the engine can work with."""


def read_body(format: Format, delimiter: Delimiter) -> ReadBody:
    """Return the function that reads bodies of a format. It raises `InputError`."""
    return json_records if format == "json" else partial(_csv_records, delimiter=delimiter)


def is_text(read: ReadBody) -> bool:
    """Return whether all values of the records that `read` gives are text: those of CSV."""
    return read is not json_records


def json_records(body: bytes) -> list[Record]:
    """Return the records of a body: a JSON object, an array of objects, or several objects, one a line.

    A byte-order mark before them is skipped. Raises `InputError`.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        decoded = decode(body)
    except (ValueError, RecursionError) as exc:
        return _of_lines(body, exc)
    records = decoded if type(decoded) is list else [decoded]
    for record in records:
        if type(record) is not dict:
            raise InputError("the body is neither a JSON object nor an array of objects")
    if not fits(decoded, body):
        raise InputError(f"the body {_UNFIT}")
    return records


def _of_lines(body: bytes, error: Exception) -> list[Record]:
    """Return the object of each line; `error` is why the body is no JSON value by itself."""
    records: list[Record] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = decode(line)
        except (ValueError, RecursionError) as exc:
            if not records:
                break
            raise InputError(f"line {number} of the body is not JSON: {exc}") from exc
        if type(record) is not dict:
            raise InputError(f"line {number} of the body is not a JSON object")
        if not fits(record, line):
            raise InputError(f"line {number} of the body {_UNFIT}")
        records.append(record)
    if not records:
        raise InputError(f"the body is not JSON: {error}") from error
    return records


def _csv_records(body: bytes, delimiter: Delimiter) -> list[Record]:
    records = []
    try:
        text = io.StringIO(body.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as exc:
        raise InputError(f"the body is not UTF-8: {exc}") from exc
    for number, record in csv_lines(text, delimiter):
        if isinstance(record, InputError):
            raise InputError(f"line {number} of the body: {record}") from record
        records.append(record)
    return records


def csv_lines(lines: Iterable[str], delimiter: Delimiter) -> Iterator[tuple[int, Record | InputError]]:
    """Yield the number of each line, counted from 1, and its record, or why it has none.

    The first line has the names; all values are text, and the values that a short line lacks are missing. Raises
    `InputError` if two columns have one name.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as exc:
            yield number, InputError(f"it is not CSV: {exc}")
            continue
        if values is None:
            return
        if names is None:
            names = values
            if len({name.lower() for name in names}) < len(names):
                raise InputError(f"line {number} is to name the columns, but has a name twice: {', '.join(names)}")
        elif len(values) > len(names):
            yield number, InputError(f"it has {len(values)} values, the first line {len(names)} names")
        elif values:  # an empty line has none
            yield number, dict(zip(names, values, strict=False))
