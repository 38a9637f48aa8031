"""Records of a body, as NDJSON and as an array: which are read, which refused, and how reading goes on."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from wz import Problem, Request
from wz.records import ARRAY, LINES, RECORD_BYTES, BrokenBody, records


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: Decimal = Decimal(0)


def read(
    body: bytes | io.BufferedIOBase, media_type: str = LINES[0], limit: int | None = None
) -> list[Thing | Problem]:
    return list(stream(body, media_type, limit))


def stream(body: Any, media_type: str, limit: int | None = None) -> Iterator[Thing | Problem]:
    environ: Any = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": media_type}
    if isinstance(body, bytes):
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    else:
        environ |= {"wsgi.input": body, "wsgi.input_terminated": True}  # a chunked one
    request = Request(environ)
    request.max_content_length = limit
    return records(request, Thing)


def names(found: list[Thing | Problem]) -> list[str]:
    """A record's name, or the status of the problem in its place."""
    return [one.name if isinstance(one, Thing) else str(one.code) for one in found]


@pytest.mark.parametrize("media_type", [*LINES, "application/x-ndjson; charset=utf-8"])
def test_a_record_a_line(media_type: str) -> None:
    assert read(b'{"name":"a"}\n{"name":"b","size":2}\n', media_type) == [Thing("a"), Thing("b", Decimal(2))]


def test_the_elements_of_an_array() -> None:
    assert read(b' [ {"name":"a"} ,\n{"name":"b","size":2}]\n', ARRAY) == [Thing("a"), Thing("b", Decimal(2))]


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        pytest.param(LINES[0], b"", id="an empty body"),
        pytest.param(LINES[0], b"\n \r\n\n", id="blank lines"),
        pytest.param(ARRAY, b" [ ] ", id="an empty array"),
    ],
)
def test_no_records(media_type: str, body: bytes) -> None:
    assert read(body, media_type) == []


@pytest.mark.parametrize("media_type", [LINES[0], ARRAY])
@pytest.mark.parametrize("number", ["0.1", "9007199254740993", "1e-20", "123456789.123456789123456789", "1" * 5000])
def test_numbers_keep_all_digits(media_type: str, number: str) -> None:
    record = f'{{"name":"a","size":{number}}}'
    body = f"[{record}]" if media_type == ARRAY else record

    assert read(body.encode(), media_type) == [Thing("a", Decimal(number))]


BAD = [
    pytest.param(b"{", "400", None, id="broken"),
    pytest.param(b'{"name":"x"} {"name":"y"}', "400", None, id="two in one line"),
    pytest.param(b'{"name":"\xff"}', "400", None, id="not UTF-8"),
    pytest.param(b'{"name":"\\ud800"}', "400", None, id="half a surrogate pair"),
    pytest.param(b'{"name":"x","size":NaN}', "400", None, id="NaN is not JSON"),
    pytest.param(b"[" * 60_000, "422", None, id="deep"),
    pytest.param(b"1", "422", None, id="no object"),
    pytest.param(b"{}", "422", "name", id="a missing field"),
    pytest.param(b'{"name":"x","sise":1}', "422", "sise", id="an unknown field"),
    pytest.param(b'{"name":"x","size":true}', "422", "size", id="a wrong type"),
    pytest.param(b'{"name":"' + b"x" * RECORD_BYTES + b'"}', "422", None, id="too long"),
]


@pytest.mark.parametrize(("line", "status", "field"), BAD)
def test_a_bad_line_is_refused_and_the_others_go_on(line: bytes, status: str, field: str | None) -> None:
    found = read(b'{"name":"a"}\n' + line + b'\n{"name":"b"}')

    assert names(found) == ["a", status, "b"]
    assert found[1].members.get("field") == field


