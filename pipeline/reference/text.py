"""A table as text: an array of JSON objects, an object a line, or CSV."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from ..errors import PipelineError

_decode = msgspec.json.Decoder().decode
_pieces = msgspec.json.Decoder(list[msgspec.Raw]).decode


class InvalidReference(PipelineError):
    """Reference data can't be read. `line` and `column` say where in its text; of CSV, the column is a value's."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def records_of(body: bytes, is_csv: bool, where: str = "") -> list[dict[str, Any]]:
    """Return the records of a text in UTF-8. Raises `InvalidReference`; `where` is the file, for its message.

    CSV has the names in its first line, and all of its values are text; the values that a short line lacks are NULL.
    """
    reader = _Reader(body.removeprefix(codecs.BOM_UTF8), where)
    return list(reader.csv() if is_csv else reader.json())


def record_of(body: bytes, where: str) -> dict[str, Any]:
    """Return one record, which is a text in JSON. Raises `InvalidReference`."""
    return _Reader(body, where).record(0, body)


class _Reader:
    def __init__(self, body: bytes, where: str) -> None:
        self.body = body
        self.where = where
        try:
            self.text = body.decode()
        except UnicodeDecodeError as exc:
            raise self._error(exc.start, "is not UTF-8") from exc

    def json(self) -> Iterator[dict[str, Any]]:
        for at, piece in self._elements() if self.body.lstrip().startswith(b"[") else self._lines():
            yield self.record(at, piece)

    def record(self, at: int, piece: bytes) -> dict[str, Any]:
        """Return the record of a piece of the text, which begins at the byte `at`."""
        record = self._value(at, piece)
        if type(record) is not dict:
            raise self._error(at, "is not a JSON object")
        return record

    def csv(self) -> Iterator[dict[str, Any]]:
        reader = csv.reader(io.StringIO(self.text, newline=""), strict=True)
        try:
            names = next(reader, [])
            for place, name in enumerate(names):
                if name in names[:place]:
                    raise self._at(1, place + 1, f"the name {name!r} stands twice")
            for values in reader:
                if len(values) > len(names):
                    raise self._at(reader.line_num, len(names) + 1, "more values than names in the first line")
                if values:  # an empty line has none
                    yield dict(zip(names, values, strict=False))
        except csv.Error as exc:
            raise self._at(reader.line_num, None, str(exc)) from exc

    def _elements(self) -> Iterator[tuple[int, bytes]]:
        """Yield the elements of the array, each with where it begins."""
        try:
            pieces = _pieces(self.body)
        except (ValueError, RecursionError):
            self._value(0, self.body)
            raise
        at = 0
        for piece in map(bytes, pieces):
            at = self.body.index(piece, at)  # only blanks and a comma are before it
            yield at, piece
            at += len(piece)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        for line in self.body.split(b"\n"):
            if line.strip():
                yield at, line
            at += len(line) + 1

    def _value(self, at: int, piece: bytes) -> Any:
        try:
            return _decode(piece)
        except (ValueError, RecursionError) as exc:
            try:
                json.loads(piece)  # only the standard library tells where it goes wrong
            except json.JSONDecodeError as told:
                at += len(piece.decode()[: told.pos].encode())
            except RecursionError:
                pass
            raise self._error(at, f"is not JSON: {exc}") from exc

    def _error(self, at: int, what: str) -> InvalidReference:
        begin = self.body.rfind(b"\n", 0, at) + 1
        column = len(self.body[begin:at].decode(errors="replace")) + 1
        return self._at(self.body.count(b"\n", 0, at) + 1, column, what)

    def _at(self, line: int, column: int | None, what: str) -> InvalidReference:
        place = f"line {line}" + (f", column {column}" if column else "")
        return InvalidReference(f"{self.where}{', ' if self.where else ''}{place}: {what}", line, column)
