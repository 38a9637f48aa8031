"""A file of events as event_line.py reads them, line by line: NDJSON, which may be packed by gzip."""

from __future__ import annotations

import codecs
import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple, cast

from ..errors import PipelineError
from .event_line import InvalidLine, Line, event_of

#: The name of standard input.
STDIN = Path("-")

#: How many wrong lines an error names.
_SHOWN = 5


#: Bytes of a line, with its end, from which on it is none: the longest event that a hub takes by HTTP has a sixth of
#: them, if each of its bytes is an escape in JSON. So a file without line breaks takes little memory.
_LONGEST = 64 * 1024 * 1024


class InvalidLines(PipelineError):
    """A file can't be read, or has lines that are no events; the message has the numbers of the first of them."""


class NumberedLine(NamedTuple):
    """A line's number, counted from 1, and what it has."""

    number: int
    line: Line


class EventLines:
    """The events of a file, in its order; blank lines count, but have none. `-` is standard input.

    A file whose name ends in .gz is unpacked. With `may_be_read_again`, standard input is copied to a temporary file.
    """

    def __init__(self, path: Path, *, may_be_read_again: bool = True) -> None:
        """Raises `InvalidLines` if it can't be opened."""
        self.name = "standard input" if path == STDIN else str(path)
        self._open = ExitStack()
        self.size: int | None = None
        try:
            if path == STDIN:
                self._raw: IO[bytes] = sys.stdin.buffer
                if may_be_read_again:
                    self._raw = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                    shutil.copyfileobj(sys.stdin.buffer, self._raw)
                    self.size = self._raw.tell()
                    self._raw.seek(0)
            else:
                self._raw = self._open.enter_context(path.open("rb"))
                self.size = path.stat().st_size if path.is_file() else None
        except OSError as exc:
            raise InvalidLines(f"{self.name} can't be read: {exc.strerror}") from exc
        self._is_packed = path.suffix == ".gz"

    @property
    def can_be_read_again(self) -> bool:
        return self.size is not None

    @property
    def position(self) -> int:
        """How many of the file's `size` bytes have been read, about; 0 if the size is not known."""
        return 0 if self.size is None else self._raw.tell()

    def __iter__(self) -> Iterator[NumberedLine]:
        """Read it, from the beginning if that is possible. Raises `InvalidLines` at the first line that is wrong."""
        for number, text in self._lines():
            try:
                yield NumberedLine(number, event_of(text))
            except InvalidLine as exc:
                raise InvalidLines(f"{self.name}, line {number}: {exc}") from exc

    def check(self) -> None:
        """Read it to its end. Raises `InvalidLines` with the first lines that are wrong, and how many more are."""
        wrong: list[str] = []
        count = 0
        for number, text in self._lines():
            try:
                event_of(text)
            except InvalidLine as exc:
                count += 1
                if count <= _SHOWN:
                    wrong.append(f"{self.name}, line {number}: {exc}")
        if count > _SHOWN:
            wrong.append(f"and {count - _SHOWN:,} more lines of {self.name}")
        if wrong:
            raise InvalidLines("\n".join(wrong))

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> EventLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self.can_be_read_again:
            self._raw.seek(0)
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if self._is_packed else self._raw
        try:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), 1):  # `position` may be asked for
                if len(line) == _LONGEST:
                    raise InvalidLines(f"{self.name}, line {number}: it is longer than {_LONGEST - 1:,} bytes")
                text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if not text.isspace():
                    yield number, text
        except (OSError, EOFError, zlib.error) as exc:  # gzip raises each of them
            raise InvalidLines(f"{self.name} can't be read: {exc}") from exc
