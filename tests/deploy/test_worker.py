"""What gunicorn refuses itself has the service's form, and the id that nginx gave the request."""

from __future__ import annotations

import inspect
import json
import runpy
import select
from pathlib import Path

import pytest
from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from deploy.refusals import STATUSES
from pipeline.settings import Settings
from wz.live_server import LiveServer
from wz.testing import Client

from .. import stack
from .wire import exchange

MANY = b"".join(b"X-%d: x\r\n" % n for n in range(101))

REFUSED = {
    "more than 100 headers": (431, b"GET %s HTTP/1.1\r\nHost: x\r\n" + MANY + b"\r\n"),
    "a control character": (400, b"GET %s HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n"),
    "a name that is not ASCII": (400, "GET %s HTTP/1.1\r\nHost: x\r\nKüche: 1\r\n\r\n".encode()),
    "a path that is not ASCII": (400, "GET %s/Küche HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
    "a method that is too long": (400, b"G" * 30 + b" %s HTTP/1.1\r\nHost: x\r\n\r\n"),
}


@pytest.mark.parametrize("path", [b"/boards/actions", b"/events/messages"])
@pytest.mark.parametrize(("status", "request_bytes"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("layer", ["behind", "edge"])
def test_a_refusal_has_the_form_of_the_service(
    layer: str, status: int, request_bytes: bytes, path: bytes, request: pytest.FixtureRequest
) -> None:
    server: LiveServer = request.getfixturevalue(layer)
    answer = exchange(server.address, request_bytes.replace(b"%s", path))

    assert answer is not None
    assert answer.status == status
    assert answer.detail
    assert ("problem" in answer.headers["Content-Type"]) is path.startswith(b"/boards")


def test_a_name_that_is_refused_is_told_what_it_may_have(edge: LiveServer) -> None:
    head = (
        b"POST /events/messages HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Length: 1\r\ndevice(id): 1\r\n\r\nx"
    )
    answer = exchange(edge.address, head)

    assert answer is not None
    assert answer.status == 400
    assert answer.detail.startswith("This is not a valid HTTP request: invalid header name. The name of a header has ")


def test_an_expectation_that_is_not_met(behind: LiveServer) -> None:
    """nginx passes none on."""
    answer = exchange(behind.address, b"GET /boards/actions HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n")

    assert answer is not None
    assert (answer.status, answer.detail) == (417, "No expectation but 100-continue can be met.")


def test_it_is_logged_with_address_and_id_and_without_what_is_secret(edge: LiveServer, gunicorn_log: Path) -> None:
    answer = exchange(
        edge.address,
        b"GET /boards/actions?key=SECRET HTTP/1.1\r\nHost: x\r\n"
        b"Authorization: SharedAccessSignature sig=SECRET\x01\r\n\r\n",
    )

    assert answer is not None
    (line,) = [line for line in gunicorn_log.read_text().splitlines() if answer.headers["X-Request-ID"] in line]
    said = {"message": "refused GET /boards/actions: 400 (invalid header)", "address": "127.0.0.1", "status": 400}
    assert said.items() <= json.loads(line).items()
    assert "SECRET" not in gunicorn_log.read_text()


def test_every_error_of_gunicorn_s_parser_has_a_status() -> None:
    kinds = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]

    missing = [kind for kind in kinds if not issubclass(kind, tuple(STATUSES))]
    assert missing == [errors.NoMoreData]  # the client has gone


def test_what_is_used_of_gunicorn_is_there() -> None:
    """The names are gunicorn's own and could change: deploy/worker.py then needs another look."""
    assert list(inspect.signature(ThreadWorker.handle_error).parameters) == ["self", "req", "client", "addr", "exc"]
    assert list(inspect.signature(Request.read_into).parameters) == ["self", "unreader", "buf", "stop"]
    assert RequestParser.mesg_class is Request
    parser = RequestParser(Config(), iter([b""]), ("127.0.0.1", 0))
    assert parser.mesg is None
    assert parser.finish_body() is True  # type: ignore[func-returns-value]
    assert vars(LengthReader(parser.unreader, 3)).keys() >= {"length"}


def test_the_service_runs_where_there_is_no_epoll(
    tmp_path: Path, server_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(select, "epoll", raising=False)
    worker_class = runpy.run_path(str(stack.GUNICORN_CONF))["worker_class"]

    with stack.gunicorn(
        tmp_path, stack.emptied(server_settings), GUNICORN_CMD_ARGS=f"--worker-class {worker_class}"
    ) as server:
        statuses = [Client(server).get(path).status_code for path in ("/healthz", "/readyz", "/boards/b")]

    assert worker_class == "deploy.worker.Worker"
    assert statuses == [200, 200, 401]
