"""What the contenders of bench/windows.py work on, and how their processes are set up."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from typing import Any

from pipeline.windows.language.ticks import TICKS_PER_SECOND, parse

HOUR = 3600 * TICKS_PER_SECOND
START = parse("2024-05-01T10:00:00Z")
SPAN = 4 * HOUR

Event = tuple[int, dict[str, Any]]  # ticks
Found = tuple[int, str, Any, Any, Any]  # end, eventid, actionname, age, reward
Seconds = float


def events(count: int, keys: int) -> Iterator[Event]:
    """Yield contexts and rewards in the order of their times, no two at the same time."""
    rnd = random.Random(count)
    for number in range(count):
        record: dict[str, Any] = {"eventid": f"event-{rnd.randrange(keys)}"}
        if rnd.random() < 0.5:
            record |= {"actionname": f"offer_{rnd.randrange(20)}", "age": rnd.randrange(18, 90)}
        else:
            record["reward"] = rnd.random()
        ticks = START + 10 * ((number + 1) * (SPAN // 10) // count)  # whole microseconds, as bytewax's times are
        yield ticks, record


begun = 0.0


def begin() -> None:
    """Set up the process as a worker does, and count CPU time from here."""
    global begun
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    begun = time.process_time()


def since_begin(ended: Seconds) -> Seconds:
    return ended - begun
