"""HTTP headers that can't carry a user property: what a reader of requests skips, and what a sender does not make.

A sender must skip whatever a reader skips, or the property would be lost on the way. docs/hub.md has these lists, too.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Characters that a header's value can't have, nor a publisher's name.
CONTROL = re.compile("[\x00-\x1f\x7f]")

#: Headers that are not user properties, in lower case, since HTTP (RFC 9110, 9111, 9112), Fetch, the proxies on the
#: way, or the dialect gives them a meaning. Which ones Azure leaves out is not documented. All others are properties,
#: also `traceparent` and `Diagnostic-Id`, with which a receiver continues the trace.
RESERVED = frozenset(
    {
        *("accept", "authorization", "brokerproperties", "cache-control", "connection", "cookie", "date", "dnt"),
        *("expect", "forwarded", "from", "host", "http2-settings", "idempotency-key", "keep-alive", "max-forwards"),
        *("origin", "pragma", "prefer", "range", "referer", "te", "trailer", "transfer-encoding", "true-client-ip"),
        *("upgrade", "upgrade-insecure-requests", "user-agent", "via", "x-authorize-only", "x-real-ip"),
        *("x-request-id", "x-wz-trace"),
    }
)

#: The same for all headers whose names begin so.
RESERVED_PREFIXES = ("accept-", "access-control-", "content-", "if-", "proxy-", "sec-", "x-forwarded-", "x-ms-")

#: What browsers send in the header Priority (RFC 9218): an urgency from 0 to 7, and whether the answer is of use in
#: parts. Any other value is a property: `Priority: High` is an example of Microsoft's.
_URGENCY = r"(?:u=[0-7]|i(?:=\?[01])?)"
_PRIORITY = re.compile(rf"{_URGENCY}(?:[ \t]*,[ \t]*{_URGENCY})*")

#: Headers that a reader takes as properties, but a sender does not make. `Server` and `Warning` have a meaning in HTTP,
#: though in answers, and a proxy may rewrite them; the others look so much like reserved ones that a filter on the way
#: may drop them.
_NOT_SENT = frozenset({"server", "warning", *(prefix.removesuffix("-") for prefix in RESERVED_PREFIXES)})
_NOT_SENT_PREFIXES = (*RESERVED_PREFIXES, "upgrade")

#: Names that pass every proxy. Other tokens, such as `device_id` and `app.version`, reach a receiver that is set up as
#: deploy/nginx.conf is; elsewhere a header with such a name is dropped without a word.
_PASSES = re.compile(r"[A-Za-z0-9-]{1,128}")


def is_property(name: str, value: str) -> bool:
    """Say whether a reader takes a header, whose name is in any case, as a user property."""
    if len(name) == len("priority") and name.lower() == "priority":
        return not _PRIORITY.fullmatch(value)
    return not _is_reserved(name)


@lru_cache(maxsize=1024)  # clients send the same headers again and again
def _is_reserved(name: str) -> bool:
    lower = name.lower()
    return lower in RESERVED or lower.startswith(RESERVED_PREFIXES)


def may_be_sent(name: str, value: str) -> bool:
    """Say whether a header of this name, in any case, reaches every receiver as a property."""
    lower = name.lower()
    return (
        bool(_PASSES.fullmatch(name))
        and is_property(name, value)
        and lower not in _NOT_SENT
        and not lower.startswith(_NOT_SENT_PREFIXES)
    )
