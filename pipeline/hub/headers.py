"""HTTP headers that can't carry a user property: what a reader of requests skips, and what a sender does not make.

Names are in lower case. A sender must skip whatever a reader skips, or the property would be lost on the way.
"""

from __future__ import annotations

import re

#: Characters that a header's value can't have, nor a publisher's name.
CONTROL = re.compile("[\x00-\x1f\x7f]")

#: Headers that are not user properties, since HTTP (RFC 9110, 9111, 9112), Fetch, the proxies on the way, or the
#: dialect gives them a meaning. Which ones Azure leaves out is not documented. All others are properties, also
#: `traceparent` and `Diagnostic-Id`, with which a receiver continues the trace.
RESERVED = frozenset(
    {
        *("authorization", "brokerproperties", "cache-control", "connection", "cookie", "date", "dnt", "expect"),
        *("forwarded", "from", "host", "http2-settings", "keep-alive", "max-forwards", "origin", "pragma", "prefer"),
        *("priority", "range", "referer", "te", "trailer", "transfer-encoding", "true-client-ip", "upgrade"),
        *("idempotency-key", "upgrade-insecure-requests", "user-agent", "via", "x-real-ip", "x-request-id"),
    }
)

#: The same for all headers whose names begin so.
RESERVED_PREFIXES = ("accept", "access-control-", "content-", "if-", "proxy-", "sec-", "x-forwarded-", "x-ms-")

#: Headers that a reader takes as properties, but a sender does not make. `Server` and `Warning` have a meaning in HTTP,
#: though in answers, and a proxy may rewrite them; the others look so much like reserved ones that a filter on the way
#: may drop them.
_NOT_SENT = frozenset({"server", "warning", *(prefix.removesuffix("-") for prefix in RESERVED_PREFIXES)})
_NOT_SENT_PREFIXES = (*RESERVED_PREFIXES, "upgrade")


def may_be_sent(name: str) -> bool:
    """Say whether a header of this name, in any case, reaches every receiver as a property."""
    lower = name.lower()
    return lower not in RESERVED and lower not in _NOT_SENT and not lower.startswith(_NOT_SENT_PREFIXES)
