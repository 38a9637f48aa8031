"""Real clients against nginx and gunicorn: bytes on a socket, and a library from elsewhere."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
import redis as redis_py
import requests
from azure.common import AzureHttpError
from azure.servicebus import ServiceBusService

from pipeline.hub.log import Hub
from pipeline.hub.partition import partition_of
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.sas import signature
from wz.live_server import LiveServer

from .. import stack
from .conftest import ServiceClient

# The body in the notes lacks its last line there; with it, and with CRLF, it has the 153 bytes of their Content-Length.
ARDUINO = (
    b'{ "DeviceId" : "ArduinoYun",\r\n'
    b'  "SensorData" : [ { "SensorId" : "awk",\r\n'
    b'        "SensorType" : "temperature",\r\n'
    b'        "SensorValue" : 24.5\r\n'
    b"      } ]\r\n"
    b"}"
)


@pytest.fixture
def live(nginx: LiveServer, redis: redis_py.Redis) -> LiveServer:
    return nginx


def stored_events(server: LiveServer) -> list[dict[str, Any]]:
    client = ServiceClient(server)
    return [e for p in range(4) for e in client.get(f"/hubs/events/partitions/{p}/events").json["events"]]


def seed_request(target: str) -> bytes:
    """The request in the notes, byte for byte except host, hub and signature; `ContentType:` is misspelt there."""
    resource = f"http%3a%2f%2f{stack.HOST}%2f"
    expiry = int(time.time()) + 600
    escaped = quote(signature(resource, stack.ROOT.key, expiry), safe="")
    lower = re.sub("%..", lambda escape: escape[0].lower(), escaped)  # as .NET escapes
    head = (
        f"POST {target}?timeout=60&api-version=2014-01 HTTP/1.1\r\n"
        "User-Agent: Fiddler\r\n"
        f"Authorization: SharedAccessSignature sr={resource}&sig={lower}&se={expiry}&skn={stack.ROOT.key_name}\r\n"
        "ContentType: application/atom+xml;type=entry;charset=utf-8\r\n"
        f"Host: {stack.HOST}\r\n"
        "Content-Length: 153\r\n"
        "Expect: 100-continue\r\n"
        "\r\n"
    )
    return head.encode() + ARDUINO


def exchange(server: LiveServer, data: bytes) -> bytes:
    """Send bytes, and return everything that comes back up to the end of the final answer's header."""
    connection = server.connect()
    assert connection.sock is not None
    connection.sock.sendall(data)
    received = b""
    while not re.search(rb"HTTP/1.1 [2-5].*\r\n\r\n", received, re.DOTALL):
        chunk = connection.sock.recv(65536)
        assert chunk, received
        received += chunk
    connection.close()
    return received


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(f"https://{stack.HOST}/events/messages", id="absolute form, as in the notes"),
        pytest.param("/events/messages", id="origin form, as Fiddler sends it on"),
    ],
)
def test_the_request_of_the_notes_is_answered_201(live: LiveServer, target: str) -> None:
    before = time.time()
    received = exchange(live, seed_request(target))

    assert re.search(rb"^HTTP/1\.1 201 ", received, re.MULTILINE)
    (event,) = stored_events(live)
    assert event["body"].encode() == ARDUINO
    assert event["content_type"] is None
    assert before - 1 <= datetime.fromisoformat(event["enqueued_time"]).timestamp() <= time.time() + 1


def test_what_is_read_twice_is_the_same(live: LiveServer) -> None:
    exchange(live, seed_request("/events/messages"))

    assert stored_events(live) == stored_events(live)


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(live: LiveServer) -> None:
    head, _, body = seed_request("/events/messages").partition(b"\r\n\r\n")
    connection = live.connect()
    sock = connection.sock
    assert isinstance(sock, socket.socket)
    sock.sendall(head + b"\r\n\r\n")
    assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(body)
    assert sock.recv(65536).startswith(b"HTTP/1.1 201 ")
    connection.close()


