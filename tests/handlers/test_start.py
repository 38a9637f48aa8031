"""The checks of a process that starts, in this process; tests/deploy/test_redis_away.py has those of gunicorn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner

from handlers import create_app
from handlers.start import open_stores
from pipeline.commands.hub import hub
from pipeline.hub.description import Description
from pipeline.hub.event import Event
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store.client import MARKER, SHARDS_MARKER, hubs_client

from .. import stack
from ..client import validated


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[redis_py.Redis, Settings]]:
    """A Redis of the test's own, empty, and the settings of a service that uses it."""
    with stack.redis_server(tmp_path) as (_, url):
        settings = Settings(environment="test", redis_url=url, connection_string=stack.ROOT)
        yield redis_py.Redis(unix_socket_path=url.removeprefix("unix://"), db=2), settings


@pytest.mark.parametrize("key", [MARKER, SHARDS_MARKER])
def test_a_check_that_fails_for_another_reason_is_tried_again(
    server: tuple[redis_py.Redis, Settings], key: str, caplog: pytest.LogCaptureFixture
) -> None:
    redis, settings = server
    redis.hset(key, "of", "another type")
    client = validated(app := create_app(settings))

    open_stores(app, settings)
    before = client.get("/readyz")
    redis.delete(key)
    stack.until(lambda: client.get("/readyz").status_code == 200)

    assert (before.status_code, before.headers["Retry-After"]) == (503, "1")
    assert "its log says why" in before.json["detail"]
    told = [record for record in caplog.records if record.name == "handlers.start"]
    assert [(record.levelno, record.exc_info is not None) for record in told] == [(logging.ERROR, True)]


def test_settings_that_do_not_fit_end_the_process(
    server: tuple[redis_py.Redis, Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    redis, settings = server
    redis.set(SHARDS_MARKER, 7)

    with pytest.raises(SystemExit) as ended:
        open_stores(create_app(settings), settings)

    assert ended.value.code == 4
    assert capsys.readouterr().err.startswith("wz: WZ_BOARD_SHARDS: the boards have 7 shards each, not 1")


def test_settings_that_are_found_not_to_fit_later_have_the_process_end(tmp_path: Path) -> None:
    url = f"unix://{tmp_path / 'redis.sock'}"
    settings = Settings(environment="test", redis_url=url, connection_string=stack.ROOT)
    client, ended = validated(app := create_app(settings)), []

    open_stores(app, settings, lambda: ended.append(True))
    with stack.redis_server(tmp_path, "--databases", 3):
        redis = redis_py.Redis(unix_socket_path=url.removeprefix("unix://"), db=2)
        redis.set(MARKER, "staging")
        stack.until(lambda: bool(ended))
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "do not fit to the store" in answer.json["detail"]


def test_a_hub_whose_name_became_a_path_is_told_and_can_be_read_and_deleted(
    server: tuple[redis_py.Redis, Settings], caplog: pytest.LogCaptureFixture
) -> None:
    _, settings = server
    client, headers = validated(app := create_app(settings)), {"Authorization": stack.token()}
    open_stores(app, settings)
    namespace = Hubs.from_settings(settings, hubs_client(settings))
    namespace._make("console", Description(partitions=1))  # as an earlier release could
    namespace["console"].append([Event(b"kept")])

    open_stores(app, settings)

    assert "the hub 'console' was made before its name became a path" in caplog.text
    assert client.post("/console/messages", data="sent", headers=headers).status_code == 201
    page = client.get("/hubs/console/partitions/0/events", headers=headers).json
    assert [event["body"] for event in page["events"]] == ["kept", "sent"]
    run = partial(CliRunner().invoke, hub, env=stack.environ(settings))
    assert run(["show", "console"]).exit_code == 0
    assert run(["delete", "console", "--yes"]).exit_code == 0
    assert client.get("/hubs/console", headers=headers).status_code == 404
