"""Starts the process in which functions run, and calls them in it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from ..errors import PipelineError

#: What a call may take of the processor's time. The process stops a call then, or is ended after twice as long.
SECONDS = 0.1

#: Bytes that a function and its values may take.
MEMORY = 64 * 1024 * 1024

_PROGRAM = Path(__file__).with_name("process.py")

_LONGEST = 300  # characters of an error

#: What of the environment Python needs to find its packages. The rest may have secrets.
_ENVIRONMENT = ("HOME", "LD_LIBRARY_PATH", "PYTHONPATH")


class FunctionError(PipelineError):
    """A function threw, gave what can't be written as JSON, or took too much time or memory."""


class WrongFunction(PipelineError):
    """A function can't be used: its source is wrong, or there is no engine. `name` is the function's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class JavaScript:
    """Functions by their names, and the process in which they run. A call from another thread waits for its turn.

    A function keeps nothing from one call to the next. The process is started by the first call, ends with this object,
    and is started anew if it has ended, which costs some 50 ms; a call costs some 50 us, and needs no time limit of its
    own, as the process can't wait for anything.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Raises `WrongFunction`. To find out starts a process, unless these sources were right before."""
        self._sources = tuple(sources.items())
        self._places = {name: place for place, name in enumerate(sources)}
        self._turn = threading.Lock()
        self._process: _Process | None = None
        _check(self._sources)

    def call(self, name: str, arguments: bytes) -> bytes:
        """Call a function. `arguments` is JSON of an array, as is the answer, in the form that the package describes.

        Raises `FunctionError`.
        """
        line = b"%d %b\n" % (self._places[name], arguments)
        with self._turn:
            answer, status = self._ask(line)
            if status and status != -signal.SIGPROF:  # not the function's doing, or it will end again
                answer, status = self._ask(line)
        if status:
            raise FunctionError(
                f"it took more than {2 * SECONDS} s"
                if status == -signal.SIGPROF
                else f"it ended the process of the JavaScript engine, with status {status}"
            )
        if answer.startswith(b"!"):
            raise FunctionError(_shown(json.loads(answer[1:])))
        return answer

    def _ask(self, line: bytes) -> tuple[bytes, int]:
        if self._process is None or not self._process.end.alive:
            self._process = _Process(self._sources)
        return self._process.ask(line)


@lru_cache(maxsize=100)
def _check(sources: tuple[tuple[str, str], ...]) -> None:
    """Raise `WrongFunction` if a function can't be used."""
    _Process(sources).end()


class _Process:
    """The process. It ends with this object, or by `end`."""

    def __init__(self, sources: tuple[tuple[str, str], ...]) -> None:
        """Start it. Raises `WrongFunction`."""
        first = sources[0][0]
        if importlib.util.find_spec("quickjs") is None:
            raise WrongFunction(first, "to run JavaScript functions, install quickjs-ng: pip install '.[javascript]'")
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "TZ": "UTC"},
        )
        self.end = weakref.finalize(self, _end, self.process)
        answer, status = self.ask(json.dumps([SECONDS, MEMORY, sources]).encode() + b"\n")
        if answer.startswith(b"!"):
            self.end()
            place, message = json.loads(answer[1:])
            raise WrongFunction(sources[place][0], _shown(message))
        if status:
            raise WrongFunction(first, f"the process of the JavaScript engine did not start: status {status}")

    def ask(self, line: bytes) -> tuple[bytes, int]:
        """Return the answer, and 0; or nothing and the status with which the process ended, which is then not 0."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        except BaseException:  # or the next call would get this one's answer
            self.end()
            raise
        if answer.endswith(b"\n"):
            return answer[:-1], 0
        status = self.process.wait()
        self.end()
        return b"", status or 1


def _shown(message: str) -> str:
    """Return an error as a text of Python, which has no half of a surrogate pair."""
    return message[:_LONGEST].encode(errors="replace").decode()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()  # which waits, and closes the pipes
