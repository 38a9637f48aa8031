"""What the relay does with events when the upstream hub answers a request with a status of 400 or more.

A request whose answer says that the service is busy is always sent again. So is one that is answered with 429, and one
that has no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import urllib3
from urllib3.exceptions import InvalidHeader

from ..errors import InvalidValue
from ..store.pace import RECEIVER_WAIT

#: Seconds that the service asks its clients to wait when it is busy, at least. Its text says 10.
BUSY_WAIT = 4.0

#: The longest time, in seconds, that is waited because an answer asks for it.
MAX_RETRY_AFTER = 600.0

#: Statuses that a single event of a batch may have caused: the batch is halved until that event is alone.
ONE_OF_MANY = frozenset({400, 413})

_BUSY = re.compile(rb"\b50002\b|Server ?Busy|is being throttled", re.IGNORECASE)
_SECONDS = re.compile(rb"wait (?:for )?([0-9]{1,9}) second", re.IGNORECASE)


class Action(StrEnum):
    """What is done with the events of a request: send them again, keep them as dead letters, or neither."""

    WAIT = "wait"
    DEADLETTER = "deadletter"
    DROP = "drop"


#: The statuses that are not waited for, unless a hub has its own choice. They say that a request would fail however
#: often it is sent; 414 and 431, for a path or a header that is too long, are caused by the event, as 413 is.
DEFAULTS: Mapping[int, Action] = dict.fromkeys((400, 413, 414, 431), Action.DEADLETTER)

_FORM = re.compile(r"([45][0-9]{2})=([a-z]+)")
_CHOICES = ", ".join(Action)


def parse_choices(texts: Iterable[str]) -> dict[int, Action | None]:
    """Read texts such as `404=wait`; None stands for `default`. Raises `InvalidValue`."""
    found: dict[int, Action | None] = {}
    for text in texts:
        match = _FORM.fullmatch(text)
        if match is None or match[2] not in (*Action, "default"):
            raise InvalidValue(
                f"{text!r}: write STATUS=ACTION, a status from 400 to 599 and one of {_CHOICES}, default", "on"
            )
        status = int(match[1])
        check_status(status)
        if status in found:
            raise InvalidValue(f"{status} is given twice", "on")
        found[status] = None if match[2] == "default" else Action(match[2])
    return found


def check_status(status: int) -> None:
    """Raise `InvalidValue` for a status for which nothing can be chosen."""
    if status == 429:
        raise InvalidValue("429 says that the service is busy, which is always waited for", "answers")
    if not 400 <= status <= 599:
        raise InvalidValue(f"{status}: what is done can be chosen for the statuses from 400 to 599", "answers")


def is_busy(status: int, body: bytes) -> bool:
    return status == 429 or _BUSY.search(body) is not None


def seconds_to_wait(response: urllib3.BaseHTTPResponse) -> float:
    """Return for how many seconds not to send again: as the header asks, or, if the service is busy, the text."""
    asked = retry_after(response)
    if not is_busy(response.status, response.data):
        return max(BUSY_WAIT if response.status == 503 and not asked else RECEIVER_WAIT, asked)
    said = _SECONDS.search(response.data)
    return max(BUSY_WAIT, asked, min(float(said[1]), MAX_RETRY_AFTER) if said else 0.0)


def retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Return the header's seconds, which may be given as a date; 0 without the header."""
    try:
        return min(urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0")), MAX_RETRY_AFTER)
    except InvalidHeader:
        return 0.0
