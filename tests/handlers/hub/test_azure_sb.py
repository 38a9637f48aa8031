"""azure-sb 0.11.2, the Node client, unchanged: its recorded requests, and, if installed, itself against nginx.

It is installed in tests/clients by `make clients`. What it sends is in tests/clients/azure_sb.json,
written by `node azure_sb.js > azure_sb.json` there; to keep each byte, bodies and headers are shown as latin-1.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from deploy import servers
from deploy.nginx import render_nginx
from pipeline.hub.log import Hub
from pipeline.hub.partition import partition_of
from wz.live_server import LiveServer

from ... import stack
from ..conftest import ServiceClient

CLIENTS = stack.REPOSITORY / "tests" / "clients"
NODE = shutil.which("node")
RECORDED: dict[str, Any] = json.loads((CLIENTS / "azure_sb.json").read_text(encoding="utf-8"))

installed = pytest.mark.skipif(
    NODE is None or not (CLIENTS / "node_modules" / "azure-sb").is_dir(),
    reason="azure-sb is not installed: make clients",
)

NOTHING: dict[str, Any] = {"partition_key": None, "publisher": None, "content_type": None, "properties": {}}
OF_TEXT = {**NOTHING, "content_type": "text/plain", "body": "x"}  # it sends an empty type if there are no properties
OF_BYTES = {**NOTHING, "content_type": "application/json", "body": "x"}

#: What the hub holds after each call that sends.
SENDS: dict[str, list[dict[str, Any]]] = {
    "text": [{**NOTHING, "body": "Strömung"}],
    "empty": [{**NOTHING, "body": ""}],
    "bytes": [{**NOTHING, "body_base64": "/wA="}],
    "content type": [{**NOTHING, "content_type": "application/json", "body": '{"n": 1}'}],
    "partition key": [{**OF_TEXT, "partition_key": "device-1"}],
    "accented partition key": [{**OF_TEXT, "partition_key": "Gerät"}],
    "accented partition key of bytes": [{**OF_BYTES, "partition_key": "Gerät"}],
    "broker properties": [{**OF_TEXT, "message_id": "m"}],
    "custom properties": [
        {
            **OF_TEXT,
            "properties": {
                "Alert": "Strong Wind",
                "digits": "42",
                "count": 42,
                "level": 1.5,
                "on": True,
                "place": "Höhe",
            },
        }
    ],
    "accented property of bytes": [{**OF_BYTES, "properties": {"place": "Höhe"}}],
    "date": [{**OF_TEXT, "properties": {"at": "Thu, 01 Jan 1970 00:00:00 GMT+0000"}}],
    "topic": [{**OF_TEXT, "partition_key": "device-1"}],
    "partition": [{**NOTHING, "body": "x"}],
    "publisher": [{**NOTHING, "partition_key": "dev-1", "publisher": "dev-1", "body": "x"}],
    "batch": [
        {**NOTHING, "partition_key": "device-1", "properties": {"Alert": "Wind"}, "body": "a"},
        {**NOTHING, "partition_key": "device-1", "body": "b"},
    ],
}

#: The partition, for calls that name one.
PARTITIONS = {
    "partition key": partition_of("device-1", 4),
    "topic": partition_of("device-1", 4),
    "partition": 2,
    "publisher": partition_of("dev-1", 4),
    "batch": partition_of("device-1", 4),
}

#: The status and the text of each call that is refused.
REFUSALS = {
    "no such hub": (404, f"The messaging entity 'sb://{stack.HOST}/nohub' does not exist"),
    "no such hub to get": (404, f"The messaging entity 'sb://{stack.HOST}/nohub' does not exist"),
    "key on a partition": (400, "an event sent to a partition can't have a PartitionKey"),
    "receive": (400, "The requested HTTP operation is not supported in an EventHub."),
    "create queue": (400, "The body must be an ATOM entry with the element"),
    "create existing queue": (409, "there is a hub 'events' already. TrackingId:"),  # createQueueIfNotExists goes on
    "list queues": (400, "The requested HTTP operation is not supported in an EventHub."),
}


@pytest.fixture
def live(nginx: LiveServer, redis: redis_py.Redis) -> LiveServer:
    return nginx


def stored(server: LiveServer) -> dict[int, list[dict[str, Any]]]:
    """Return what each partition holds that is not empty."""
    client = ServiceClient(server)
    pages = {p: client.get(f"/hubs/events/partitions/{p}/events").json["events"] for p in range(4)}
    own = ("sequence_number", "offset", "enqueued_time")
    return {
        p: [{name: event[name] for name in event if name not in own} for event in events]
        for p, events in pages.items()
        if events
    }


def assert_stored(server: LiveServer, name: str) -> None:
    ((partition, events),) = stored(server).items()
    assert events == SENDS[name]
    assert PARTITIONS.get(name, partition) == partition


# -- what it sends, byte for byte --------------------------------------------------------------------------------------


def replay(server: LiveServer, name: str) -> tuple[int, str]:
    """Send the client's recorded request, which is signed until the year 2100; return the answer's status and body."""
    request = RECORDED[name]
    connection = server.connect()
    assert isinstance(connection.sock, socket.socket)
    connection.sock.sendall("\r\n".join([*request["head"], "", request["body"]]).encode("latin-1"))
    with HTTPResponse(connection.sock, method=request["head"][0].partition(" ")[0]) as response:
        response.begin()
        answer = response.status, response.read().decode()
    connection.close()
    return answer


@pytest.mark.parametrize("name", SENDS)
def test_what_azure_sb_sends_is_stored(name: str, live: LiveServer) -> None:
    assert replay(live, name) == (201, "")
    assert_stored(live, name)


@pytest.mark.parametrize("name", REFUSALS)
def test_what_azure_sb_sends_is_refused_with_the_reason(name: str, live: LiveServer) -> None:
    status, text = REFUSALS[name]
    answered, body = replay(live, name)

    assert answered == status
    assert f"<Error><Code>{status}</Code><Detail>{text}" in body
    assert stored(live) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hub", "<PartitionCount>4</PartitionCount>"),
        ("consumer group", '<title type="text">$Default</title>'),
        ("runtime", "<EndSequenceNumber>-1</EndSequenceNumber>"),
    ],
)
def test_what_azure_sb_asks_for_is_shown(name: str, text: str, live: LiveServer) -> None:
    status, body = replay(live, name)

    assert status == 200
    assert text in body


def test_a_hub_that_azure_sb_deletes_is_gone(live: LiveServer, redis: redis_py.Redis) -> None:
    assert replay(live, "delete") == (200, "")
    assert replay(live, "hub")[0] == 404


def test_every_request_of_azure_sb_is_replayed() -> None:
    assert RECORDED.keys() == {*SENDS, *REFUSALS, "hub", "consumer group", "runtime", "delete"}


# -- the client itself -------------------------------------------------------------------------------------------------


def node(*arguments: str, **environ: str) -> Any:
    command = [NODE or "node", "azure_sb.js", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ended = subprocess.run(
        command, cwd=CLIENTS, env={**env, **environ}, capture_output=True, encoding="utf-8", timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def azure_sb(server: LiveServer, *names: str, key: str = stack.ROOT.key, **environ: str) -> Mapping[str, Any]:
    """Make calls with a connection string as the only option; return the arguments of their callbacks."""
    answers: Mapping[str, Any] = node(
        f"Endpoint={server.address}/;SharedAccessKeyName={stack.ROOT.key_name};SharedAccessKey={key}",
        *names,
        **environ,
    )
    return answers


def as_text(event: Mapping[str, Any]) -> str:
    return json.dumps(event, sort_keys=True)


@installed
def test_azure_sb_sends_what_was_recorded() -> None:
    assert node() == RECORDED


@installed
def test_azure_sb_sends_events(live: LiveServer) -> None:
    names = list(SENDS)
    answers = azure_sb(live, *names)

    assert {name: answer["error"] for name, answer in answers.items()} == dict.fromkeys(names)
    sent = [event for name in names for event in SENDS[name]]
    found = [event for events in stored(live).values() for event in events]
    assert sorted(found, key=as_text) == sorted(sent, key=as_text)


@installed
def test_azure_sb_reads_hubs_groups_and_partitions(live: LiveServer) -> None:
    answers = azure_sb(live, "partition key", "hub", "consumer group", "runtime", "delete")

    assert {answer["error"] for answer in answers.values()} == {None}
    hub, group, runtime = (answers[name]["results"][0] for name in ("hub", "consumer group", "runtime"))
    assert (hub["QueueName"], hub["Status"], hub["PartitionCount"]) == ("events", "Active", "4")
    assert hub["_"]["ContentRootElement"] == "EventHubDescription"
    assert (group["QueueName"], group["_"]["title"]) == ("events", "$Default")
    assert (runtime["TopicName"], runtime["_"]["title"]) == ("events", "0")
    assert ServiceClient(live).get("/events").status_code == 404


@installed
def test_azure_sb_is_told_why(live: LiveServer) -> None:
    answers = dict(azure_sb(live, *REFUSALS))

    assert answers.pop("create existing queue")["error"] is None  # it takes a 409 for success
    for name, answer in answers.items():
        status, text = REFUSALS[name]
        error = answer["error"]
        assert (error["statusCode"], error["code"]) == (status, str(status)), name
        assert error["detail"].startswith(text), name


@installed
def test_azure_sb_is_told_of_a_wrong_key(live: LiveServer) -> None:
    error = azure_sb(live, "text", key="another")["text"]["error"]

    assert error["statusCode"] == 401
    assert error["detail"].startswith("InvalidSignature: ")
    assert stored(live) == {}


@pytest.fixture
def tls(tmp_path: Path, run: Path, gunicorn: LiveServer, redis: redis_py.Redis) -> Iterator[tuple[int, Path]]:
    """nginx with TLS, as described in nginx.conf: its port, and its certificate for 127.0.0.1."""
    certificate, key, port = tmp_path / "certificate.pem", tmp_path / "key.pem", stack.free_port()
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1"
        f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    conf = tmp_path / "nginx.conf"
    listen = f"127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}"
    conf.write_text(render_nginx(run, listen).replace(f"pid {run}/nginx.pid", f"pid {tmp_path}/nginx.pid"))
    trust = ssl.create_default_context(cafile=str(certificate))

    def ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port)) as plain:
                trust.wrap_socket(plain, server_hostname="127.0.0.1").close()
                return True
        except OSError:
            return False

    with stack.process([servers.nginx(), "-e", "stderr", "-c", conf], ready=ready):
        yield port, certificate


@installed
@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate")
def test_azure_sb_sends_over_tls_by_a_connection_string_as_azure_s_are(
    tls: tuple[int, Path], redis: redis_py.Redis
) -> None:
    port, certificate = tls
    answer = azure_sb(LiveServer(f"sb://127.0.0.1:{port}"), "partition key", NODE_EXTRA_CA_CERTS=str(certificate))

    assert answer["partition key"]["error"] is None
    hub = Hub(redis, "events", 4)
    assert [event.event.partition_key for p in range(4) for event in hub.read(p)] == ["device-1"]
