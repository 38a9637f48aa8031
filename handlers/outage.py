"""What clients are told while Redis is away."""

from __future__ import annotations

import logging

from wz import Problem

logger = logging.getLogger(__name__)

AWAY = "the store can't be reached"

#: What holds for every request that an outage ended.
SEND_AGAIN = f"{AWAY}; nothing is known to be written: send again"


def outage(exc: Exception) -> Problem:
    """Log an error of `OUTAGES`, and return what is answered."""
    log_outage(exc)
    return Problem(503, SEND_AGAIN, {"Retry-After": "1"})


def log_outage(exc: Exception) -> None:
    logger.error("Redis: %s", exc)
