"""Records: a body of many JSON documents, read one by one in constant memory, as NDJSON or as an array.

A record of either form is decoded by itself, from its own bytes, so both forms have the same precision and the same
errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO, TypeVar

import msgspec
from werkzeug.exceptions import UnsupportedMediaType

from .decimals import Texts, texts_of
from .errors import Problem
from .field_errors import invalid
from .http import Request

T = TypeVar("T")

#: Media types with one document per line; IANA has registered none of them.
LINES = ("application/x-ndjson", "application/jsonl", "application/ndjson")

#: The media type of an array of documents.
ARRAY = "application/json"

#: The largest record, in bytes.
RECORD_BYTES = 64 * 1024

#: Bytes of a body that are kept in memory; a larger one is in a temporary file.
MEMORY_BYTES = 1024 * 1024


class BrokenBody(Problem):
    """Takes the place of a record after which nothing can be read, since it is unknown where the next one begins."""


def records(request: Request, type_: type[T], accept: Callable[[bytes], None] | None = None) -> Iterator[T | Problem]:
    """Yield each record of the body as `type_`, or as the `Problem` that it has; the last may be a `BrokenBody`.

    The whole body is read before this returns, so that a client may send all of it before it reads any answer. Set
    `request.max_content_length` first if the app's own limit is too low for it. Blank lines are not records. `accept`
    is called with the SHA-256 of the body, and may refuse it. Raises `UnsupportedMediaType`; a 413; a 422 if the body
    is JSON, but no array; and what `accept` does.
    """
    if request.mimetype not in (*LINES, ARRAY):
        raise UnsupportedMediaType(f"send the records as {LINES[0]}, one per line, or as a JSON array, {ARRAY}")
    body: IO[bytes] = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  # the iterator closes it
    digest = sha256()
    try:
        while part := request.stream.read(RECORD_BYTES):
            body.write(part)
            if accept is not None:
                digest.update(part)
        if accept is not None:
            accept(digest.digest())
        body.seek(0)
        found = _elements(body) if request.mimetype == ARRAY else _lines(body)
    except BaseException:
        body.close()
        raise
    return _decoded(body, found, msgspec.json.Decoder(type_), texts_of(type_))


def _decoded(
    body: IO[bytes], found: Iterable[bytes | Problem], decoder: msgspec.json.Decoder[T], texts: Texts | None
) -> Iterator[T | Problem]:
    with body:
        for record in found:
            if isinstance(record, Problem):
                yield record
                continue
            try:
                read = decoder.decode(record)
                if texts is not None:
                    texts.check_json(record)
            except msgspec.ValidationError as exc:
                yield invalid(exc)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
                yield Problem(400, f"the record is not JSON: {exc}")
            except Problem as exc:  # of a decimal
                yield exc
            else:
                yield read


def _lines(body: IO[bytes]) -> Iterator[bytes | Problem]:
    size = RECORD_BYTES + 1  # with the line feed
    while line := body.readline(size):
        if len(line) == size and not line.endswith(b"\n"):
            yield Problem(422, f"the record is longer than {RECORD_BYTES} bytes")
            while (rest := body.readline(size)) and not rest.endswith(b"\n"):
                pass
        elif not line.isspace():
            yield line


# This only finds where a document ends. Its numbers are read by the decoder of the record.
_scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


class _Window:
    """The part of a file that is being read, as text with one character per byte: JSON's structure is in ASCII.

    `is_last` says that nothing follows it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.text = ""
        self.at = 0
        self.is_last = False

    def slide(self) -> None:
        """Drop what was consumed and read on."""
        more = self.file.read(RECORD_BYTES)
        self.text = self.text[self.at :] + more.decode("latin-1")
        self.at = 0
        self.is_last = not more

    def skip_space(self) -> None:
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text) or self.is_last:
                return
            self.slide()

    def sign(self) -> str:
        """Skip white space, then consume and return one character; "" at the end of the file."""
        self.skip_space()
        self.at += 1
        return self.text[self.at - 1 : self.at]

    def document(self) -> bytes:
        """Skip white space, then consume and return a JSON document. Raises ValueError if it is broken or too long."""
        self.skip_space()
        while True:
            broken = ""
            try:
                _, end = _scan(self.text, self.at)
            except json.JSONDecodeError as exc:
                broken = exc.msg
            except RecursionError:
                raise ValueError("it is nested too deeply") from None
            else:
                if end < len(self.text) or self.is_last:  # otherwise a number may continue in the next part
                    return self._pass_to(end)
            if self.is_last:
                raise ValueError(broken)
            if len(self.text) - self.at > RECORD_BYTES:
                raise ValueError(f"it is broken, or longer than {RECORD_BYTES} bytes" + (broken and f": {broken}"))
            self.slide()

    def _pass_to(self, end: int) -> bytes:
        if end - self.at > RECORD_BYTES:
            raise ValueError(f"it is longer than {RECORD_BYTES} bytes")
        document = self.text[self.at : end].encode("latin-1")
        self.at = end
        return document


def _elements(body: IO[bytes]) -> Iterator[bytes | Problem]:
    window = _Window(body)
    if window.sign() != "[":
        raise Problem(422, "the body must be a JSON array of records")
    return _after_bracket(window)


def _after_bracket(window: _Window) -> Iterator[bytes | Problem]:
    window.skip_space()
    sign = ","
    if window.text.startswith("]", window.at):
        sign = window.sign()
    while sign == ",":
        try:
            yield window.document()
        except ValueError as exc:
            yield BrokenBody(400, f"the array can't be read from here on: {exc}")
            return
        sign = window.sign()
    if sign != "]":
        yield BrokenBody(400, "the array can't be read from here on: a comma or ] is missing after a record")
    elif window.sign():
        yield BrokenBody(400, "something follows the array")
