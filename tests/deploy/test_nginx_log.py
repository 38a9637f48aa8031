"""nginx's access log, in JSON: a line for each request, with its id, and without a secret."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from wz.live_server import LiveServer

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
        "level": "INFO",
        "logger": "nginx.access",
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
    times = [float(line[f"upstream_{part}seconds"]) for part in ("connect_", "header_", "")]
    assert times == sorted(times)
    assert line["seconds"] >= 0


def test_the_page_has_every_member(edge: LiveServer, access_log: Path) -> None:
    line = line_of(access_log, ask(edge, "/boards"))
    section = (
        (stack.REPOSITORY / "docs" / "logs.md")
        .read_text()
        .partition("\n## nginx's access log\n")[2]
        .partition("\n## ")[0]
    )
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)

    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == sorted(line)


@pytest.mark.parametrize(
    "query",
    [
        "sig=SECRET",
        "sr=x&SIG=SECRET&se=1",
        "%73ig=SECRET",
        "access_token=SECRET",
        "api-key=SECRET",
        "x=SECRET%3D",
        "code=SECRET",
    ],
)
def test_no_secret_of_a_query_or_a_token_is_logged(edge: LiveServer, access_log: Path, query: str) -> None:
    line = line_of(access_log, ask(edge, f"/boards/b?{query}", "Authorization: SharedAccessSignature sig=SECRET"))

    assert line["query"] == "-"
    assert "SECRET" not in access_log.read_text()


def test_bytes_that_are_no_text_leave_a_line_that_is_json(edge: LiveServer, access_log: Path) -> None:
    head = b"GET /caf\xe9?x HTTP/1.1\r\nHost: x\r\nUser-Agent: a\xff\r\ntraceparent: \xff\r\nConnection: close\r\n\r\n"
    answer = exchange(edge.address, head)

    assert answer is not None
    line = line_of(access_log, answer)
    assert (line["path"], line["user_agent"], line["traceparent"], line["status"]) == ("/caf", "a", "", 400)


def test_a_signature_in_a_query_is_refused_before_any_log_has_it(edge: LiveServer) -> None:
    for path, form in (("/boards/b", "problem+json"), ("/events/messages", "xml")):
        answer = ask(edge, f"{path}?sr=x&Sig=SECRET", method="POST")
        assert answer.status == 400
        assert form in answer.headers["Content-Type"]
        assert answer.detail.startswith("A token goes into the Authorization header")


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
            assert (line["path"], line["status"], line["level"]) == (path, 503, "ERROR")
