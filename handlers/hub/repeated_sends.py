"""Sends that may be repetitions: what recognizes them, and what their answers say. See pipeline/hub/repetition.py."""

from __future__ import annotations

import logging
from hashlib import sha256

from pipeline.hub import Hub
from pipeline.hub.repetition import Appended, RequestKey
from pipeline.hub.rules import Right, Rule
from wz import Request
from wz.idempotency import REPLAYED, key_of, name_of

from .. import metrics

logger = logging.getLogger(__name__)

#: Of an answer: how many of the request's events were left out, since the hub has them.
REPEATED = "wz-events-repeated"

#: Headers, by their keys in an environ, that decide what a body is: one event or a batch, how it is encoded, its key.
_COUNTED = ("CONTENT_TYPE", "HTTP_CONTENT_ENCODING", "HTTP_BROKERPROPERTIES")

#: Hexadecimal digits of a digest that are kept: 128 bits.
_DIGITS = 32


def relay_of(rule: Rule) -> str | None:
    """Return what a relay's ids are bound to; None if the rule does not say that a relay sends."""
    return rule.id if Right.RELAY in rule.rights else None


def key_of_request(request: Request, rule: Rule) -> RequestKey | None:
    """Return what a request with an Idempotency-Key is recognized by; None without one. Raises a 422 for what is none.

    A key is one of a rule, so that nobody can use up another's, and of a path, as all others. Two requests are the same
    if they have the same body, query, and headers of `_COUNTED`. Others don't count: a trace's are new each time.
    """
    if "HTTP_IDEMPOTENCY_KEY" not in request.environ or (key := key_of(request)) is None:
        return None
    asked = sha256(request.query_string)
    for name in _COUNTED:
        asked.update(b"\n%s" % request.environ.get(name, "").encode("latin-1"))
    asked.update(b"\n")
    asked.update(request.get_data())
    its_name = sha256(f"{rule.id} {name_of(request, key)}".encode())
    return RequestKey(its_name.hexdigest()[:_DIGITS], asked.hexdigest()[:_DIGITS])


def note_left_out(hub: Hub, rule: Rule, appended: Appended) -> dict[str, str]:
    """Count and log what was left out; returns the headers that say so."""
    metrics.count_repetitions(hub, appended)
    if appended.replayed:
        return {REPLAYED: "true"}
    if appended.repeated:
        logger.info("hub %s: %d events from the rule %s left out: repetitions", hub.name, appended.repeated, rule.id)
        return {REPEATED: str(appended.repeated)}
    return {}
