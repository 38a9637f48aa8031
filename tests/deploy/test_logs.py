"""The logs of all processes: one form, one id of a request in all of them, and no key, password or token in any."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from deploy import servers
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from wz.live_server import LiveServer
from wz.testing import Client

from .. import stack
from ..upstream import Answer, Received, ScriptedUpstream, scripted_upstream

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
PASSWORD = "of-this-redis-7d1c"


@dataclass
class Service:
    """gunicorn, nginx before it, and a worker whose upstream refuses everything and shows the token that it got."""

    gunicorn: LiveServer
    nginx: LiveServer
    settings: Settings
    folder: Path

    def lines(self, process: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / f"{process}.log").read_text().splitlines()]

    def logged(self, process: str, count: int = 1, **facts: object) -> list[dict[str, Any]]:
        """Wait for so many lines of a process that have these members, and return them."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [line for line in self.lines(process) if facts.items() <= line.items()]
            return len(found) >= count

        stack.until(is_there)
        return found


def refuse(received: Received) -> Answer:
    return Answer(400, f"no: {received.headers['Authorization']}".encode())


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as server:
        server.answer = refuse
        yield server


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("logs")
    socket = folder / "redis.sock"
    redis = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--requirepass", PASSWORD]
    settings = Settings(
        environment="test",
        redis_url=f"unix://{socket}?password={PASSWORD}",
        connection_string=stack.ROOT,
        upstream=upstream.target,
        hosts=frozenset({stack.HOST}),
    )
    more = {"WZ_UPSTREAM": str(upstream.target), "WZ_LOG_FORMAT": "json", "WZ_ACCESS_LOG": "-"}
    worker = [sys.executable, "-m", "wz", "worker"]
    with ExitStack() as running:
        running.enter_context(stack.process(redis, ready=socket.exists, log=folder / "redis.log"))
        gunicorn = running.enter_context(
            stack.gunicorn(folder, settings, stack.GUNICORN_CONF, folder / "gunicorn.log", **more)
        )
        nginx = running.enter_context(stack.nginx(folder, log=folder / "nginx.log"))
        found = Service(gunicorn, nginx, settings, folder)
        env = {**stack.environ(settings), **more}
        log = folder / "worker.log"
        running.enter_context(
            stack.process(worker, lambda: "relay events" in log.read_text(), env, stack.REPOSITORY, log=log)
        )
        yield found


def fail(service: Service) -> TestResponse:
    """Ask for what ends in an error that nobody foresaw: the features' key holds something else."""
    redis_client(service.settings).set("{board:broken}:features", "no hash")
    headers = {"Authorization": stack.token(), "traceparent": PARENT}
    return Client(service.nginx).put("/boards/broken/members/m/features", json={"a": 1}, headers=headers)


def refused_by_gunicorn(service: Service, header: str) -> None:
    with closing(service.gunicorn.connect()) as connection:
        assert connection.sock is not None
        connection.sock.sendall(f"GET /boards HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n".encode())
        assert connection.sock.recv(4096).startswith(b"HTTP/1.1 400")


def test_one_id_in_the_answer_and_in_each_log(service: Service) -> None:
    answer = fail(service)

    assert answer.status_code == 500
    request_id = answer.headers["X-Request-ID"]
    assert answer.json["request_id"] == request_id
    facts = {"method": "PUT", "route": "/boards/<board>/members/<member>/features", "trace_id": TRACE}
    error, access = service.logged("gunicorn", 2, request_id=request_id, **facts)
    assert (error["logger"], error["level"]) == ("handlers", "ERROR")
    assert error["message"] == "PUT /boards/broken/members/m/features failed"
    assert "WRONGTYPE" in error["exception"]
    assert (access["logger"], access["status"], access["path"]) == (
        "gunicorn.access",
        500,
        "/boards/broken/members/m/features",
    )
    assert 0 < access["seconds"] < stack.PATIENCE
    stack.until(lambda: request_id in (service.folder / "nginx.log").read_text())


def test_the_id_of_an_error_of_the_hub_is_its_tracking_id(service: Service) -> None:
    answer = Client(service.nginx).post("/events/messages", data="1", headers={"Authorization": stack.token("other")})

    request_id = answer.headers["X-Request-ID"]
    assert f"TrackingId:{request_id}," in answer.text
    (access,) = service.logged("gunicorn", request_id=request_id)
    assert (access["route"], access["status"]) == ("/<hub>/messages", 401)


def test_the_worker_logs_in_the_same_form_and_names_the_trace(service: Service) -> None:
    headers = {"Authorization": stack.token(), "traceparent": PARENT}
    assert Client(service.nginx).post("/events/messages", data="x", headers=headers).status_code == 201

    refused = service.logged("worker", trace_id=TRACE)[0]

    assert (refused["level"], refused["logger"]) == ("ERROR", "pipeline.hub.relay")
    assert "events of partition" in refused["message"]


def test_a_line_of_each_logger_of_a_process_has_the_form(service: Service) -> None:
    refused_by_gunicorn(service, "X-Request-ID: of-the-refused\r\nno header")
    service.logged("gunicorn", logger="gunicorn.error", request_id="of-the-refused", status=400, path="/boards")

    for process in ("gunicorn", "worker"):
        for line in service.lines(process):
            assert {"time", "level", "logger", "message", "process"} <= line.keys()


def test_the_page_has_every_member(service: Service) -> None:
    fail(service)
    page = (stack.REPOSITORY / "docs" / "logs.md").read_text().partition("\n## nginx's access log\n")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))

    def members() -> set[str]:
        return {member for process in ("gunicorn", "worker") for line in service.lines(process) for member in line}

    stack.until(lambda: members() >= listed)

    assert members() == listed


def test_no_secret_is_in_any_log(service: Service, upstream: ScriptedUpstream) -> None:
    tokens = [stack.token(), stack.token("other"), stack.token(lifetime=-600)]
    for token in tokens:
        for path in ("/boards", "/events/messages", "/no/such/path"):
            for method in ("GET", "POST"):
                Client(service.nginx).open(path, method=method, data="x", headers={"Authorization": token})
                signature = token.partition(" ")[2]
                Client(service.gunicorn).open(f"{path}?{signature}&password={PASSWORD}", method=method)
    broken = stack.token()
    for header in (f"Authorization {broken}", f"Authorization: {broken}\x01", f"Authorization\t: {broken}"):
        refused_by_gunicorn(service, header)
    fail(service)
    stack.until(lambda: len(upstream.received) > 0)
    service.logged("worker", logger="pipeline.hub.relay")

    sent = [*tokens, broken, upstream.received[-1].headers["Authorization"]]
    signatures = [part for token in sent for part in token.replace("?", "&").split("&") if part.startswith("sig=")]
    assert len(signatures) == len(sent)
    secrets = [PASSWORD, stack.ROOT.key, upstream.target.key, *(part.removeprefix("sig=") for part in signatures)]
    logs = sorted(service.folder.glob("*.log"))
    assert [log.stem for log in logs] == ["gunicorn", "nginx-errors", "nginx", "redis", "worker"]
    for log in logs:
        assert [secret for secret in secrets if secret in log.read_text()] == [], log
