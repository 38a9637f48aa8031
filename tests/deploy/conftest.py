"""One Redis and one gunicorn for the tests of nginx; each module has an nginx of its own before them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Settings
from wz.testing import LiveServer

from .. import stack


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
    """gunicorn, on its socket."""
    with stack.gunicorn(run, server_settings, GUNICORN_CMD_ARGS=f"--error-logfile {gunicorn_log}") as server:
        yield server


@pytest.fixture(scope="module")
def edge(run: Path, access_log: Path, behind: LiveServer) -> Iterator[LiveServer]:
    """nginx before it."""
    with stack.nginx(run, log=access_log) as server:
        yield server
