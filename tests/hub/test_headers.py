"""Which headers are user properties, for a reader of requests and for a sender."""

from __future__ import annotations

import pytest

from pipeline.hub.headers import RESERVED, RESERVED_PREFIXES, is_property, may_be_sent

LIKE_RESERVED = [prefix.removesuffix("-") + rest for prefix in RESERVED_PREFIXES for rest in ("", "-x", "x", "ance")]


@pytest.mark.parametrize("name", sorted({*RESERVED, *LIKE_RESERVED, "Content-Type", "X-MS-Retry", "acceptance"}))
def test_a_sender_makes_no_header_that_a_reader_skips(name: str) -> None:
    assert is_property(name, "1") or not may_be_sent(name, "1")


@pytest.mark.parametrize(
    ("name", "read", "sent"),
    [
        ("Alert", True, True),
        ("WindAlert", True, True),
        ("traceparent", True, True),
        ("Diagnostic-Id", True, True),
        ("x-forwarder", True, True),
        ("contents", True, True),
        ("acceptance", True, True),
        ("device_id", True, False),
        ("app.version", True, False),
        ("X_Forwarded_For", True, False),
        ("Authorization", False, False),
        ("X-Forwarded-For", False, False),
        ("Accept", False, False),
        ("Accept-Language", False, False),
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
        ("n" * 129, True, False),
    ],
)
def test_where_reader_and_sender_differ_and_where_not(name: str, read: bool, sent: bool) -> None:
    assert (is_property(name, "1"), may_be_sent(name, "1")) == (read, sent)


@pytest.mark.parametrize("value", ["u=1, i", "u=0", "i", "i=?0", "u=5,i=?1", "i, u=3"])
def test_the_priority_that_a_browser_sends_is_no_property(value: str) -> None:
    assert not is_property("priority", value)
    assert not may_be_sent("Priority", value)


@pytest.mark.parametrize("value", ["High", "high", "1", "", "u", "u=8", "u=1, i, x", "u=1,", '"u=1"', "i am urgent"])
def test_another_priority_is_one(value: str) -> None:
    assert is_property("PRIORITY", value)
    assert may_be_sent("Priority", value)
