"""`python -m bench.console` asks for every page of the console, and every link on them leads to a page."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
import redis as redis_py

from bench.console import follow, look
from bench.console_data import BOARD, HUB, JOB, build, pages, streams
from handlers import create_app
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import Relay
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings
from tests import stack
from tests.upstream import Answer, ScriptedUpstream
from wz import App
from wz.testing import Client

_HREF = re.compile(r'<a [^>]*href="([^"]*)"')


@pytest.fixture
def app(server_settings: Settings, redis: redis_py.Redis) -> App:
    return create_app(server_settings)


@pytest.fixture
def found(server_settings: Settings, redis: redis_py.Redis) -> dict[str, str]:
    return build(server_settings, partitions=2, jobs=1, members=20, events=3, samples=3, traced=2)


def refuse_all(hub: Hub, upstream: ScriptedUpstream) -> None:
    """Make all events of a hub dead letters."""
    upstream.answer = lambda received: Answer(400, b"never")
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    while relay.step():
        pass
    relay.stop()


def test_each_page_is_asked_for_and_each_stream(app: App, found: dict[str, str], redis: redis_py.Redis) -> None:
    its = pages(app, found)

    assert {"/", "/console/hubs/<hub>", "/console/boards/<board>", "/layers", "/layers/compare"} <= its.keys()
    assert not [address for address in its.values() if "<" in address or "{" in address]
    for address in its.values():
        looked = look(app, redis, address, turns=1)
        assert looked.took > 0, address
    for address in streams(app, found).values():
        assert follow(app, redis, address, tabs=1, seconds=0.1).trips > 0, address


def test_each_link_on_a_page_leads_to_one(
    app: App, found: dict[str, str], redis: redis_py.Redis, upstream: ScriptedUpstream
) -> None:
    client, headers = Client(app), {"Authorization": stack.token(), "Accept": "text/html"}
    refuse_all(Hubs(redis, {})[HUB], upstream)
    linked: dict[str, str] = {"/": "the test"}
    wrong, todo = {}, ["/", *pages(app, found).values()]
    seen: set[str] = set()
    while todo:
        path = todo.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path, headers=headers)
        if answer.status_code != 200:
            wrong[path] = answer.status_code, linked.get(path)
        elif answer.mimetype == "text/html" and len(seen) < 200:
            for href in _HREF.findall(answer.text):
                parts = urlsplit(urljoin(path, unescape(href)))
                if not parts.netloc:
                    address = parts.path + (f"?{parts.query}" if parts.query else "")
                    linked.setdefault(address, path)
                    todo.append(address)

    assert wrong == {}
    assert {f"/console/hubs/{HUB}/deadletters", f"/console/jobs/{JOB}", f"/console/boards/{BOARD}"} <= seen
