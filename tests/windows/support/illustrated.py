"""The illustrated example of Stream Analytics' page on time handling: what becomes of the times of twelve events."""

from __future__ import annotations

from pipeline.windows.engine.event_times import TimePolicies
from pipeline.windows.language.ticks import TICKS_PER_MINUTE, parse

#: Late 5 minutes, out of order 2 minutes.
POLICIES = TimePolicies(5 * TICKS_PER_MINUTE, 2 * TICKS_PER_MINUTE)

#: Event time, arrival, the time that counts, the watermark of the page after it.
ILLUSTRATED: list[tuple[str, str, str | None, str | None]] = [
    ("12:07", "12:07", "12:07", None),
    ("12:08", "12:08", "12:08", None),
    ("12:17", "12:11", None, "12:06"),  # six minutes early: it is dropped, and the watermark does not move
    ("12:08", "12:13", "12:08", None),
    ("12:19", "12:16", "12:19", "12:17"),
    ("12:12", "12:17", "12:17", "12:17"),  # barely not late, but out of order
    ("12:17", "12:18", "12:17", None),
    ("12:20", "12:19", "12:20", "12:18"),
    ("12:16", "12:21", "12:18", None),
    ("12:23", "12:22", "12:23", "12:21"),
    ("12:22", "12:24", "12:22", None),
    ("12:21", "12:27", "12:22", None),  # late
]


def at(text: str) -> int:
    """Return the ticks of a time of the example's day, such as '12:07' or '12:07:30'."""
    return parse(f"2024-05-01T{text if text.count(':') == 2 else text + ':00'}Z")
