"""What a request asks of Redis, for whoever traces it: each round trip, without a value.

    probes = CommandProbes(listener)  # `listener()` returns what to tell round trips to, or None
    probes.on()

While they are on, methods of the connections' class are replaced by ones that ask `listener` at each command, in the
thread that sends it. While they are off, nothing is there and nothing is paid.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from .clock import machine_nanoseconds
from .connection import Counting
from .refusals import Parser
from .scripts import SCRIPT_NAMES

#: Commands of a pipeline that are named; of the others there is the number.
MOST_NAMED = 8

_LONGEST = 100  # letters of a key
_PROJECT = str(Path(__file__).parents[2]) + "/"
_BELOW = (f"{_PROJECT}pipeline/store/", f"{_PROJECT}.venv/")
_EVALS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO"})
_SEND, _PACK, _READ = Counting.send_command, Counting.pack_commands, Counting.read_response


class RoundTrip(NamedTuple):
    """A command, or a pipeline of some, until its last reply was there; or a new connection.

    `text` names the commands and their first keys. `where` is `file:line` of who asked, below the project's folder.
    Times are nanoseconds since the Unix epoch; `sent` and `received` are bytes. `error` is that of Redis or of the
    connection, by the name of its class.
    """

    text: str
    where: str
    begin: int
    end: int
    commands: int = 0
    sent: int = 0
    received: int = 0
    error: str = ""


Note = Callable[[RoundTrip], object]


def _nobody() -> Note | None:
    return None


_listener: Callable[[], Note | None] = _nobody


class _UnderWay:
    """What a connection was asked, and has not answered yet."""

    __slots__ = ("begin", "commands", "error", "left", "note", "received", "sent", "text", "where")

    def __init__(self, commands: Sequence[Sequence[Any]], note: Note) -> None:
        self.note = note
        self.begin = machine_nanoseconds()
        self.commands = self.left = len(commands)
        self.sent = self.received = 0
        self.error = ""
        self.text, self.where = "?", ""
        with suppress(Exception):  # whatever is odd about a command, it is sent
            self.text, self.where = text_of(commands), _caller()

    def done(self) -> None:
        end = machine_nanoseconds()
        trip = RoundTrip(self.text, self.where, self.begin, end, self.commands, self.sent, self.received, self.error)
        _tell(self.note, trip)


def text_of(commands: Sequence[Sequence[Any]]) -> str:
    """Return the names of commands, each with its first key; no other argument."""
    texts = [_text(args) for args in commands[:MOST_NAMED]]
    more = len(commands) - len(texts)
    return "; ".join([*texts, *([f"and {more} more"] if more else [])])


def _text(args: Sequence[Any]) -> str:
    name = _word(args[0]).upper()
    if name in _EVALS:
        script = SCRIPT_NAMES.get(_word(args[1], None), "another script")
        return " ".join([name, script, *([_word(args[3])] if int(args[2]) and len(args) > 3 else [])])
    if name in ("XREAD", "XREADGROUP"):  # options come before their keys
        words = [_word(arg, 32) for arg in args]
        place = [word.upper() for word in words].index("STREAMS") + 1
        return f"{name} {_word(args[place])}"
    if name in _WITHOUT_KEY or len(args) < 2:
        return name
    return f"{name} {_word(args[1])}"


#: Their first argument is a secret, a message, or no key.
_WITHOUT_KEY = frozenset({"AUTH", "HELLO", "ECHO", "PING", "CLIENT", "CONFIG", "ACL", "SCRIPT", "PUBLISH", "SELECT"})


def _word(value: Any, longest: int | None = _LONGEST) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if longest is None or len(text) <= longest else f"{text[:longest]}..."


def _caller() -> str:
    """Return where the domain or a handler asked: the first frame that is neither of this package nor a library's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if file := _asker(frame.f_code.co_filename):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@cache
def _asker(file: str) -> str:
    return file.removeprefix(_PROJECT) if file.startswith(_PROJECT) and not file.startswith(_BELOW) else ""


# -- the methods that take the place of a connection's own ------------------------------------------------------------


