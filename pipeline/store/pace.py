"""When to look for new work again, and when to try again after a failure: the one retry policy."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

#: Seconds after which a log that had nothing new is read again.
IDLE = 0.25

#: Seconds of the first wait after a failure whose cause is not known, and after one of a receiver: an upstream hub, a
#: webhook, or a place that is full.
FIRST_WAIT, RECEIVER_WAIT = 0.5, 1.0

#: The most seconds between two tries, unless more are asked for; and while a process that starts waits for Redis.
MAX_WAIT, MAX_START_WAIT = 30.0, 2.0


@dataclass
class Pace:
    """Waits that double with each failure, up to `max_wait` seconds, each up to a quarter longer at random.

    `not_before` is in seconds of `time.monotonic()`; 0 while nothing has failed.
    """

    max_wait: float = MAX_WAIT
    failures: int = 0
    not_before: float = 0.0

    def failed(self, at_least: float) -> float:
        """Return how many seconds to wait now. `at_least` is the first wait, even if `max_wait` is less."""
        wait: float = max(at_least, min(self.max_wait, at_least * 2**self.failures)) * random.uniform(1.0, 1.25)
        self.failures = min(self.failures + 1, 16)
        self.not_before = time.monotonic() + wait
        return wait

    def succeeded(self) -> None:
        """Begin with the first wait again."""
        self.failures = 0
        self.not_before = 0.0
