"""The log of outages: one line when one begins, then one for each ten seconds, however many requests it ends."""

from __future__ import annotations

import logging
import threading
from collections import Counter

from .refusals import refusal_of

logger = logging.getLogger(__name__)

#: Seconds between two lines about the same outage. It is over when nothing of its kind came for as long.
EVERY = 10.0


class OutageLog:
    """Logs the first error of a kind at once, then how many more came, and that none comes any more.

    A thread does so, which lives for as long as there is something to say. No line has a command or its arguments.
    """

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._lock = threading.Lock()
        self._more: Counter[str] = Counter()  # for each kind whose outage is not over
        self._tick = threading.Event()  # never set

    def note(self, exc: Exception) -> None:
        """Log or count an error of `OUTAGES`."""
        code, why, *_ = refusal_of(exc)
        with self._lock:
            is_first = code not in self._more
            is_running = bool(self._more)
            self._more[code] += 0 if is_first else 1
        if is_first:
            # A pipeline puts the command before the error, and with it what a client sent.
            logger.error("Redis: %s: %s: %s", code, why, str(exc).rpartition("of pipeline caused error: ")[2])
            if not is_running:
                threading.Thread(target=self._sum_up, name="the log of outages", daemon=True).start()

    def _sum_up(self) -> None:
        is_on = True
        while is_on:
            self._tick.wait(self._every)
            with self._lock:
                counts = dict(self._more)
                for code, more in counts.items():
                    if more:
                        self._more[code] = 0
                    else:
                        del self._more[code]
                is_on = bool(self._more)
            for code, more in counts.items():
                if more:
                    logger.error("Redis: %s: %d more in %g s", code, more, self._every)
                else:
                    logger.warning("Redis: %s: over, none in %g s", code, self._every)


#: That of the process.
outages = OutageLog()
