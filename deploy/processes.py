"""Processes that start together and end together.

honcho reads the Procfile, starts each process as the leader of its own session, and prints its lines with its name in
front. When they start and how they end is decided here: honcho starts and stops all at once, but gunicorn needs a
Redis that answers, and Redis must not go before those who write to it.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Thread
from types import FrameType, TracebackType

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from honcho.process import Popen

TERM_SECONDS = 6.0  # from SIGTERM to SIGKILL
LAST_TERM_SECONDS = 2.0  # the same for the process that ends last, so that all are gone within 10 s


class Interrupted(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class ProcessEnded(Exception):
    """A process ended, which none should."""


class NotReady(Exception):
    """What was waited for did not come in time."""


class Child:
    """A process, and the thread that reads its lines."""

    def __init__(self, popen: Popen, name: str, colour: str, lines: queue.Queue[Message]) -> None:
        self.popen = popen
        self.name = name
        self.last_words = ""
        self._colour = colour
        self._lines = lines
        self.reader = Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.popen.stdout:
            self.last_words = line.decode("utf-8", "replace").strip() or self.last_words
            self._lines.put(Message("line", line, datetime.now(), self.name, self._colour))

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def obituary(self) -> str:
        self.reader.join(timeout=1)
        code = self.popen.returncode
        how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        return f"{self.name} ended {how}" + (f": {self.last_words}" if self.last_words else "")

    def terminate(self) -> None:
        """Ask the leader alone: gunicorn and nginx tell their workers themselves."""
        self.popen.terminate()

    def kill(self) -> None:
        """Kill the whole session, or what is left of it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)


class Processes:
    """The processes of a Procfile, as a context manager: when it is left, by whatever way, all of them have ended.

    The one named `last` ends after the others.
    """

    def __init__(self, procfile: Path, environ: Mapping[str, str], last: str, pass_fds: tuple[int, ...] = ()) -> None:
        self._commands = parse_procfile(procfile.read_text()).processes
        self._environ = dict(environ)
        self._last = last
        self._pass_fds = pass_fds
        self._children: list[Child] = []
        self._lines: queue.Queue[Message] = queue.Queue()
        self._colours = get_colours()
        self._printer = Printer(sys.stdout, width=max(map(len, self._commands)))
        self._signals: list[int] = []

    def __enter__(self) -> Processes:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        others = [child for child in self._children if child.name != self._last]
        self._end(others, TERM_SECONDS)
        self._end([child for child in self._children if child not in others], LAST_TERM_SECONDS)

    def start(self, *names: str) -> None:
        for name in names:
            popen = Popen(self._commands[name], env=self._environ, pass_fds=self._pass_fds)
            self._children.append(Child(popen, name, next(self._colours), self._lines))

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Print what the processes print until `condition` holds.

        Raises `Interrupted`, `ProcessEnded`, or, after `seconds`, `NotReady`.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise NotReady(f"{what} did not answer within {seconds:.0f} s")
            self._tick()

    def watch(self) -> None:
        """Print what the processes print until one ends or a signal comes, which is raised as by `wait_until`."""
        while True:
            self._tick()

    def _tick(self) -> None:
        self._print_lines(0.1)
        if self._signals:
            raise Interrupted(self._signals[0])
        for child in self._children:
            if not child.running:
                raise ProcessEnded(child.obituary)

    def _print_lines(self, seconds: float) -> None:
        """Print all lines that are there, after waiting up to `seconds` for the first."""
        with suppress(queue.Empty):
            self._printer.write(self._lines.get(timeout=seconds))
            while True:
                self._printer.write(self._lines.get_nowait())

    def _end(self, children: list[Child], seconds: float) -> None:
        """SIGTERM, then SIGKILL after `seconds`, or at once when a second signal says that it is urgent."""
        for child in children:
            child.terminate()
        deadline = time.monotonic() + seconds
        while any(child.running for child in children):
            if time.monotonic() > deadline or len(self._signals) > 1:
                break
            with suppress(OSError):  # nobody reads stdout any more
                self._print_lines(0.05)
        for child in children:
            child.kill()
            child.popen.wait()
            child.reader.join(timeout=1)
        with suppress(OSError):
            self._print_lines(0)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signals.append(signum)
