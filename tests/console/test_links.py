"""Every link of every page leads to something: no address is written that the Map of routes does not have."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
import redis as redis_py

from handlers import create_app
from pipeline.boards import Boards
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import Relay
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.registry import JobRegistry
from wz.testing import Client

from .. import stack
from ..upstream import Answer, ScriptedUpstream
from ..windows.support.running_jobs import run

QUERY = "SELECT k, n INTO Rows FROM Input SELECT k, n INTO Points FROM Input"
DOCUMENT = {
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {
        "Rows": {"type": "stream"},
        "Points": {"type": "board", "board": "points", "member": "k", "score": "n", "mode": "add"},
    },
}
#: Of one path so many addresses are looked at that differ in their queries.
QUERIES = 3


class Page(HTMLParser):
    """The links of a page, the ids in it, and where its forms are sent."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.forms: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        if tag == "form":
            self.forms.append((given.get("method", "get").upper(), given.get("action", "")))
        self.links += [given[name] for name in ("href", "src", "data-live-from") if name in given and tag != "form"]


@pytest.fixture
def full(redis: redis_py.Redis, server_settings: Settings, upstream: ScriptedUpstream) -> None:
    """Something of each kind that pages link to: events, dead letters, a group, a job with rows, a board, a rule."""
    upstream.answer = lambda received: Answer(400 if b"bad" in received.body else 201, b"not this")
    hubs, boards = Hubs(redis, {"events": 2}), Boards(redis)
    hub = hubs["events"]
    definition = Definition(QUERY, DOCUMENT)
    JobRegistry(redis, hubs, boards).put("copies", definition)
    hub.append([Event(b'{"k": "a", "n": 1}', "a b/c"), Event(b"bad")] * 3, partition=1)
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    while relay.step():
        pass
    relay.stop()
    job = Job.of("copies", definition, redis, hubs)
    run(job)
    job.stop()
    ConsumerGroup(hub, "audit").attach()
    Rules(redis, stack.ROOT).add("reader", frozenset({Right.LISTEN}), "events")


def test_every_link_and_form_leads_to_something(server_settings: Settings, full: None) -> None:
    app = create_app(server_settings)
    client, served = Client(app), app.url_map.bind("")
    seen: dict[str, Page | None] = {}
    looked: Counter[str] = Counter()
    wanted, broken = [("", "/")], set()
    while wanted:
        begin, link = wanted.pop()
        address, anchor = urldefrag(urljoin(begin, link))
        if not address.startswith("/"):
            continue
        if address not in seen:
            path = urlsplit(address).path
            looked[path] += 1
            if looked[path] > QUERIES:
                continue
            status, seen[address] = look(client, address)
            if status >= 400:
                broken.add(f"{begin} links to {address}: {status}")
        if (page := seen[address]) is None:
            continue
        if anchor and anchor not in page.ids:
            broken.add(f"{begin} links to {address}#{anchor}, where there is no such place")
        wanted += [(address, one) for one in page.links]
        page.links.clear()  # followed once
        for method, action in page.forms:
            if not served.test(urlsplit(urljoin(address, action)).path, method):
                broken.add(f"{address} has a form for {method} {action}")

    assert len(seen) > 40
    assert not broken, "\n".join(sorted(broken))


def look(client: Client, address: str) -> tuple[int, Page | None]:
    """Return the status of an address, and the page if it is one. Of a stream only the head is asked for."""
    headers = {"Authorization": stack.token(), "Accept": "text/html"}
    method = "HEAD" if "/live" in address else "GET"
    with client.open(address, method=method, headers=headers) as answer:
        is_page = answer.mimetype == "text/html" and answer.status_code == 200
        return answer.status_code, Page(answer.get_data(as_text=True)) if is_page else None
