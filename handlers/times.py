"""Times as the endpoints of hubs write them; all of them are UTC.

Boards write theirs with a Z (pipeline/boards/answers.py). Jobs write seven digits, since a window's end is a number of
100 ns (pipeline/windows/language/ticks.py). Clients read all three, so none of them can change.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.store.clock import machine_time


def now_ms() -> int:
    """Return this machine's time, ms since the Unix epoch."""
    return int(machine_time() * 1000)


def json_time(ms: int) -> str:
    """Write ms since the Unix epoch as 2026-05-01T12:00:00.000+00:00."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def atom_time(ms: int | None) -> str:
    """Write ms since the Unix epoch as Azure's management does, 2026-05-01T12:00:00.000Z; None as its year 1."""
    return "0001-01-01T00:00:00Z" if ms is None else json_time(ms).replace("+00:00", "Z")


def error_time(ms: int) -> str:
    """Write ms since the Unix epoch as the service's errors do, 2026-05-01T12:00:00."""
    return json_time(ms)[:19]
