"""examples/flaskr from outside: the same visit in this process, held against PEP 3333, and under gunicorn.

What the application does in detail its own suite says, examples/flaskr/tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from wsgiref.validate import validator

import pytest

from tests.stack import REPOSITORY, process
from wz.live_server import LiveServer
from wz.loading import load_app
from wz.testing import Client

FLASKR = REPOSITORY / "examples" / "flaskr"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance folder that `wz --app flaskr init-db` has set up."""
    monkeypatch.setenv("FLASKR_INSTANCE", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "wz", "--app", "flaskr", "init-db"]
    subprocess.run(command, cwd=FLASKR, check=True, capture_output=True)
    return tmp_path


@pytest.fixture(params=["in process", "gunicorn"])
def client(request: pytest.FixtureRequest, instance: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    if request.param == "in process":
        monkeypatch.syspath_prepend(FLASKR)
        yield Client(validator(load_app("flaskr")))
        return
    bind = f"unix:{instance / 'gunicorn.sock'}"
    server = LiveServer(bind)
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "2", "--bind", bind]
    with process([*command, "--log-level", "warning", "flaskr:create_app()"], lambda: answers(server), cwd=FLASKR):
        yield Client(server)


def answers(server: LiveServer) -> bool:
    try:
        return Client(server).get("/static/style.css", buffered=True).status_code == 200
    except OSError:
        return False


def test_a_visitor_registers_writes_changes_and_deletes(client: Client) -> None:
    def get(path: str) -> str:
        return client.get(path, buffered=True).text

    def post(path: str, **form: str) -> str:
        response = client.post(path, data=form, follow_redirects=True, buffered=True)
        assert response.status_code == 200
        return response.text

    assert "Nobody has written anything yet." in get("/")
    assert "Welcome, ann." in post("/auth/register", username="ann", password="sësame")
    assert "is wrong" in post("/auth/login", username="ann", password="open")
    assert "New post" in post("/auth/login", username="ann", password="sësame")
    assert "<h2>Größe</h2>" in post("/create", title="Größe", body="1\r\n2")
    assert "<h2>&lt;i&gt;</h2>" in post("/1/update", title="<i>", body="")
    assert "Nobody has written anything yet." in post("/1/delete")
    assert "Register" in post("/auth/logout")
    assert client.get("/2/update", buffered=True).headers["Location"] == "/auth/login"
    assert client.get("/nowhere", buffered=True).status_code == 404
