"""The page of the server, in process and behind gunicorn: what it shows, and to whom."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import redis as redis_py

from handlers import create_app
from handlers.console.access import access
from handlers.metrics import busy
from handlers.metrics.busy import Busy, UnderWay
from pipeline.connection_string import ConnectionString
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from wz import App, Request
from wz.testing import Client

from .. import stack

HTML = {"Accept": "text/html"}
PATH = "/console/server"


def headers(connection: ConnectionString = stack.ROOT) -> dict[str, str]:
    return {**HTML, "Authorization": stack.token(connection=connection)}


@pytest.fixture
def app(server_settings: Settings, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> App:
    for name, value in stack.environ(server_settings).items():
        monkeypatch.setenv(name, value)
    return create_app(server_settings)


def test_it_shows_redis_versions_and_settings(app: App, server_settings: Settings) -> None:
    text = Client(app).get(PATH, headers=headers()).text

    assert "environment test, database 2" in text
    assert server_settings.redis_url.removeprefix("unix://") in text
    for name in ("werkzeug", "msgspec", "gunicorn", "CPython", "WZ_ENVIRONMENT", "WZ_MAX_SEND_SIZE"):
        assert name in text
    assert stack.ROOT.key not in text
    assert "SharedAccessKey=..." in text
    assert "No worker runs" in text


@pytest.mark.parametrize("right", [Right.LISTEN, Right.SEND])
def test_it_needs_manage(app: App, redis: redis_py.Redis, right: Right) -> None:
    rule = Rules(redis, stack.ROOT).add("less", frozenset({right}))
    limited = headers(ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary))

    for path in (PATH, "/console/live/server"):
        assert Client(app).get(path, headers=limited).status_code == 403
        assert Client(app).get(path, headers=HTML).status_code == 303


def test_a_password_of_redis_is_not_shown(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WZ_HUBS_CLUSTER", "redis://user:hunter2@127.0.0.1:7000")

    assert "hunter2" not in Client(app).get(PATH, headers=headers()).text


def test_what_threads_do_now(app: App) -> None:
    """A request that lasts is seen while another one looks, with its route and without its values."""
    entered, leave = threading.Event(), threading.Event()

    @app.get("/boards-of/<name>")
    def slow(request: Request, name: str) -> str:
        access(request).need(Right.LISTEN)
        entered.set()
        leave.wait(stack.PATIENCE)
        return name

    thread = threading.Thread(target=lambda: Client(app).get("/boards-of/somebody", headers=headers()))
    thread.start()
    entered.wait(stack.PATIENCE)
    try:
        text = Client(app).get(PATH, headers=headers()).text
    finally:
        leave.set()
        thread.join()

    assert "/boards-of/&lt;name&gt;" in text
    assert "somebody" not in text
    assert "/boards-of" not in Client(app).get(PATH, headers=headers()).text


def test_what_other_processes_do_is_read_from_their_files(tmp_path: Path) -> None:
    mine = Busy(os.getpid(), 16, 3, 0, 2, 8, [UnderWay("GET", "/boards/<board>", 0.25)])
    busy.write(tmp_path, mine)
    busy.write(tmp_path, Busy(2**22 + 1, 16, 0, 0, 0, 8, []))  # which is above all process ids: it has ended
    (tmp_path / "busy_1.json").write_bytes(b"{")

    assert list(busy.read(tmp_path)) == [mine]


def test_it_is_kept_current_by_the_same_templates(app: App) -> None:
    with Client(app).get("/console/live/server", headers={**headers(), "Accept": "text/event-stream"}) as stream:
        assert stream.status_code == 200
        sent = b""
        for piece in stream.iter_encoded():
            sent += piece
            if b"event: at" in sent:
                break

    assert b"What their threads do now" in sent
    assert b"environment test, database 2" in sent


def test_behind_gunicorn_each_process_is_there(
    tmp_path: Path, server_settings: Settings, redis: redis_py.Redis
) -> None:
    with stack.gunicorn(tmp_path, stack.emptied(server_settings)) as server:
        client, rows = Client(server), 'scope="row">worker '
        stack.until(lambda: client.get(PATH, headers=headers()).text.count(" of 8</td>") == 2)
        text = client.get(PATH, headers=headers()).text

    assert 'scope="row">master ' in text
    assert text.count(rows) == 2
    assert '<td class="r">16</td>' in text  # threads
    assert "<code>/console/server</code>" in text  # this very request
