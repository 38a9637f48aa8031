"""W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request or an event belongs to.

The service joins traces and begins none: it records no spans, so a trace of its own would lead nowhere. It logs the
trace's id, keeps `traceparent` as a property of the event that came with it, and passes it on as it is, as the
specification asks of a service that does not take part. What joins the lines of one request is the request's id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .event import Event

#: version-trace-parent-flags in lower-case hex. Later versions may have more after a hyphen; `ff` is none.
_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)

#: The properties that have an event's `traceparent`, in lower case: the standard's name, and that of Azure's SDKs.
_PROPERTIES = ("traceparent", "diagnostic-id")


def trace_id(traceparent: object) -> str | None:
    """Return the trace's id, 32 hex digits; None for what is not a valid `traceparent`."""
    found = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return found["trace"] if found["trace"].strip("0") and found["parent"].strip("0") else None


def traceparent_of(event: Event) -> str | None:
    """Return the event's `traceparent`, if it has one that is valid."""
    if not event.properties:
        return None
    found = {name.lower(): value for name, value in event.properties.items()}
    return next((str(found[name]) for name in _PROPERTIES if trace_id(found.get(name))), None)


def common_headers(events: Iterable[Event]) -> Mapping[str, str]:
    """Return the header of a request that sends these events on: their `traceparent`, if all have the same one."""
    found = {traceparent_of(event) for event in events}
    (only,) = found if len(found) == 1 else (None,)
    return {} if only is None else {"traceparent": only}
