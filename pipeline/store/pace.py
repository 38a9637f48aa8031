"""When to look again, and when to try again what failed: the one retry policy."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

#: Seconds between two looks at a log that had nothing new.
IDLE = 0.25

#: Seconds between two tries, at most, unless more is asked for.
MAX_WAIT = 30.0


@dataclass
class Pace:
    """Waits that double from one failure to the next, up to `max_wait` seconds, and up to a quarter longer by chance.

    `not_before` is in seconds of `time.monotonic()`; 0 while nothing has failed.
    """

    max_wait: float = MAX_WAIT
    failures: int = 0
    not_before: float = 0.0

    def failed(self, at_least: float) -> float:
        """Return how many seconds to wait now. `at_least` is the first wait, and comes before `max_wait`."""
        wait: float = max(at_least, min(self.max_wait, at_least * 2**self.failures)) * random.uniform(1.0, 1.25)
        self.failures = min(self.failures + 1, 16)
        self.not_before = time.monotonic() + wait
        return wait

    def succeeded(self) -> None:
        """Begin with the first wait again."""
        self.failures = 0
        self.not_before = 0.0
