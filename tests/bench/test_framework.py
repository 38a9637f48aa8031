"""bench.framework: its minimum is a fair one, its contenders agree, its figures come out as one document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from bench import api, framework, peers
from bench.framework import BODY, JSON_BODY, MEMBER, Call, environ_of, main

WRONG = BODY.replace(b"12.5", b'"much"')


def post(body: bytes, **more: Any) -> tuple[dict[str, Any], bytes]:
    environ = environ_of("/scores", "POST", **{**JSON_BODY, "CONTENT_LENGTH": str(len(body)), **more})
    return environ, body


@pytest.mark.parametrize(
    ("environ", "body"),
    [
        pytest.param(environ_of(MEMBER), b"", id="a GET"),
        pytest.param(environ_of(MEMBER, "HEAD"), b"", id="its HEAD"),
        pytest.param(environ_of("/boards/go/members/zoë"), b"", id="a value that is not ASCII"),
        pytest.param(environ_of("/boards/go/members/"), b"", id="an empty value"),
        pytest.param(environ_of("/nowhere/at/all"), b"", id="a path that no rule has"),
        pytest.param(environ_of(MEMBER, "DELETE"), b"", id="a method that the rule has not"),
        pytest.param(*post(BODY), id="a POST"),
        pytest.param(*post(WRONG), id="a field of another type"),
        pytest.param(*post(BODY[:-1]), id="no JSON"),
        pytest.param(*post(BODY, CONTENT_LENGTH="1000"), id="a body that comes short"),
        pytest.param(*post(BODY, CONTENT_TYPE="text/plain"), id="a body of another type"),
        pytest.param(environ_of("/search", QUERY_STRING="member=ann&limit=25&least=2.5"), b"", id="a query"),
        pytest.param(environ_of("/search", QUERY_STRING="member=ann"), b"", id="a query of one field"),
        pytest.param(environ_of("/search", QUERY_STRING="limit=25"), b"", id="a field that is missing"),
        pytest.param(environ_of("/search", QUERY_STRING="member=ann&limit=many"), b"", id="a number that is none"),
        pytest.param(environ_of("/search", QUERY_STRING="member=ann&member=bob"), b"", id="a field that comes twice"),
    ],
)
def test_the_minimum_gives_the_answers_of_wz(environ: dict[str, Any], body: bytes) -> None:
    """The status, the headers and what was asked for; what is said about a refusal may differ."""
    answers = []
    for name in ("raw", "wz"):
        call = Call(peers.PEERS[name](), environ, body)
        content = call()
        headers = dict(call.headers)
        if int(call.status[:3]) in (200, 201, 404, 405):
            assert headers["Content-Length"] == str(len(content)) or environ["REQUEST_METHOD"] == "HEAD"
            answer = json.loads(content) if content else None
        else:
            answer = None
        answers.append((call.status.upper(), headers["Content-Type"], {*headers.get("Allow", "").split(", ")}, answer))

    assert answers[0] == answers[1]


@pytest.mark.parametrize("only", ["a session", "GET, two path values", "a stream"])
def test_the_figures_are_one_document(monkeypatch: pytest.MonkeyPatch, only: str) -> None:
    pytest.importorskip("flask")
    monkeypatch.setattr(framework, "CALLS", 2)  # what they are does not matter here
    for module in (framework, api):
        monkeypatch.setattr(module, "MANY", 3)  # nor in an app of how many routes: Bottle takes seconds to make it
    done = CliRunner().invoke(main, ["--quick", "--json", "--only", only])

    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert rows
    for row in rows:
        assert only in row["name"]
        assert row["goals"]
        assert {"werkzeug", "wz", "flask"} <= row["medians"].keys()
