"""Processes that a killed `wz up` has left running, by name, and their end."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.settings.local import SERVICE, read

from .processes import Ending, end_in_order, kind_of
from .state import Service, holders, supervisor


class Orphan:
    """A process that was started by name, or what is left of those that it has started."""

    def __init__(self, name: str, leader: int, processes: list[psutil.Process]) -> None:
        self.name = name
        self.kind = kind_of(name)
        self._leader = leader
        self._processes = processes

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.pids))})"

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    @property
    def running(self) -> bool:
        return any(map(lives, self._processes))

    def tell(self, signum: signal.Signals) -> None:
        """Signal the leader, who tells the others; where it has gone, each."""
        leader = [process for process in self._processes if process.pid == self._leader]
        for process in leader or self._processes:
            with suppress(psutil.Error):
                process.send_signal(signum)

    def kill(self) -> None:
        for process in self._processes:
            with suppress(psutil.Error):
                process.kill()


def orphans(state: Path) -> list[Orphan]:
    """Return what runs in a folder whose `wz up` was killed; nothing while that lives."""
    found = holders(state)
    if supervisor(state, found):
        return []
    names = {started.pid: started.name for started in read(state / SERVICE, Service).processes}
    sessions: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in found:
        with suppress(ProcessLookupError):
            sessions[os.getsid(process.pid)].append(process)
    # One that the file does not name may be a `wz up` that has just begun.
    return [Orphan(names[leader], leader, members) for leader, members in sessions.items() if leader in names]


def end(found: Sequence[Orphan]) -> None:
    """End them as `wz up` would have: no request is cut, Redis is the last."""
    end_in_order(found, wait)


def wait(found: Sequence[Ending], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(one.running for one in found) and time.monotonic() < deadline:
        time.sleep(0.05)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
