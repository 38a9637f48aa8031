"""Processes that start together, are started again when they die, and end in an order in which no request is cut.

honcho reads the Procfile, starts each process as the leader of its own session, and prints its lines with its name in
front. When they start and how they end is decided here: honcho starts and stops all at once, but gunicorn needs a
Redis that answers, Redis must not go before those who write to it, and nginx must go before gunicorn.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from types import FrameType, TracebackType
from typing import NamedTuple, Protocol

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from honcho.process import Popen

from pipeline.settings import WRONG_SETTINGS
from pipeline.store.pace import Pace

#: Seconds of the first pause before a process that died is started again; each further one is twice as long, up to
#: `MAX_PAUSE`. One that has run for `STEADY_SECONDS` begins with the first pause again.
FIRST_PAUSE, MAX_PAUSE, STEADY_SECONDS = 1.0, 30.0, 60.0

#: The processes that end with `WRONG_SETTINGS` when no other start would help.
CHECKED = ("web", "worker")

#: Seconds after which `wait_until` says what it waits for, and until when.
SILENT_SECONDS = 5.0


class Stage(NamedTuple):
    """Processes that are told to end together, by `signum`; after `seconds`, the next stage begins.

    With `kill`, what this stage and those before it have told to end is killed then.
    """

    names: tuple[str, ...]
    signum: signal.Signals
    seconds: float
    kill: bool = True


#: How they end; 9 s at most, since what stops a machine or a container often waits 10. SIGQUIT lets nginx finish the
#: requests under way, where SIGTERM cuts them. nginx has not ended after its stage if a client waits for an event:
#: gunicorn answers that one as soon as it gets its own signal, and nginx passes the answer on.
STAGES = (
    Stage(("nginx",), signal.SIGQUIT, 2.0, kill=False),
    Stage(("web", "worker"), signal.SIGTERM, 5.0),
    Stage(("redis",), signal.SIGTERM, 2.0),
)

#: Seconds for gunicorn's requests under way (`graceful_timeout`); below those of its stage.
GRACEFUL_SECONDS = 4


class Interrupted(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class ProcessEnded(Exception):
    """A process ended, and to start it again would not help."""


class NotReady(Exception):
    """What was waited for did not come in time."""


class Child:
    """A process, the thread that reads its lines, and how often it was started again.

    `kind` is the name of its line in the Procfile: `worker` for the process `worker.2`.
    """

    def __init__(
        self,
        name: str,
        command: str,
        environ: Mapping[str, str],
        pass_fds: tuple[int, ...],
        write: Callable[[bytes], None],
    ) -> None:
        self.name = name
        self.kind = kind_of(name)
        self.restarts = 0
        self.pace = Pace(MAX_PAUSE)
        self.last_end = ""
        self._command = command
        self._environ = environ
        self._pass_fds = pass_fds
        self._write = write
        self.start()

    def start(self) -> None:
        self.popen = Popen(self._command, env=self._environ, pass_fds=self._pass_fds)
        self.started = time.monotonic()
        self._killed = False
        self._last_words = ""
        self._reader = Thread(target=self._read, args=(self.popen,), daemon=True)
        self._reader.start()

    def _read(self, popen: Popen) -> None:
        for line in popen.stdout:
            self._last_words = line.decode("utf-8", "replace").strip() or self._last_words
            self._write(line)

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def waits_for(self) -> str:
        """Empty while it runs, otherwise how it ended and when it is started again."""
        pause = self.pace.not_before - time.monotonic()
        return f"{self.last_end}; it is started again at {clock_time(pause)}" if self.last_end else ""

    @property
    def obituary(self) -> str:
        """How it ended, and the last line that it printed, which is not about SIGKILL."""
        self._reader.join(timeout=1)
        code = self.popen.returncode
        how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        is_told = self._last_words and code != -signal.SIGKILL
        return f"{self.name} ended {how}" + (f": {self._last_words}" if is_told else "")

    def tell(self, signum: signal.Signals) -> None:
        """Signal the leader alone: gunicorn and nginx tell their workers themselves."""
        self.popen.send_signal(signum)

    def kill(self) -> None:
        """Kill the whole session, or what is left of it; once, as its number may be another's after that."""
        if not self._killed:
            self._killed = True
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
            self._reader.join(timeout=1)


