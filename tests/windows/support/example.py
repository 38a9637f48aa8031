"""The worked example: eight events, and the rows that windows of two hours with a hop of one hour make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pipeline.hub import Event, StoredEvent
from pipeline.windows.language.ticks import parse, to_unix_ms

JOB = Path(__file__).parents[3] / "jobs" / "context_reward"


def at(time: str) -> int:
    """Return the ticks of a time, such as '10:15', of the example's day."""
    return parse(f"2024-05-01T{time}:00Z")


CONTEXT = ("actionname", "age", "gender", "weight")

# time, eventid, then either the context or a reward
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("10:15", {"eventid": "e1", "actionname": "offer_a", "age": 31, "gender": "F", "weight": 62.5}),
    ("10:20", {"eventid": "e2", "actionname": "offer_b", "age": 45, "gender": "M", "weight": 80}),
    ("10:50", {"eventid": "e1", "reward": 0.2}),
    ("11:00", {"eventid": "e3", "actionname": "offer_a", "age": 27, "gender": "F", "weight": 55}),
    ("11:40", {"eventid": "e1", "reward": 1.0}),
    ("12:00", {"eventid": "e2", "reward": 0.5}),
    ("12:30", {"eventid": "e3", "reward": 0.7}),
    ("13:05", {"eventid": "e2", "reward": 0.9}),
]

_E1 = ("offer_a", 31, "F", 62.5)
_E2 = ("offer_b", 45, "M", 80)
_E3 = ("offer_a", 27, "F", 55)
_GONE = (None, None, None, None)  # the context has left the window

# window end, eventid, context, reward
WINDOWS: list[tuple[str, str, tuple[Any, ...], float | None]] = [
    ("11:00", "e1", _E1, 0.2),
    ("11:00", "e2", _E2, None),
    ("11:00", "e3", _E3, None),  # an event exactly on the end
    ("12:00", "e1", _E1, 1.0),
    ("12:00", "e2", _E2, 0.5),  # a reward exactly on the end
    ("12:00", "e3", _E3, None),
    ("13:00", "e1", _GONE, 1.0),
    ("13:00", "e2", _GONE, 0.5),
    ("13:00", "e3", _GONE, 0.7),  # its context is exactly on the start
    ("14:00", "e2", _GONE, 0.9),
    ("14:00", "e3", _GONE, 0.7),
    ("15:00", "e2", _GONE, 0.9),
]

WINDOW_ROWS: list[tuple[int, dict[str, Any]]] = [
    (at(end), {"eventid": eventid, **dict(zip(CONTEXT, context, strict=True)), "reward": reward})
    for end, eventid, context, reward in WINDOWS
]


def enqueued_ms(time: str) -> int:
    return to_unix_ms(at(time))


def event(columns: dict[str, Any]) -> Event:
    return Event(msgspec.json.encode(columns), partition_key=columns["eventid"])


def stored(body: bytes, ms: int, partition: int = 0, sequence_number: int = 0) -> StoredEvent:
    return StoredEvent(partition, sequence_number, f"{ms}-{sequence_number}", ms, Event(body))
