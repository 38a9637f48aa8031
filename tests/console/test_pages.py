"""Every page in a browser: no message in its console, no request to another host, nothing that axe finds.

What a page does is in the other files. A state that only a click leads to is looked at there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .. import stack
from .browser import Watched
from .conftest import Site, looking

#: Pages by the name of their screenshots; what is in braces, `made` has made.
PAGES = {
    "home": "/",
    "hubs": "/console/hubs",
    "hub": "/console/hubs/events?event={partition}:{offset}",
    "hub-search": "/console/hubs/events?partition={partition}&key=nobody",
    "hub-relay": "/console/hubs/relayed",
    "hub-settings": "/console/hubs/events/settings",
    "hub-delete": "/console/hubs/events/delete",
    "hub-relay-detach": "/console/hubs/relayed/relay/detach",
    "event": "/console/hubs/events/events/{partition}/{offset}",
    "dead-letters": "/console/hubs/events/deadletters",
    "rules": "/console/rules",
    "jobs": "/console/jobs",
    "job": "/console/jobs/ten_seconds",
    "job-waits": "/console/jobs/context_reward",
    "job-again": "/console/jobs/ten_seconds/again",
    "job-new": "/console/jobs/-/new",
    "boards": "/console/boards",
    "board": "/console/boards/scores?k=20",
    "board-member": "/console/boards/scores?member=m7",
    "board-negative": "/console/boards/both",
    "board-none": "/console/boards/nothing",
    "demo": "/console/demo",
    "layers": "/layers",
    "trace": "/layers/{first}",
    "trace-wz": "/layers/{first}?zoom=wz",
    "compare": "/layers/compare?a={first}&b={second}",
    "layers-off": "/layers/off",
    "server": "/console/server",
    "unknown": "/console/hub",
}
STATUSES = {"board-none": 404, "unknown": 404}


@pytest.fixture(scope="module")
def reader(site: Site, cookies: list[dict[str, object]]) -> Iterator[Watched]:
    """One person for all pages, whose browser has read the style sheet."""
    with looking(site, cookies) as reader:
        yield reader


@pytest.fixture(scope="module")
def made(site: Site, reader: Watched) -> Iterator[dict[str, str]]:
    """What the addresses of pages name: a late event, a hub whose relay is detached, boards, two traced requests."""
    authorization = {"Authorization": site.up.authorization}
    request = reader.context.request
    event = {"eventid": "looked-at", "actionname": "offer_a", "reward": 0.5}
    sent = {**authorization, "BrokerProperties": '{"PartitionKey":"looked-at"}'}
    assert request.post("/events/messages", headers=sent, data=json.dumps(event)).status == 201
    assert request.put("/relayed", headers=authorization).status == 201
    relay = {"state": "detached", "name": "there", "answers": {"404": "drop"}}
    assert request.patch("/hubs/relayed/relay", headers=authorization, data=relay).status == 200
    lines = {**authorization, "Content-Type": "application/x-ndjson"}
    for board, lowest in (("scores", 0), ("both", -50)):
        members = [{"member": f"m{number}", "score": number * number % 97 + lowest} for number in range(400)]
        assert request.post(f"/boards/{board}/members", headers=lines, data="\n".join(map(json.dumps, members))).ok
    traced = {**authorization, "X-Wz-Trace": "1"}
    answers = [request.get("/boards/scores/top", headers=traced) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    stack.until(lambda: all(request.get(f"/layers/{one}.json", headers=authorization).ok for one in ids))
    ((partition, offset),) = (
        (str(partition), stored["offset"])
        for partition in range(4)
        for stored in request.get(f"/hubs/events/partitions/{partition}/events", headers=authorization).json()["events"]
        if "looked-at" in json.dumps(stored)
    )
    yield {"partition": partition, "offset": offset, "first": ids[0], "second": ids[1]}
    assert request.delete("/relayed", headers=authorization).status == 200


@pytest.mark.parametrize("name", PAGES)
def test_it_can_be_read_by_everybody(reader: Watched, made: dict[str, str], name: str) -> None:
    status = STATUSES.get(name, 200)
    reader.complaints.clear()
    reader.expect(status)
    answer = reader.page.goto(PAGES[name].format(**made))

    assert answer is not None
    assert answer.status == status
    assert reader.look(name) == []
    assert reader.complaints == []


def test_signing_in_can_be_read_by_everybody(visitor: Watched) -> None:
    visitor.page.goto("/console/jobs")

    assert visitor.look("sign-in") == []
