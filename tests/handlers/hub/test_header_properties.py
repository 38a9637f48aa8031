"""User properties in headers: under the name that was sent, on the way in and on to the upstream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from handlers.hub.header_properties import SENT_HEADERS, header_properties, typed
from pipeline.hub.relay import Relay
from pipeline.settings import Settings
from wz.live_server import LiveServer

from ... import stack
from ...deploy.wire import exchange
from ...upstream import ScriptedUpstream
from ..conftest import ServiceClient
from .test_send import read_all

#: Microsoft's own examples (common headers of the Event Hubs REST API; Service Bus's send), and what devices name.
SENT = {
    "WindAlert": "Strong Winds",
    "GeneralAlert": "Fog",
    "Priority": "High",
    "X-y": "hyphen",
    "device_id": "d1",
    "app.version": "1.2.0",
    "X.y": "dot",
    "SCRIPT_NAME": "/p",
    "X_Forwarded_For": "6.6.6.6",
    "wz.headers": "ours",
}


def post(headers: dict[str, str], *more: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = ["POST /events/messages HTTP/1.1", f"Host: {stack.HOST}", f"Authorization: {stack.token()}", *lines, *more]
    return ("\r\n".join([*head, "Content-Length: 5", "Connection: close"]) + "\r\n\r\nhello").encode()


@pytest.mark.parametrize("way", ["gunicorn", "nginx"])
def test_a_property_has_the_name_that_was_sent(
    way: str, request: pytest.FixtureRequest, redis: redis_py.Redis, relay: Relay, upstream: ScriptedUpstream
) -> None:
    server: LiveServer = request.getfixturevalue(way)
    answer = exchange(server.address, post(SENT | {"Content-Type": "text/plain"}))

    assert answer is not None
    assert answer.status == 201
    (event,) = read_all(ServiceClient(server))
    assert (event["properties"], event["content_type"]) == (SENT, "text/plain")

    while relay.step():
        pass
    (received,) = upstream.received
    (item,) = json.loads(received.body)
    assert item["UserProperties"].items() >= SENT.items()


def test_names_that_every_receiver_takes_go_on_as_headers(
    nginx: LiveServer, redis: redis_py.Redis, relay: Relay, upstream: ScriptedUpstream
) -> None:
    sent = {name: SENT[name] for name in ("WindAlert", "GeneralAlert", "Priority", "X-y")}
    exchange(nginx.address, post(sent | {"Content-Type": "text/plain"}))

    while relay.step():
        pass
    (received,) = upstream.received
    assert received.headers.items() >= (sent | {"Content-Type": "text/plain"}).items()
    assert received.body == b"hello"


@pytest.mark.core
def test_headers_become_properties(client: ServiceClient) -> None:
    headers = {
        "Alert": '"Strong Wind"',
        "N": "3",
        "X-Tag": "-0.5e1",
        "Deviceid": "9223372036854775808",
        "Fine": "True",
        "Place": "Zürich".encode().decode("latin-1"),
        "x-ms-retrypolicy": "NoRetry",
        "User-Agent": "pyazure",
        "Accept": "*/*",
        "X-Forwarded-For": "10.0.0.1",
        "BrokerProperties": "{}",
        "Expect": "100-continue",
    }
    client.post("/events/messages", data="x", headers=headers)

    (event,) = read_all(client)
    assert {name.title(): value for name, value in event["properties"].items()} == {  # in lower case over HTTP/2
        "Alert": "Strong Wind",
        "N": 3,
        "X-Tag": -5.0,
        "Deviceid": "9223372036854775808",
        "Fine": True,
        "Place": "Zürich",
    }


RESERVED = [
    *("Authorization", "BrokerProperties", "Content-Encoding", "Content-Language", "Content-MD5"),
    *("Host", "User-Agent", "From", "Date", "Expect", "Max-Forwards", "Referer", "Origin", "Cookie", "DNT"),
    *("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding"),
    *("Upgrade", "Upgrade-Insecure-Requests", "HTTP2-Settings", "Cache-Control", "Pragma", "Prefer"),
    *("Range", "If-Match", "If-None-Match", "If-Modified-Since", "Via", "Forwarded", "X-Forwarded-For"),
    *("X-Forwarded-Proto", "X-Real-IP", "X-Request-ID", "True-Client-IP", "X-MS-Retrypolicy", "Sec-Fetch-Mode"),
    *("Access-Control-Request-Method", "Accept", "Accept-Encoding", "Content-Type", "Content-Length"),
    *("X-Wz-Trace", "X-Authorize-Only"),
]


@pytest.mark.parametrize("name", RESERVED)
def test_a_header_with_a_meaning_of_its_own_is_no_property(name: str) -> None:
    key = "HTTP_" + name.upper().replace("-", "_")

    assert header_properties({key: "1", f"{key[:5]}OUR_{key[5:]}": "1"}) == {f"Our-{name}".title(): 1}
    assert header_properties({SENT_HEADERS: [(name, "1"), (name.lower(), "1"), (f"Our-{name}", "1")]}) == {
        f"Our-{name}": 1
    }


@pytest.mark.parametrize(
    ("headers", "properties"),
    [
        pytest.param([("A", "1"), ("b", "true")], {"A": 1, "b": True}, id="of one type each"),
        pytest.param([("a", "1"), ("B", "x"), ("A", "2")], {"a": "1, 2", "B": "x"}, id="names that differ in case"),
        pytest.param([("a", '"1"'), ("a", '"2"')], {"a": '"1", "2"'}, id="twice, in quotes"),
        pytest.param([("a-b", "1"), ("a_b", "2"), ("a.b", "3")], {"a-b": 1, "a_b": 2, "a.b": 3}, id="three names"),
        pytest.param([("priority", "u=1, i"), ("Priority", "High")], {"Priority": "High"}, id="a browser's priority"),
        pytest.param([("ort", "Z\xc3\xbcrich"), ("o", "Z\xfcrich")], {"ort": "Zürich", "o": "Zürich"}, id="not ASCII"),
        pytest.param([], {}, id="none, though environ has some"),
    ],
)
def test_what_properties_headers_make(headers: list[tuple[str, str]], properties: dict[str, Any]) -> None:
    environ = {SENT_HEADERS: headers, "HTTP_A": "of environ", "HTTP_OTHER": "not asked for"}

    assert header_properties(environ) == properties


@pytest.mark.parametrize(("server", "warnings"), [("another", 1), ("ours", 0)])
def test_a_server_that_loses_names_is_told_at_the_start(server: str, warnings: int, server_settings: Settings) -> None:
    """All that a server of WSGI does at its start is to import the app."""
    given = {"WSGI_HEADERS_AS_SENT": SENT_HEADERS} if server == "ours" else {}
    environ = {**os.environ, **stack.environ(server_settings), **given}
    command = [sys.executable, "-c", "import handlers.wsgi"]
    done = subprocess.run(command, cwd=stack.REPOSITORY, env=environ, capture_output=True, text=True, check=True)

    assert done.stderr.count("a user property in a header gets its name in title case") == warnings


def test_gunicorn_does_not_lose_them(tmp_path: Path, server_settings: Settings) -> None:
    log = tmp_path / "log"
    with stack.gunicorn(tmp_path, stack.emptied(server_settings), log=log, WEB_CONCURRENCY="1"):
        assert "title case" not in log.read_text()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-7", -7),
        ("9223372036854775807", 2**63 - 1),
        ("1.50", 1.5),
        ("-2.5e3", -2500.0),
        ("1e400", "1e400"),
        ("0.1", 0.1),
        ("0.10000000000000000001", "0.10000000000000000001"),
        ("9223372036854775808", "9223372036854775808"),
        ("007", "007"),
        ("00.5", "00.5"),
        ("-0", "-0"),
        ("+4912345", "+4912345"),
        (".5", ".5"),
        ("1_000", "1_000"),
        ('"42"', "42"),
        ("True", True),
    ],
)
def test_a_number_is_exact_or_text(text: str, value: object) -> None:
    found = typed(text)

    assert (found, type(found)) == (value, type(value))
