"""The endpoint tests run over several layers: `LAYERS` in tests/conftest.py.

Those of hubs, which are marked `cluster`, run once more in process, with hubs and boards on a Redis Cluster, which the
layers above the app do not notice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator
from xml.etree import ElementTree

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from pipeline.settings import Settings
from wz import App
from wz.live_server import LiveServer

from .. import stack
from ..client import ServerlikeClient
from ..conftest import FULL, layers
from ..http2 import HTTP2Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class ServiceClient(ServerlikeClient):
    """Sends a token with all rights on the whole namespace unless a test gives headers of its own."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs["headers"] = {"Authorization": stack.token(), **kwargs.get("headers", {})}
        return super().open(*args, **kwargs)


#: Ascending: bob, amy and ann (a tie, by name), cid.
SCORES = {"ann": 0.2, "amy": 0.2, "bob": -3, "cid": 12.5}


def numbers(document: bytes) -> dict[str, Any]:
    """Parse JSON without losing a digit."""
    parsed: dict[str, Any] = json.loads(document, parse_float=Decimal)
    return parsed


def detail(answer: TestResponse) -> str:
    """Return the text of an error in the service's own shape."""
    assert answer.content_type == "application/xml; charset=utf-8"
    error = ElementTree.fromstring(answer.data)
    assert (error.tag, [part.tag for part in error]) == ("Error", ["Code", "Detail"])
    assert error.findtext("Code") == str(answer.status_code)
    return error.findtext("Detail") or ""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    used, marked = metafunc.fixturenames, metafunc.definition.get_closest_marker
    picked = metafunc.config.getoption("layer")
    places = layers(picked, core=bool(marked("core"))) if "client" in used else []
    # The servers are made once, and with one Redis. A cluster is one more way of running in process.
    if marked("cluster") and "place" in used and "gunicorn" not in used and "wsgi" in layers(picked, core=False):
        places = [*(places or FULL[:1]), "cluster"]
    if places:
        metafunc.parametrize("place", places, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """The layer through which the service is called; or `cluster`."""
    return getattr(request, "param", FULL[0])


@pytest.fixture
def settings(place: str, request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue("cluster_settings" if place == "cluster" else "server_settings")
    return found


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sockets, /run/wz in production."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def gunicorn(run: Path, server_settings: Settings) -> Iterator[LiveServer]:
    with stack.gunicorn(run, stack.emptied(server_settings)) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(run: Path, gunicorn: LiveServer) -> Iterator[LiveServer]:
    with stack.nginx(run) as server:
        yield server


@pytest.fixture(scope="session")
def tls(run: Path, gunicorn: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTP2Server]:
    with stack.tls(tmp_path_factory.mktemp("tls"), run / "gunicorn.sock") as server:
        yield server


@pytest.fixture(scope="session")
def wsgi(server_settings: Settings) -> App:
    """The app, made once, as a process of gunicorn makes it: what it remembers must not disturb the next test."""
    return create_app(server_settings)


@pytest.fixture(scope="session")
def validated(wsgi: App) -> WSGIApplication:
    """The same, with each request and response held against PEP 3333."""
    application: WSGIApplication = validator(wsgi)
    return application


@pytest.fixture(scope="session")
def on_cluster(cluster_settings: Settings) -> WSGIApplication:
    application: WSGIApplication = validator(create_app(cluster_settings))
    return application


@pytest.fixture
def client(place: str, redis: redis_py.Redis, request: pytest.FixtureRequest) -> ServiceClient:
    return ServiceClient(request.getfixturevalue("on_cluster" if place == "cluster" else place))


@pytest.fixture
def board(client: ServiceClient) -> ServiceClient:
    """The board `b`, with `SCORES`."""
    for member, score in SCORES.items():
        assert client.put(f"/boards/b/members/{member}", json={"score": score}).status_code == 200
    return client
