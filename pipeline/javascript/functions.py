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

    A function keeps nothing from one call to the next. The process ends with this object, and is started anew by the
    next call if it has ended, which costs some 50 ms; a call costs some 50 us, and needs no time limit of its own, as
    the process can't wait for anything.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Start the process. Raises `WrongFunction`."""
        if importlib.util.find_spec("quickjs") is None:
            raise WrongFunction(
                next(iter(sources)), "to run JavaScript functions, install quickjs-ng: pip install '.[javascript]'"
            )
        self._sources = list(sources.items())
        self._places = {name: place for place, name in enumerate(sources)}
        self._turn = threading.Lock()
        self._start()

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
            raise FunctionError(json.loads(answer[1:])[:_LONGEST])
        return answer

    def _start(self) -> None:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "TZ": "UTC"},
        )
        self._end = weakref.finalize(self, _end, self._process)
        answer, status = self._exchange(json.dumps([SECONDS, MEMORY, self._sources]).encode() + b"\n")
        if answer.startswith(b"!"):
            self._end()
            place, message = json.loads(answer[1:])
            raise WrongFunction(self._sources[place][0], str(message)[:_LONGEST])
        if status:
            raise WrongFunction(
                self._sources[0][0], f"the process of the JavaScript engine did not start: status {status}"
            )

    def _ask(self, line: bytes) -> tuple[bytes, int]:
        """Return the answer, and 0; or the status with which the process ended, which is then not 0."""
        if not self._end.alive:
            self._start()
        return self._exchange(line)

    def _exchange(self, line: bytes) -> tuple[bytes, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        except BaseException:  # or the next call would get this one's answer
            self._end()
            raise
        if answer.endswith(b"\n"):
            return answer[:-1], 0
        status = self._process.wait()
        self._end()
        return b"", status or 1


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()  # which waits, and closes the pipes
