"""When probes are on: while requests are traced, and a little longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

#: Seconds after the last traced request until the probes are taken off. A probe replaces methods of a class, and the
#: interpreter must then look up all methods of that class again: done for each of many requests, that costs each 15 us.
LINGER = 1.0


class Probe(Protocol):
    """What adds spans for calls that the framework doesn't see, and costs something only while it is on."""

    def on(self) -> None:
        """Begin: a request is traced, and none was."""

    def off(self) -> None:
        """End: no request has been traced for `LINGER` seconds."""


class Switch:
    """Has `probes` on while requests are traced. A thread takes them off, which is there only meanwhile."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = probes
        self._running = 0
        self._ended = 0.0
        self._is_on = False
        self._lock = threading.RLock()  # the garbage collector may call `end` at any time

    def begin(self) -> None:
        """Count one more traced request."""
        with self._lock:
            self._running += 1
            if self._is_on or not self._probes:
                return
            self._is_on = True
            for probe in self._probes:
                probe.on()
        threading.Thread(target=self._wait, name="takes probes off", daemon=True).start()

    def end(self) -> None:
        """Count one less."""
        with self._lock:
            self._running -= 1
            self._ended = time.monotonic()

    def _wait(self) -> None:
        while True:
            time.sleep(LINGER)
            with self._lock:
                if self._running or time.monotonic() - self._ended < LINGER:
                    continue
                self._is_on = False
                for probe in self._probes:
                    probe.off()
                return
