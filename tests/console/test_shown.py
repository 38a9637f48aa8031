from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import pytest

from handlers.console.shown import BYTES, TEXT, UNPACKED, body, clock


def test_times_of_today_have_no_date() -> None:
    now = datetime.now(UTC)

    assert clock(int(now.timestamp() * 1000)) in (now.isoformat(" ", "milliseconds")[11:23],)
    assert clock(1_714_564_800_123) == "2024-05-01 12:00:00.123"
    assert clock(1_714_564_800_123, 0) == "2024-05-01 12:00:00"
    assert (clock(None), clock(10**18)) == ("\u2013", f"{10**18} ms")


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        pytest.param(b'{"b":1.50,"a":[12345678901234567890]}', "JSON", None, id="JSON, digits as they are"),
        pytest.param(b"hello", "text", "hello", id="text"),
        pytest.param(b"", "text", "", id="empty"),
        pytest.param("caf\u00e9".encode(), "text", "caf\u00e9", id="UTF-8"),
        pytest.param(b"a\x00b\x1bc", "text", "a\ufffdb\ufffdc", id="control characters"),
        pytest.param(b"\xff\xfe", "no text, as bytes", None, id="bytes"),
        pytest.param(gzip.compress(b"inside"), "compressed, text", "inside", id="gzip"),
        pytest.param(zlib.compress(b'{"a": 1}'), "compressed, JSON", '{\n  "a": 1\n}', id="zlib"),
        pytest.param(b"\x1f\x8bnot", "no text, as bytes", None, id="no gzip after all"),
        pytest.param(b"x\x9c is text", "no text, as bytes", None, id="nor zlib"),
        pytest.param(b"[" * 100_000, "text", "[" * TEXT, id="deep"),
    ],
)
def test_bodies(data: bytes, kind: str, text: str | None) -> None:
    shown = body(data)

    assert shown.kind == kind
    assert text is None or shown.text == text


def test_json_keeps_its_digits() -> None:
    assert '"b": 1.50' in body(b'{"b":1.50,"a":[12345678901234567890]}').text
    assert "12345678901234567890" in body(b'{"b":1.50,"a":[12345678901234567890]}').text


def test_long_bodies_are_cut() -> None:
    assert [body(b"x" * TEXT).is_cut, body(b"x" * (TEXT + 1)).is_cut] == [False, True]
    assert body(b"a" + "\u00e9".encode() * TEXT).kind == "text"  # a character lies over the cut
    assert len(body(b"\xff" * 10_000).text.splitlines()) == BYTES // 16
    assert body(gzip.compress(b"\0" * (UNPACKED * 1000))).is_cut
    assert body(b"a\n" * 1000, whole=False).text.count("\n") == 0
    assert body(b"\xff" * 100, whole=False).is_cut
