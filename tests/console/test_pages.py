"""Every page in a browser: no message in its console, no request to another host, nothing that axe finds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .. import stack
from .browser import Watched
from .conftest import Site

#: Pages by the name of their screenshots; what is in braces, `made` has made.
PAGES = {
    "home": "/",
    "sign-in": "/console/sign-in",
    "hubs": "/console/hubs",
    "hub": "/console/hubs/events?partition={partition}",
    "hub-search": "/console/hubs/events?partition={partition}&key=nobody",
    "hub-settings": "/console/hubs/events/settings",
    "hub-delete": "/console/hubs/events/delete",
    "event": "/console/hubs/events/events/{partition}/{offset}",
    "dead-letters": "/console/hubs/events/deadletters",
    "rules": "/console/rules",
    "jobs": "/console/jobs",
    "job": "/console/jobs/ten_seconds",
    "job-waits": "/console/jobs/context_reward",
    "job-new": "/console/jobs/-/new",
    "boards": "/console/boards",
    "board": "/console/boards/scores?k=20",
    "board-member": "/console/boards/scores?member=m7",
    "board-none": "/console/boards/nothing",
    "demo": "/console/demo",
    "layers": "/layers",
    "trace": "/layers/{first}",
    "compare": "/layers/compare?a={first}&b={second}",
    "layers-off": "/layers/off",
    "server": "/console/server",
    "unknown": "/console/hub",
}
STATUSES = {"board-none": 404, "unknown": 404}


@pytest.fixture(scope="module")
def made(site: Site, cookies: list[dict[str, object]]) -> Iterator[dict[str, str]]:
    """An event that came late, a board, and two traced requests: what the addresses of pages name."""
    person = site.visitor()
    person.context.add_cookies(cookies)  # type: ignore[arg-type]
    authorization = {"Authorization": site.up.authorization}
    request = person.context.request
    event = {"eventid": "e1", "actionname": "offer_a", "reward": 0.5}
    sent = {**authorization, "BrokerProperties": '{"PartitionKey":"e1"}'}
    assert request.post("/events/messages", headers=sent, data=json.dumps(event)).status == 201
    members = [{"member": f"m{number}", "score": number * number % 97} for number in range(400)]
    lines = {**authorization, "Content-Type": "application/x-ndjson"}
    assert request.post("/boards/scores/members", headers=lines, data="\n".join(map(json.dumps, members))).ok
    traced = {**authorization, "X-Wz-Trace": "1"}
    answers = [request.get("/boards/scores/top", headers=traced) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    stack.until(lambda: all(request.get(f"/layers/{one}.json", headers=authorization).ok for one in ids))
    partitions = range(4)
    pages = {
        partition: request.get(f"/hubs/events/partitions/{partition}/events", headers=authorization).json()
        for partition in partitions
    }
    ((partition, stored),) = ((number, page["events"][0]) for number, page in pages.items() if page["events"])
    yield {"partition": str(partition), "offset": stored["offset"], "first": ids[0], "second": ids[1]}
    person.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_can_be_read_by_everybody(person: Watched, made: dict[str, str], name: str) -> None:
    status = STATUSES.get(name, 200)
    person.expect(status)
    answer = person.page.goto(PAGES[name].format(**made))

    assert answer is not None
    assert answer.status == status
    assert person.look(name) == []


def test_signing_in_can_be_read_by_everybody(visitor: Watched) -> None:
    visitor.page.goto("/console/jobs")

    assert visitor.look("sign-in") == []
