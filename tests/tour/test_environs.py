"""The environs that step 2 shows are those of servers that run: they are captured anew, and are what is committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from h2.events import DataReceived
from werkzeug.http import parse_cookie

from docs.tour.environs import capture

from .. import stack
from ..http2 import HTTP2Server

Found = dict[str, dict[str, capture.Environ]]


@pytest.fixture(scope="module")
def found() -> Found:
    return capture.capture()


@pytest.mark.parametrize("name", capture.REQUESTS)
def test_each_server_gives_what_is_committed(found: Found, name: str) -> None:
    assert found[name] == json.loads((capture.HERE / f"{name}.json").read_text())


def test_the_table_shows_them(found: Found) -> None:
    assert (capture.HERE / "table.md").read_text() == capture.page(found)


def test_nginx_sends_the_bytes_that_are_committed() -> None:
    assert (capture.HERE / "wire.txt").read_text() == capture.wire()


def test_nothing_of_this_machine_is_in_the_files() -> None:
    for path in filter(Path.is_file, capture.HERE.iterdir()):
        text = path.read_text()
        assert str(stack.ROOT.key) not in text
        assert str(stack.REPOSITORY) not in text


def test_two_lines_of_cookies_are_one_cookie_over_http_1(found: Found) -> None:
    """RFC 6265 allows a client one line only; gunicorn and wsgiref join two by a comma, as any other header's."""
    for environ in found["put"].values():
        assert parse_cookie(environ["HTTP_COOKIE"]).to_dict() == {"a": "1,b=2"}


@pytest.fixture
def over_http_2(tmp_path: Path) -> Iterator[HTTP2Server]:
    recorded, edge = tmp_path / "recorded", tmp_path / "edge"
    recorded.mkdir()
    edge.mkdir()
    with capture.nginx(recorded), stack.tls(edge, recorded / "gunicorn.sock") as server:
        yield server


def test_two_lines_of_cookies_stay_two_cookies_over_http_2(over_http_2: HTTP2Server) -> None:
    """HTTP/2 allows a client to split them (RFC 9113, 8.2.3), and nginx joins them as they were."""
    pseudo = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"hub.test"), (b":path", b"/")]
    events = over_http_2.exchange([*pseudo, (b"cookie", b"a=1"), (b"cookie", b"b=2")], b"")
    body = b"".join(event.data for event in events if isinstance(event, DataReceived))

    assert parse_cookie(json.loads(body)["HTTP_COOKIE"]).to_dict() == {"a": "1", "b": "2"}