@pytest.mark.parametrize(
    ("element", "status", "field"),
    [
        pytest.param(b'{"name":"\xff"}', "400", None, id="not UTF-8"),
        pytest.param(b'{"name":"\\ud800"}', "400", None, id="half a surrogate pair"),
        pytest.param(b'{"name":"x","size":NaN}', "400", None, id="NaN is not JSON"),
        pytest.param(b"1", "422", None, id="no object"),
        pytest.param(b"{}", "422", "name", id="a missing field"),
        pytest.param(b'{"name":"x","sise":1}', "422", "sise", id="an unknown field"),
    ],
)
def test_a_bad_element_is_refused_and_the_others_go_on(element: bytes, status: str, field: str | None) -> None:
    found = read(b'[{"name":"a"},' + element + b',{"name":"b"}]', ARRAY)

    assert names(found) == ["a", status, "b"]
    assert found[1].members.get("field") == field


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"", id="no end"),
        pytest.param(b",", id="no element after a comma"),
        pytest.param(b",]", id="a comma too many"),
        pytest.param(b',{"name":"b"', id="cut off"),
        pytest.param(b',{"name":,{"name":"b"}]', id="broken"),
        pytest.param(b' {"name":"b"}]', id="no comma"),
        pytest.param(b',{"name":"b"' + b" " * RECORD_BYTES + b"}]", id="too long"),
        pytest.param(b',{"name":"b' + b" " * 10 * RECORD_BYTES, id="a string without an end"),
        pytest.param(b"," + b"[" * 60_000, id="deep"),
        pytest.param(b"]]", id="a bracket too many"),
    ],
)
def test_nothing_is_read_after_the_place_where_an_array_is_broken(rest: bytes) -> None:
    found = read(b'[{"name":"a"}' + rest, ARRAY)

    assert names(found) == ["a", "400"]
    assert isinstance(found[1], BrokenBody)


@pytest.mark.parametrize("body", [b"", b" ", b'{"name":"a"}', b"1", b"\xef\xbb\xbf[]"])
def test_a_body_that_is_not_an_array(body: bytes) -> None:
    with pytest.raises(Problem, match="must be a JSON array") as caught:
        read(body, ARRAY)

    assert caught.value.code == 422


@pytest.mark.parametrize("media_type", ["text/plain", "application/json-seq", ""])
def test_another_media_type(media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read(b"[]", media_type)


@pytest.mark.parametrize("media_type", [LINES[0], ARRAY])
def test_a_body_beyond_the_limit_is_refused_before_any_record(media_type: str) -> None:
    body = b'[{"name":"a"}]'

    assert len(read(body, media_type, limit=len(body))) == 1
    with pytest.raises(RequestEntityTooLarge):
        read(body, media_type, limit=len(body) - 1)


@given(st.lists(st.text() | st.integers(), max_size=8), st.integers(0, 2))
def test_both_forms_read_what_json_reads(values: list[str | int], indent: int) -> None:
    things = [{"name": str(value), "size": len(str(value))} for value in values]
    expected = [Thing(str(value), Decimal(len(str(value)))) for value in values]

    assert read(json.dumps(things, indent=indent).encode(), ARRAY) == expected
    assert read("\n".join(json.dumps(thing, ensure_ascii=False) for thing in things).encode()) == expected


def test_an_array_is_the_same_wherever_the_file_is_read_on() -> None:
    rest = b'{"name":"\\"]}{\\u00e9","size":12.50}, {"name":"b"}]'

    for space in range(RECORD_BYTES - len(rest) - 1, RECORD_BYTES + 1):
        assert read(b"[" + b" " * space + rest, ARRAY) == [Thing('"]}{é', Decimal("12.5")), Thing("b")]


class Endless(io.RawIOBase):
    """A stream of so many bytes, the same line repeated, which is never in memory as a whole."""

    def __init__(self, start: bytes, line: bytes, lines: int) -> None:
        self.parts = chain([start + line], repeat(line * 1000, lines // 1000))
        self.left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.left = self.left or next(self.parts, b"")
        part = self.left[: len(buffer)]
        self.left = self.left[len(part) :]
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize(
    ("media_type", "start", "line"), [(LINES[0], b"", b'{"name":"a"}\n'), (ARRAY, b"[", b'{"name":"a"},')]
)
def test_memory_does_not_grow_with_the_body(
    monkeypatch: pytest.MonkeyPatch, media_type: str, start: bytes, line: bytes
) -> None:
    monkeypatch.setattr("wz.records.MEMORY_BYTES", 10_000)

    def peak(lines: int) -> int:
        tracemalloc.start()
        try:
            count = sum(1 for _ in stream(io.BufferedReader(Endless(start, line, lines)), media_type))
            assert count >= lines
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40_000) < peak(10_000) + 50_000
