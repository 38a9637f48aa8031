"""Redis's clock, by which all processes and machines go."""

from __future__ import annotations

import redis


def clock_ms(client: redis.Redis) -> int:
    """Return its time, ms since the Unix epoch. One round trip."""
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000
