"""Dates as HTTP writes them (RFC 9110, 5.6.7), from clients that may write anything.

Werkzeug's `parse_date` returns None for what is no date, but raises OverflowError for a year, an hour or a zone of more
digits than a date can have. A recipient must ignore such a header (RFC 9110, 13.1.3).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from werkzeug import http

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The headers that Werkzeug reads dates from when it makes a response conditional.
_CONDITIONS = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE")

#: Neither a date nor the tag of anything, so that If-Range is false and the others are ignored.
_NO_DATE = "-"


def parse_date(text: str | None) -> datetime | None:
    """Return a date in UTC, None for what is none."""
    try:
        return http.parse_date(text)
    except OverflowError:
        return None


def with_readable_dates(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return the environ, or a copy in which no condition has a date that Werkzeug fails on."""
    failing = {}
    for key in _CONDITIONS:
        try:
            http.parse_date(environ.get(key))
        except OverflowError:
            failing[key] = _NO_DATE
    return {**environ, **failing} if failing else environ
