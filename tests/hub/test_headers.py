"""Which headers are user properties, for a reader of requests and for a sender."""

from __future__ import annotations

import pytest

from handlers.hub.event_parser import header_properties
from pipeline.hub.headers import RESERVED, RESERVED_PREFIXES, may_be_sent

LIKE_RESERVED = [prefix.removesuffix("-") + rest for prefix in RESERVED_PREFIXES for rest in ("", "-x", "x", "ance")]


def is_property(name: str) -> bool:
    return bool(header_properties({"HTTP_" + name.upper().replace("-", "_"): "1"}))


@pytest.mark.parametrize("name", sorted({*RESERVED, *LIKE_RESERVED, "Content-Type", "X-MS-Retry", "acceptance"}))
def test_a_sender_makes_no_header_that_a_reader_skips(name: str) -> None:
    assert is_property(name) or not may_be_sent(name)


@pytest.mark.parametrize(
    ("name", "read", "sent"),
    [
        ("Alert", True, True),
        ("traceparent", True, True),
        ("Diagnostic-Id", True, True),
        ("x-forwarder", True, True),
        ("contents", True, True),
        ("Authorization", False, False),
        ("X-Forwarded-For", False, False),
        ("Accept", False, False),
        ("acceptance", False, False),
        ("Upgrade", False, False),
        ("Server", True, False),
        ("Warning", True, False),
        ("x-ms", True, False),
        ("content", True, False),
        ("proxy", True, False),
        ("If", True, False),
        ("sec", True, False),
        ("access-control", True, False),
        ("upgradeable", True, False),
    ],
)
def test_where_reader_and_sender_differ_and_where_not(name: str, read: bool, sent: bool) -> None:
    assert (is_property(name), may_be_sent(name)) == (read, sent)
