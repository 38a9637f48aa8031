"""nginx's access log, in JSON: a line for each request, with its id, and without a secret."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from wz.testing import LiveServer

from .. import stack
from .wire import Answer, exchange


def ask(server: LiveServer, path: str, *headers: str, method: str = "GET") -> Answer:
    head = "".join(
        f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", "Host: x", *headers, "Connection: close", "")
    )
    answer = exchange(server.address, head.encode())
    assert answer is not None
    return answer


def line_of(log: Path, answer: Answer) -> dict[str, Any]:
    """Return nginx's line, which it writes when it has sent the answer."""
    return line_with(log, answer.headers["X-Request-ID"])


def line_with(log: Path, request_id: str) -> dict[str, Any]:
    stack.until(lambda: request_id in log.read_text())
    (line,) = (line for line in log.read_text().splitlines() if request_id in line)
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_says_what_was_asked_and_how_long_each_part_took(edge: LiveServer, access_log: Path) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = ask(
        edge,
        "/boards/none/ranks?limit=3",
        f"Authorization: {stack.token()}",
        'User-Agent: a "browser"',
        f"traceparent: {parent}",
    )
    line = line_of(access_log, answer)

    assert abs(datetime.fromisoformat(line["time"]).timestamp() - time.time()) < stack.PATIENCE
    expected = {
        "level": "info",
        "logger": "nginx",
        "address": "127.0.0.1",
        "method": "GET",
        "path": "/boards/none/ranks",
        "query": "limit=3",
        "status": answer.status,
        "bytes": len(answer.body),
        "user_agent": 'a "browser"',
        "traceparent": parent,
        "upstream_status": str(answer.status),
    }
    assert line | expected == line
    assert 0 <= float(line["connect_seconds"]) <= float(line["header_seconds"]) <= float(line["upstream_seconds"])
    assert line["seconds"] >= 0


@pytest.mark.parametrize(
    "query",
    ["sig=SECRET", "sr=x&SIG=SECRET&se=1", "%73ig=SECRET", "access_token=SECRET", "api-key=SECRET", "x=SECRET%3D"],
)
def test_no_secret_of_a_query_or_a_token_is_logged(edge: LiveServer, access_log: Path, query: str) -> None:
    line = line_of(access_log, ask(edge, f"/boards/b?{query}", "Authorization: SharedAccessSignature sig=SECRET"))

    assert line["query"] == "-"
    assert "SECRET" not in access_log.read_text()


def test_a_refusal_of_nginx_is_logged_as_it_was_asked(edge: LiveServer, access_log: Path) -> None:
    line = line_of(access_log, ask(edge, "/events/messages", "Content-Length: 9999999", method="POST"))

    assert (line["method"], line["path"], line["status"]) == ("POST", "/events/messages", 413)


def test_a_health_check_is_logged_when_it_fails(tmp_path: Path, edge: LiveServer, access_log: Path) -> None:
    well = [ask(edge, path) for path in ("/healthz", "/readyz")]
    line_of(access_log, ask(edge, "/docs"))  # so the others' would be there
    assert not [one for one in well if one.headers["X-Request-ID"] in access_log.read_text()]

    log = tmp_path / "log"
    with stack.nginx(tmp_path, log=log, alone=True) as nginx:
        for path in ("/healthz", "/readyz"):
            line = line_of(log, ask(nginx, path))
            assert (line["path"], line["status"], line["level"]) == (path, 503, "error")