class Processes:
    """Processes of a Procfile, as a context manager: when it is left, by whatever way, all of them have ended.

    They end as `stages` says. `on_change` is called when one was started or has died, and when what is waited for
    changes. They go on if it raises OSError, or if a line can't be printed, as on a full disk.
    """

    def __init__(
        self,
        procfile: Path,
        environ: Mapping[str, str],
        pass_fds: tuple[int, ...] = (),
        on_change: Callable[[], None] = lambda: None,
        stages: Sequence[Stage] = STAGES,
    ) -> None:
        self.children: list[Child] = []
        self.waits_for = ""
        self._commands = parse_procfile(procfile.read_text()).processes
        self._environ = dict(environ)
        self._pass_fds = pass_fds
        self._on_change = on_change
        self._stages = stages
        self._lines: queue.Queue[Message] = queue.Queue()
        self._colours = get_colours()
        self._printer = Printer(sys.stdout, width=max(map(len, self._commands)) + len(".1"))
        self._signals: list[int] = []

    def __enter__(self) -> Processes:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end = clock_time(sum(stage.seconds for stage in self._stages))
        with suppress(BrokenPipeError):  # nobody reads stdout any more
            self._say(f"stopping: all have ended by {end}, or at once after a second signal")
            self._wait_for(f"the requests under way, until {end}")
        end_in_order(self.children, self._wait_for_the_end, self._stages)
        with suppress(BrokenPipeError):
            self._print_lines(0)

    def start(self, *names: str) -> None:
        """Start the processes of these names: a line of the Procfile, or several of one line, `worker.1`, `worker.2`.

        Raises `KeyError` for a name that the Procfile does not have.
        """
        for name in names:
            command, write = self._commands[kind_of(name)], partial(self._write, name, next(self._colours))
            self.children.append(Child(name, command, self._environ, self._pass_fds, write))
            self._changed()

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Print what the processes print until `condition` holds.

        A process that ends meanwhile is not started again, as nothing says that it ever could: raises `ProcessEnded`.
        Also raises `Interrupted`, or, after `seconds`, `NotReady`.
        """
        begin = time.monotonic()
        self._wait_for(f"{what}, until {clock_time(seconds)}")
        said = False
        while not condition():
            waited = time.monotonic() - begin
            if waited > seconds:
                raise NotReady(f"{what} did not answer within {seconds:.0f} s")
            if waited > SILENT_SECONDS and not said:
                said = True
                self._say(f"waiting for {self.waits_for}")
            self._tick()
            for child in self.children:
                if not child.running:
                    raise ProcessEnded(child.obituary)
        self._wait_for("")

    def watch(self, attend: Callable[[], str] = str) -> None:
        """Print what the processes print, and start those again that end, each after a pause that doubles.

        `attend` is called some times a second, and a text that it returns is printed, too. Raises
        `Interrupted`, or `ProcessEnded` for a status that no other start would change.
        """
        while True:
            self._tick()
            for child in self.children:
                if not child.running:
                    self._attend(child)
            if text := attend():
                self._say(text)

    def _attend(self, child: Child) -> None:
        """Start a process that has ended when its pause is over; before that, say once how it ended."""
        if not child.last_end:
            child.last_end = child.obituary
            child.kill()  # what it has started, which would keep the port or the socket
            if child.kind in CHECKED and child.popen.returncode == WRONG_SETTINGS:
                raise ProcessEnded(child.last_end)
            if time.monotonic() - child.started > STEADY_SECONDS:
                child.pace.succeeded()
            pause = child.pace.failed(FIRST_PAUSE)
            self._say(f"{child.last_end}; it is started again in {pause:.0f} s")
            self._changed()
        elif time.monotonic() >= child.pace.not_before:
            child.last_end = ""
            child.restarts += 1
            child.start()
            self._say(f"{child.name} was started again (process {child.popen.pid})")
            self._changed()

    def _wait_for(self, what: str) -> None:
        self.waits_for = what
        self._changed()

    def _changed(self) -> None:
        try:
            self._on_change()
        except OSError as exc:
            self._say(f"`wz status` may be wrong from now on: {exc}")

    def _tick(self) -> None:
        self._print_lines(0.1)
        if self._signals:
            raise Interrupted(self._signals[0])

    def _say(self, text: str) -> None:
        self._print(Message("line", text, datetime.now(), "wz", None))

    def _print(self, message: Message) -> None:
        """Print a line. Raises BrokenPipeError if nobody reads; any other error loses the line, and nothing else."""
        try:
            self._printer.write(message)
        except BrokenPipeError:
            raise
        except OSError:
            pass

    def _write(self, name: str, colour: str, line: bytes) -> None:
        self._lines.put(Message("line", line, datetime.now(), name, colour))

    def _print_lines(self, seconds: float) -> None:
        """Print all lines that are there, after waiting up to `seconds` for the first."""
        with suppress(queue.Empty):
            self._print(self._lines.get(timeout=seconds))
            while True:
                self._print(self._lines.get_nowait())

    def _wait_for_the_end(self, children: Sequence[Ending], seconds: float) -> None:
        """Wait until all have ended, up to `seconds`, or until a second signal says that it is urgent."""
        deadline = time.monotonic() + seconds
        while any(child.running for child in children):
            if time.monotonic() > deadline or len(self._signals) > 1:
                break
            with suppress(BrokenPipeError):
                self._print_lines(0.05)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signals.append(signum)


class Ending(Protocol):
    """A process that can be told to end."""

    @property
    def kind(self) -> str: ...
    @property
    def running(self) -> bool: ...
    def tell(self, signum: signal.Signals) -> None: ...
    def kill(self) -> None: ...


def end_in_order(
    processes: Sequence[Ending], wait: Callable[[Sequence[Ending], float], None], stages: Sequence[Stage] = STAGES
) -> None:
    """End processes; `wait` waits until those that it is given have ended, up to so many seconds."""
    told: list[Ending] = []
    for stage in stages:
        found = [process for process in processes if process.kind in stage.names]
        told += found
        for process in found:
            process.tell(stage.signum)
        if found:
            wait(told, stage.seconds)
        if stage.kill:
            for process in told:
                process.kill()


def kind_of(name: str) -> str:
    """Return the name of a process's line in the Procfile: `worker` for `worker.2`."""
    return name.partition(".")[0]


def clock_time(seconds: float) -> str:
    """Return the time of day in so many seconds: 19:52:30."""
    return f"{datetime.now() + timedelta(seconds=seconds):%H:%M:%S}"
