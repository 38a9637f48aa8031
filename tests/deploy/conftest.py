"""`wz up`, once for all tests; for those of nginx, one gunicorn and one nginx before it for each module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Settings
from wz.live_server import LiveServer

from .. import stack
from .running import Up, running


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sockets, /run/wz in production."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def gunicorn_log(run: Path) -> Path:
    return run / "gunicorn.log"


@pytest.fixture(scope="module")
def access_log(run: Path) -> Path:
    """nginx's, in JSON."""
    return run / "access.log"


@pytest.fixture(scope="module")
def behind(run: Path, gunicorn_log: Path, server_settings: Settings) -> Iterator[LiveServer]:
    """gunicorn, on its socket, with one worker."""
    options = f"--error-logfile {gunicorn_log}"
    with stack.gunicorn(run, stack.emptied(server_settings), GUNICORN_CMD_ARGS=options, WEB_CONCURRENCY="1") as server:
        yield server


@pytest.fixture(scope="module")
def edge(run: Path, access_log: Path, behind: LiveServer) -> Iterator[LiveServer]:
    """nginx before it."""
    with stack.nginx(run, log=access_log) as server:
        yield server


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`wz up` with a Redis of its own. A test may kill what it has started, and waits until that serves again."""
    with running(tmp_path_factory.mktemp("up")) as up:
        yield up
