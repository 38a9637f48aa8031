"""Files of events: NDJSON, JSON, CSV and Parquet; all but Parquet also as .gz. They are read in order, in pieces."""

from __future__ import annotations

import codecs
import gzip
import io
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from ...errors import PipelineError
from ..engine.bodies import Delimiter, InputError, csv_lines, json_records
from ..language.ticks import TICKS_PER_SECOND, from_unix_ms
from ..language.values import BIGINT_LEAST, BIGINT_MOST, Datetime

#: The name of standard input, which is NDJSON.
STDIN = Path("-")

_PARQUET_ROWS = 10_000

Found = tuple[int, dict[str, Any] | InputError]
"""The number of a line, or of a row, counted from 1; and its event, or why it has none."""


class InvalidFile(PipelineError):
    """A file can't be read in the format that its name tells."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{'standard input' if path == STDIN else path}: {message}")
        self.path = path


class EventFile:
    """The events of a file, in its order. The ending of its name, one of `FORMATS`, tells the format; `-` is stdin.

    NDJSON, also on stdin: each line is an object or an array of objects; any other line gives an `InputError`, and the
    next one is read. JSON: one array of objects, or NDJSON; it is read as a whole. CSV: the first line has the names,
    all values are text, and the values that a short line lacks are NULL. Parquet: timestamps become datetime, of
    which nanoseconds are cut to 100, and decimals float.
    """

    def __init__(self, path: Path, delimiter: Delimiter = ",") -> None:
        """Open the file; `delimiter` is for CSV. Raises `InvalidFile`."""
        self.path = path
        self.delimiter: Delimiter = delimiter
        self.done: int | None = None  # bytes read; None if the file's own position tells
        self._open = ExitStack()
        self._read, is_packed = _format(path)
        self.is_text = self._read is _csv
        try:
            self._raw: IO[bytes] = sys.stdin.buffer if path == STDIN else self._open.enter_context(path.open("rb"))
            self.size = None if path == STDIN else path.stat().st_size
        except OSError as exc:
            raise InvalidFile(path, f"can't be opened: {exc.strerror}") from exc
        self.file: IO[bytes] = self._raw
        if is_packed:
            self.file = cast("IO[bytes]", self._open.enter_context(closing(gzip.GzipFile(fileobj=self._raw))))

    @property
    def position(self) -> int:
        """About how many of the file's `size` bytes have been read; 0 if the size is not known."""
        if self.size is None:
            return 0
        return self._raw.tell() if self.done is None else self.done

    def __iter__(self) -> Iterator[Found]:
        """Read the file, once. Raises `InvalidFile`."""
        try:
            yield from self._read(self)
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as exc:  # gzip raises the first three
            raise InvalidFile(self.path, f"can't be read: {exc}") from exc

    def close(self) -> None:
        self._open.close()


def find_file(folder: Path, name: str) -> Path | None:
    """Return the file in a folder that has the events of `name`, in any case and format; None if there is none.

    Raises `InvalidFile` if there are several.
    """
    endings = [suffix + packed for suffix in FORMATS for packed in ("", ".gz")]
    wanted = {name.lower() + ending for ending in endings}
    found = sorted(path for path in folder.iterdir() if path.name.lower() in wanted)
    if len(found) > 1:
        raise InvalidFile(found[1], f"{found[0].name} has events of {name} as well: keep one of the two files")
    return found[0] if found else None


def _format(path: Path) -> tuple[_Read, bool]:
    """Return the function that reads a file, and whether it is packed."""
    if path == STDIN:
        return _lines, False
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_packed = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[-2:-1] if is_packed else suffixes[-1:])
    if suffix not in FORMATS or (is_packed and suffix == ".parquet"):
        known = ", ".join(FORMATS)
        raise InvalidFile(path, f"the name does not tell the format: let it end in {known} (.gz may follow the others)")
    return FORMATS[suffix], is_packed


def _lines(of: EventFile) -> Iterator[Found]:
    for number, line in enumerate(of.file, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.isspace():
            yield from _of_text(number, line)


def _json(of: EventFile) -> Iterator[Found]:
    text = of.file.read().removeprefix(codecs.BOM_UTF8)
    try:
        events = msgspec.json.decode(text, type=list[msgspec.Raw])
        numbered: Iterator[tuple[int, bytes]] = ((number, bytes(event)) for number, event in enumerate(events, 1))
    except (ValueError, RecursionError):  # not an array, or not one of events: read it as NDJSON
        numbered = ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    for number, event in numbered:
        yield from _of_text(number, event)


def _of_text(number: int, text: bytes) -> Iterator[Found]:
    try:
        for record in json_records(text):
            yield number, record
    except InputError as exc:
        yield number, exc


def _csv(of: EventFile) -> Iterator[Found]:
    text = io.TextIOWrapper(of.file, "utf-8-sig", newline="")
    try:
        yield from csv_lines(text, of.delimiter)
    except InputError as exc:
        raise InvalidFile(of.path, str(exc)) from exc
    finally:
        text.detach()  # or it would close the file


def _parquet(of: EventFile) -> Iterator[Found]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as exc:
        raise InvalidFile(of.path, "to read Parquet, install pyarrow: pip install pyarrow") from exc
    try:
        table = parquet.ParquetFile(of.file)
        nanoseconds = {each.name for each in table.schema_arrow if str(each.type).startswith("timestamp[ns")}
        int64 = pyarrow.int64()
        schema = [each.with_type(int64) if each.name in nanoseconds else each for each in table.schema_arrow]
        number = 0
        for batch in table.iter_batches(_PARQUET_ROWS):
            of.done = (of.size or 0) * number // max(1, table.metadata.num_rows)
            for record in pyarrow.Table.from_batches([batch]).cast(pyarrow.schema(schema)).to_pylist():
                number += 1
                try:
                    times = {
                        name: Datetime(_UNIX + record[name] // 100) for name in nanoseconds if record[name] is not None
                    }
                    yield number, {**{name: _of_arrow(value) for name, value in record.items()}, **times}
                except InputError as exc:
                    yield number, exc
        of.done = of.size
    except pyarrow.ArrowException as exc:
        raise InvalidFile(of.path, f"can't be read as Parquet: {exc}") from exc


def _of_arrow(value: Any) -> Any:
    """Return a value in the types of the language. Raises `InputError` if the language has no type for it."""
    match value:
        case None | bool() | str():
            return value
        case int() if BIGINT_LEAST <= value <= BIGINT_MOST:
            return value
        case float() | Decimal() if math.isfinite(value):
            return float(value)
        case datetime():
            since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _YEAR_1
            return Datetime((since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + since.microseconds * 10)
        case date():
            return _of_arrow(datetime.combine(value, time()))
        case list():
            return [_of_arrow(item) for item in value]
        case dict():
            return {name: _of_arrow(item) for name, item in value.items()}
    raise InputError(f"{value!r} has a type that the language does not have: {type(value).__name__}")


_UNIX = from_unix_ms(0)
_YEAR_1 = datetime(1, 1, 1, tzinfo=UTC)

_Read = Callable[[EventFile], Iterator[Found]]

FORMATS: dict[str, _Read] = {".ndjson": _lines, ".jsonl": _lines, ".json": _json, ".csv": _csv, ".parquet": _parquet}
