"""What every test may use. Redis is always real, and a server of the tests' own: nobody's database 0 is touched."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Generator, Iterator

import hypothesis
import pytest
import redis as redis_py

from deploy import servers
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import Relay
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings
from pipeline.store.client import hubs_client, redis_client

from . import stack
from .cluster import cluster, cluster_settings, cluster_urls
from .stack import HOST, ROOT, process
from .upstream import ScriptedUpstream, scripted_upstream

__all__ = ["cluster", "cluster_settings", "cluster_urls"]  # fixtures, too

# Nothing is wrong with an example that takes long on a machine that is busy. Each run draws others, so that many short
# runs look as far as a long one.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], max_examples=40
)
hypothesis.settings.load_profile("any machine")
# `--hypothesis-profile long`, for a search over night.
hypothesis.settings.register_profile("long", hypothesis.settings.get_profile("any machine"), max_examples=10_000)


# A shell that runs pytest in the background has it ignore Ctrl-C, and so would each command that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: What may be in front of the app (tests/handlers/conftest.py has the fixtures of these names).
LAYERS = {
    "wsgi": "the app, called in the test's process",
    "validated": "the same under wsgiref.validate",
    "gunicorn": "gunicorn, over its unix socket",
    "nginx": "nginx and gunicorn",
    "tls": "the same over TLS and HTTP/2",
}

#: Every test of an endpoint runs over these two, the app alone and all that is in front of it: almost every fault shows
#: on one of them. The others see the tests that are marked `core`: one of each kind of request and of answer.
FULL = ("wsgi", "nginx")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--layer",
        action="append",
        choices=(*LAYERS, "all"),
        metavar="|".join((*LAYERS, "all")),
        help="run tests of endpoints over this layer, or these; by default over wsgi and nginx, and the core over all",
    )
    parser.addoption("--traced", action="store_true", help="trace each request of the tests of wz, in tests/wz")


def layers(picked: list[str] | None, core: bool) -> list[str]:
    """Return the layers that a test of an endpoint runs over, given what `--layer` says."""
    wanted = picked or (["all"] if core else FULL)
    return [layer for layer in LAYERS if layer in wanted or "all" in wanted]


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: a fifth of their time tests wait for servers and for other processes."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without a pause for garbage, and then look at nothing of what there is again.

    Half a million objects stay to the end. Going through them would be most of what `gc.collect` takes, which tests of
    leaks call hundreds of times.
    """
    stack.collecting = True
    gc.disable()
    try:
        return (yield)
    finally:
        stack.collecting = False
        gc.collect()
        gc.freeze()
        gc.enable()


#: Why tests of pages were skipped (tests/console/conftest.py).
NO_BROWSER = "there is no Chromium: install it, or name it in WZ_CHROMIUM"


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the last line that tests could not run for want of a browser: it is easily missed among other skips."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if count := sum(NO_BROWSER in str(report.longrepr) for report in skipped):
        print(f"{count} tests of pages did not run: {NO_BROWSER}")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with process(command, ready=socket.exists):
        yield f"unix://{socket}"


@pytest.fixture(scope="session")
def server_settings(redis_url: str) -> Settings:
    """The service with all that it has on one server."""
    return Settings(
        environment="test", redis_url=redis_url, connection_string=ROOT, hosts=frozenset({HOST, "127.0.0.1"})
    )


@pytest.fixture
def settings(server_settings: Settings) -> Settings:
    """The service. Tests of hubs run with `cluster_settings`, too."""
    return server_settings


@pytest.fixture
def redis(settings: Settings) -> Iterator[redis_py.Redis]:
    """The service's own client of its hubs, and of all else unless that is on a cluster; everything is empty."""
    redis_client(settings).flushdb()
    client = hubs_client(settings)
    client.flushdb()
    before = set(threading.enumerate())
    yield client
    keepers = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("keeper of ")]
    assert not keepers, "a job or relay was not stopped, and counts as a worker in the tests that follow"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """A hub to relay to, which answers as the test says."""
    with scripted_upstream() as server:
        yield server


@pytest.fixture
def hub(redis: redis_py.Redis, settings: Settings) -> Hub:
    """The hub `events`, as it is declared."""
    return Hubs(redis, settings.hubs)["events"]


@pytest.fixture
def relay(hub: Hub, upstream: ScriptedUpstream) -> Iterator[Relay]:
    """A worker that relays it."""
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    yield relay
    relay.stop()
