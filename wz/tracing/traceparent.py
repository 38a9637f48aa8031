"""The header traceparent: the W3C's Trace Context, by which the spans of several services make one trace.

00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
version, the trace's id, the span that called, flags (1: it is recorded)

Source: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}")


class Parent(NamedTuple):
    """Who called: `trace_id` has 32 hex digits, `span_id` 16."""

    trace_id: str
    span_id: str
    is_sampled: bool


def parse(header: str) -> Parent | None:
    """Read a traceparent; None if it is not valid, and then it is to be ignored.

    A version above 00 may have more fields behind those that are known, 00 may not; ff is none, and ids of zeros alone
    are none.
    """
    found = _FORMAT.fullmatch(header.strip(" \t")) if header else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Parent(trace_id, span_id, bool(int(flags, 16) & 1))


def trace_id(parent: str, request_id: str) -> str:
    """Return the id under which a request is traced: its parent's, or one that is made of the request's id."""
    known = parse(parent)
    if known is not None:
        return known.trace_id
    if _ID.fullmatch(request_id) and request_id.strip("0"):
        return request_id
    return _digits(request_id, 32)


def span_id(request_id: str, number: int) -> str:
    """Return the id of a request's span: number 0 is the call of the application, which an answer's header names."""
    return _digits(f"{request_id}/{number}", 16)


def answer(parent: str, request_id: str) -> str:
    """Return the traceparent of a traced request's answer."""
    return f"00-{trace_id(parent, request_id)}-{span_id(request_id, 0)}-01"


def _digits(text: str, count: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:count]
