"""The endpoint tests run three times: over the WSGI app in process, over gunicorn, and over nginx and gunicorn.

Those of hubs, which are marked `cluster`, run once more in process, with hubs and boards on a Redis Cluster, which the
layers above the app do not notice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from wsgiref.validate import validator
from xml.etree import ElementTree

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from pipeline.settings import Settings
from wz import App
from wz.testing import LiveServer

from .. import stack
from ..client import ServerlikeClient


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


LAYERS = ["wsgi", "gunicorn", "nginx"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    used = metafunc.fixturenames
    layers = LAYERS if "client" in used else []
    # The servers are made once, and with one Redis.
    if metafunc.definition.get_closest_marker("cluster") and "place" in used and "gunicorn" not in used:
        layers = [*(layers or LAYERS[:1]), "cluster"]
    if layers:
        metafunc.parametrize("place", layers, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """The layer through which the service is called; or `cluster`."""
    return getattr(request, "param", LAYERS[0])


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
    with stack.gunicorn(run, server_settings) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(run: Path, gunicorn: LiveServer) -> Iterator[LiveServer]:
    with stack.nginx(run) as server:
        yield server


@pytest.fixture(scope="session")
def wsgi(server_settings: Settings) -> App:
    """The app, made once, as a process of gunicorn makes it: what it remembers must not disturb the next test."""
    return create_app(server_settings)


@pytest.fixture(scope="session")
def on_cluster(cluster_settings: Settings) -> App:
    return create_app(cluster_settings)


@pytest.fixture
def client(place: str, redis: redis_py.Redis, request: pytest.FixtureRequest) -> ServiceClient:
    if place in ("gunicorn", "nginx"):
        return ServiceClient(request.getfixturevalue(place))
    return ServiceClient(validator(request.getfixturevalue("on_cluster" if place == "cluster" else "wsgi")))


@pytest.fixture
def board(client: ServiceClient) -> ServiceClient:
    """The board `b`, with `SCORES`."""
    for member, score in SCORES.items():
        assert client.put(f"/boards/b/members/{member}", json={"score": score}).status_code == 200
    return client
