"""What every test may use. Redis is always real, and a server of the tests' own: nobody's database 0 is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_py

import pipeline.redis
from deploy import servers
from pipeline.settings import Settings

from .cluster import cluster, cluster_settings, cluster_urls
from .stack import HOST, ROOT, process

__all__ = ["cluster", "cluster_settings", "cluster_urls"]  # fixtures, too


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with process(command, ready=socket.exists):
        yield f"unix://{socket}"


@pytest.fixture(scope="session")
def settings(redis_url: str) -> Settings:
    """The service as the endpoint tests run it, at every layer."""
    return Settings(environment="test", redis_url=redis_url, root=ROOT, hosts=frozenset({HOST, "127.0.0.1"}))


@pytest.fixture
def redis(settings: Settings) -> redis_py.Redis:
    """The service's own client, on an empty database."""
    client = pipeline.redis.client(settings)
    client.flushdb()
    return client