@pytest.mark.parametrize("layer", ["gunicorn", "nginx"])
def test_a_chunked_body_without_a_length(layer: str, redis: redis_py.Redis, request: pytest.FixtureRequest) -> None:
    server: LiveServer = request.getfixturevalue(layer)
    head = (
        "POST /events/messages HTTP/1.1\r\n"
        f"Host: {stack.HOST}\r\nAuthorization: {stack.token()}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    received = exchange(server, head.encode() + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    assert b" 201 " in received
    assert [event["body"] for event in stored_events(server)] == ["hello world"]


@pytest.mark.parametrize("layer", ["gunicorn", "nginx"])
@pytest.mark.parametrize(
    ("size", "token", "status"),
    [
        pytest.param(1024 * 1024, stack.token, 201, id="of exactly the limit"),
        pytest.param(1024 * 1024 + 1, stack.token, 413, id="one byte more"),
        pytest.param(1024 * 1024, partial(stack.token, "other"), 401, id="refused before it is read"),
    ],
)
def test_a_large_chunked_body(
    layer: str, size: int, token: Callable[[], str], status: int, redis: redis_py.Redis, request: pytest.FixtureRequest
) -> None:
    server: LiveServer = request.getfixturevalue(layer)
    head = (
        "POST /events/messages HTTP/1.1\r\n"
        f"Host: {stack.HOST}\r\nAuthorization: {token()}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    received = exchange(server, head.encode() + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n")

    assert int(received.split(b" ")[1]) == status
    assert [len(event["body"]) for event in stored_events(server)] == ([size] if status == 201 else [])


@pytest.mark.parametrize("layer", ["gunicorn", "nginx"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"zz\r\nabc\r\n0\r\n\r\n", id="a length that is not a number"),
        pytest.param(b"5\r\nabcdefgh\r\n0\r\n\r\n", id="a length that is wrong"),
    ],
)
def test_a_broken_chunk(layer: str, body: bytes, redis: redis_py.Redis, request: pytest.FixtureRequest) -> None:
    server: LiveServer = request.getfixturevalue(layer)
    head = (
        "POST /events/messages HTTP/1.1\r\n"
        f"Host: {stack.HOST}\r\nAuthorization: {stack.token()}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    received = exchange(server, head.encode() + body)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert stored_events(server) == []


@pytest.fixture
def service_bus(live: LiveServer) -> Iterator[ServiceBusService]:
    """azure-servicebus 0.21.1, unchanged; only its transport is told to use plain HTTP."""
    port = live.address.rpartition(":")[2]
    with requests.Session() as session:
        service = ServiceBusService(
            "127.0.0.1",
            shared_access_key_name=stack.ROOT.key_name,
            shared_access_key_value=stack.ROOT.key,
            host_base=f":{port}",
            request_session=session,
        )
        service._httpclient.protocol = "http"
        yield service


def test_azure_servicebus_sends_events(service_bus: ServiceBusService, live: LiveServer) -> None:
    service_bus.send_event("Events", '{"n": 1}')
    service_bus.send_event("events", '{"n": 2}', broker_properties=json.dumps({"PartitionKey": "device-1"}))

    events = {event["body"]: event for event in stored_events(live)}
    assert events.keys() == {'{"n": 1}', '{"n": 2}'}
    assert events['{"n": 2}']["partition_key"] == "device-1"
    page = ServiceClient(live).get(f"/hubs/events/partitions/{partition_of('device-1', 4)}/events").json
    assert '{"n": 2}' in [event["body"] for event in page["events"]]


def test_azure_servicebus_sends_as_a_publisher(
    service_bus: ServiceBusService, live: LiveServer, redis: redis_py.Redis
) -> None:
    service_bus.send_event("Events", "1", device_id="dev-1")
    service_bus.send_event("events", "2", device_id="Dév 1")

    hub = Hub(redis, "events", 4)
    events = {stored.event.body: (p, stored.event) for p in range(4) for stored in hub.read(p)}
    for body, name in {b"1": "dev-1", b"2": "Dév 1"}.items():
        partition, event = events[body]
        assert (event.publisher, event.partition_key, partition) == (name, name, partition_of(name, 4))


def test_azure_servicebus_is_told_why(service_bus: ServiceBusService, redis: redis_py.Redis) -> None:
    RevokedPublishers(Hub(redis, "events", 4)).revoke("dev-1")

    for hub, options, status, text in (
        ("events", {"device_id": "dev-1"}, 401, "PublisherRevoked: "),
        ("events", {"broker_properties": "{'PartitionKey': 'x'}"}, 400, "'BrokerProperties' is invalid"),
        ("nohub", {}, 404, "does not exist"),
    ):
        with pytest.raises(AzureHttpError, match=text) as caught:
            service_bus.send_event(hub, "x", **options)
        assert caught.value.status_code == status


def test_azure_servicebus_is_told_of_a_wrong_key(service_bus: ServiceBusService, live: LiveServer) -> None:
    service_bus.authentication.key_value = "another key"

    with pytest.raises(AzureHttpError) as caught:
        service_bus.send_event("events", "x")

    assert caught.value.status_code == 401
    assert stored_events(live) == []
