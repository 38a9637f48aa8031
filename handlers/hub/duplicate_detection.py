"""Duplicate detection in the management dialect: two elements of Service Bus's descriptions of queues and topics.

Azure's EventHubDescription has neither, so the elements of a hub have them only while it detects duplicates. A time is
an xs:duration of days and less, such as PT10M or P1DT30S.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wz import Problem

_REQUIRED, _WINDOW = "RequiresDuplicateDetection", "DuplicateDetectionHistoryTimeWindow"

#: Service Bus's own, if none is given.
_DEFAULT = "PT10M"

_DURATION = re.compile(
    r"P(?:(\d{1,3})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,7})(?:\.(\d{1,3})\d*)?S)?)?", re.ASCII
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def duplicate_detection(given: Mapping[str, str]) -> int | None:
    """Return for how many ms a description wants duplicates detected; 0: not at all; None if it does not say.

    Raises a 400 for a value that can't be read.
    """
    if not given.get(_REQUIRED):
        return None
    required = _BOOLEANS.get(given[_REQUIRED].lower())
    if required is None:
        raise Problem(400, f"{_REQUIRED} must be true or false, not {given[_REQUIRED]!r}.")
    text = given.get(_WINDOW) or _DEFAULT
    parts = _DURATION.fullmatch(text)
    if parts is None or not any(parts.groups()):
        raise Problem(400, f"{_WINDOW} must be a duration such as {_DEFAULT}, not {text!r}.")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups()[:4])
    ms = int((parts[5] or "").ljust(3, "0"))
    return ((days * 24 + hours) * 3600 + minutes * 60 + seconds) * 1000 + ms if required else 0


def duplicate_detection_elements(ms: int) -> dict[str, str]:
    """Return the elements of a hub that detects duplicates for so long; none if it does not."""
    return {_REQUIRED: "true", _WINDOW: f"PT{ms / 1000:.15g}S"} if ms else {}