def _connect(self: Any) -> None:
    note = _listener() if self._sock is None else None
    if note is None:
        super(Counting, self).connect()
        return
    begin, error = machine_nanoseconds(), ""
    self.is_mute = True  # what a new connection says of itself is part of this
    try:
        super(Counting, self).connect()
    except Exception as exc:
        error = type(exc).__name__
        raise
    finally:
        del self.is_mute
        _tell(note, RoundTrip("a new connection", "", begin, machine_nanoseconds(), error=error))


def _begin(self: Any, commands: Sequence[Sequence[Any]]) -> None:
    if "is_mute" not in self.__dict__ and (note := _listener()) is not None:
        self.under_way = _UnderWay(commands, note)


def _send_command(self: Any, *args: Any, **options: Any) -> None:
    _begin(self, [args])
    _SEND(self, *args, **options)


def _pack_commands(self: Any, commands: Sequence[Sequence[Any]]) -> Any:
    commands = list(commands)
    _begin(self, commands)
    return _PACK(self, commands)


def _send_packed_command(self: Any, command: Any, *args: Any, **options: Any) -> None:
    under_way: _UnderWay | None = self.__dict__.get("under_way")
    if under_way is not None:
        with suppress(Exception):
            under_way.sent += len(command) if isinstance(command, (bytes, str)) else sum(map(len, command))
    try:
        super(Counting, self).send_packed_command(command, *args, **options)
    except Exception as exc:
        _failed(self, exc)
        raise


def _read_response(self: Any, *args: Any, **options: Any) -> Any:
    under_way: _UnderWay | None = self.__dict__.get("under_way")
    if under_way is None:
        return _READ(self, *args, **options)
    parser = self._parser
    parser.fed = 0
    try:
        return _READ(self, *args, **options)
    except Exception as exc:
        under_way.error = under_way.error or type(exc).__name__
        if self._sock is None:
            under_way.left = 0
        raise
    finally:
        under_way.received += parser.__dict__.pop("fed", 0)
        under_way.left -= 1
        if under_way.left <= 0:
            self.__dict__.pop("under_way", None)
            under_way.done()


def _failed(self: Any, exc: Exception) -> None:
    under_way: _UnderWay | None = self.__dict__.pop("under_way", None)
    if under_way is not None:
        under_way.error = type(exc).__name__
        under_way.done()


def _tell(note: Note, trip: RoundTrip) -> None:
    with suppress(Exception):  # a request must not fail because somebody listens
        note(trip)


class _Fed:
    """A parser's reader, which counts the bytes that it is fed."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.bytes = 0

    def feed(self, buffer: Any, start: int, count: int) -> Any:
        self.bytes += count
        return self.reader.feed(buffer, start, count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)


def _read_from_socket(self: Any, *args: Any, **options: Any) -> Any:
    reader = self.__dict__.get("_reader")
    if reader is None or "fed" not in self.__dict__:
        return super(Parser, self).read_from_socket(*args, **options)
    self._reader = fed = _Fed(reader)
    try:
        return super(Parser, self).read_from_socket(*args, **options)
    finally:
        self.fed += fed.bytes
        if self._reader is fed:  # else it was disconnected
            self._reader = reader


_PROBES: tuple[tuple[type, str, Callable[..., Any]], ...] = (
    (Counting, "connect", _connect),
    (Counting, "send_command", _send_command),
    (Counting, "pack_commands", _pack_commands),
    (Counting, "send_packed_command", _send_packed_command),
    (Counting, "read_response", _read_response),
    (Parser, "read_from_socket", _read_from_socket),
)
_PLAIN = {(owner, name): vars(owner).get(name) for owner, name, _ in _PROBES}  # None: inherited


class CommandProbes:
    """Puts the probes in their place and takes them out. There is one listener in a process at a time."""

    def __init__(self, listener: Callable[[], Note | None]) -> None:
        self.listener = listener

    def on(self) -> None:
        global _listener
        _listener = self.listener
        for owner, name, probe in _PROBES:
            setattr(owner, name, probe)

    def off(self) -> None:
        global _listener
        _listener = _nobody
        for (owner, name), plain in _PLAIN.items():
            if plain is not None:
                setattr(owner, name, plain)
            elif name in vars(owner):
                delattr(owner, name)
