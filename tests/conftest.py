"""One suite at three layers: the WSGI app in process, gunicorn, and nginx before gunicorn; Redis is always real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis as redis_py

import pipeline.redis
from deploy import servers
from handlers import create_app
from pipeline.hub.connection_string import ConnectionString
from pipeline.settings import Settings
from wz.testing import Client, LiveServer

from .stack import LAYERS, HOST, ROOT, Server, free_port, gunicorn, nginx, process


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the tests' own, so that nobody's database 0 is ever touched."""
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    with process(
        [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
        ready=socket.exists,
    ):
        yield f"unix://{socket}"


@pytest.fixture(scope="session")
def settings(redis_url: str) -> Settings:
    return Settings(environment="test", redis_url=redis_url, root=ROOT, hosts=frozenset({HOST}), hubs={"events": 4})


@pytest.fixture
def redis(settings: Settings) -> redis_py.Redis:
    """The service's own client, on an empty database."""
    client = pipeline.redis.client(settings)
    client.flushdb()
    return client
