"""When to look again, and when to try again what failed."""

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
    """Exponential, with jitter, up to `MAX_WAIT`. `not_before` is in seconds of `time.monotonic()`."""

    failures: int = 0
    not_before: float = 0.0

    def failed(self, at_least: float) -> float:
        """Return how many seconds to wait now."""
        wait: float = max(at_least, min(MAX_WAIT, at_least * 2**self.failures)) * random.uniform(1.0, 1.25)
        self.failures = min(self.failures + 1, 16)
        self.not_before = time.monotonic() + wait
        return wait

    def succeeded(self) -> None:
        self.failures = 0
        self.not_before = 0.0
