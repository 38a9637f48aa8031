"""The pictures of the console in README and docs/, made anew by `python -m tests.console.pictures` in three minutes.

The service is the whole one, started by `wz up`. Its life is made up: clients that send, an upstream hub that refuses a
few events, the demo, a board of players, and requests that are traced.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import APIRequestContext, Page

from ..deploy.running import running
from ..stack import REPOSITORY, until
from ..upstream import Answer, Received, scripted_upstream
from .browser import WIDE, launch
from .conftest import Site

FOLDER = REPOSITORY / "docs" / "console"

#: Bytes that a picture may have.
MOST = 300_000

#: Seconds of life before the pictures: a dozen samples of the history.
SECONDS = 125

#: What the hub may keep, so that what is sent fills a part of it.
HUB_BYTES = 8 * 1024 * 1024

_ACTIONS = ("offer_a", "offer_b", "offer_c", "offer_d")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        scripted_upstream() as upstream,
        running(Path(folder), environ={"WZ_UPSTREAM": str(upstream.target)}) as up,
        launch() as browser,
    ):
        upstream.answer = _refuse_some
        site = Site(browser, up)
        person = site.visitor()
        person.page.goto(site.link())
        api = browser.new_context(base_url=site.url, extra_http_headers={"Authorization": up.authorization}).request
        _live(api)
        _picture(person.page, "home", "/?hub=events", '[data-live="others"]')
        partition, offset = _last_event(api)
        opened = f"/console/hubs/events?partition={partition}&event={partition}:{offset}"
        _picture(person.page, "hub", opened, 'section[aria-labelledby="readers"]')
        _picture(person.page, "event", f"/console/hubs/events/events/{partition}/{offset}", "#event")
        _picture(person.page, "job", "/console/jobs/demo", 'section[aria-labelledby="query"]')
        _picture(person.page, "board", "/console/boards/players?k=200", ".cols.list")
        _picture(person.page, "layers", f"/layers/{_traced(api)}", 'section[aria-labelledby="fall"]')
        complaints = person.complaints
    if complaints:
        sys.exit("\n".join(complaints))


def _refuse_some(received: Received) -> Answer:
    return Answer(400 if b'"refuse"' in received.body else 201)


def _live(api: APIRequestContext) -> None:
    """Send some events a second, which swell and fade, while the demo plays."""
    random.seed(1)
    forms: dict[str, dict[str, str]] = {"demo": {}, "hubs/events/settings": {"size": str(HUB_BYTES)}}
    for path, form in forms.items():
        done = api.post(f"/console/{path}", form=form, max_redirects=0)  # type: ignore[arg-type]
        assert done.status == 303, done.text()
    for number in range(14):  # what the hub has taken before
        _event(api, {"eventid": f"old-{number % 9}", "note": "x" * 200_000})
    scores = [{"member": f"p{number:04}", "score": round(random.paretovariate(1.2), 3)} for number in range(2_000)]
    _post(api, "/boards/players/members", "\n".join(map(json.dumps, scores)), {"Content-Type": "application/x-ndjson"})
    end, number = time.monotonic() + SECONDS, 0
    while (left := end - time.monotonic()) > 0:
        number += 1
        context = {"eventid": f"e-{number}", "actionname": random.choice(_ACTIONS), "age": random.randint(18, 70)}
        _event(api, context)
        if random.random() < 0.4:
            _event(api, context | {"reward": round(random.random() * 5, 2)})
        if number % 400 == 40:
            _event(api, {"eventid": f"e-{number}", "note": "refuse"})
        time.sleep(0.05 + 0.04 * math.sin(left / 12))


def _event(api: APIRequestContext, event: dict[str, Any]) -> None:
    _post(
        api, "/events/messages", json.dumps(event), {"BrokerProperties": json.dumps({"PartitionKey": event["eventid"]})}
    )


def _post(api: APIRequestContext, path: str, body: str, headers: dict[str, str]) -> None:
    answer = api.post(path, data=body, headers=headers)
    assert answer.ok, answer.text()


def _last_event(api: APIRequestContext) -> tuple[int, str]:
    """Return the place of an event of some time ago, which has become something."""
    [events] = [api.get("/hubs/events/partitions/1/events?limit=100").json()["events"]]
    found = next(one for one in events[-40:] if "actionname" in json.dumps(one))
    return 1, found["offset"]


def _traced(api: APIRequestContext) -> str:
    """Return the id of a traced request that has met a token, a body and Redis: the fastest of some."""
    for number in range(30):
        reward = {"reward": 0.5, "event": f"pictures-{number}"}
        answer = api.post("/boards/actions/members/offer_a/rewards", data=reward, headers={"X-Wz-Trace": "1"})
        assert answer.ok, answer.text()
    last = answer.headers["x-request-id"]
    until(lambda: '"nginx"' in api.get(f"/layers/{last}.json").text())
    listed = [one for one in api.get("/layers.json?limit=30").json() if one["has_nginx"]]
    return str(min(listed, key=lambda one: one["took"])["id"])


def _picture(page: Page, name: str, path: str, last: str, most: int = 1_000) -> None:
    """Write FOLDER/NAME.png: the page from its top to the end of what `last` selects, or to `most` pixels."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, answer.text()
    page.wait_for_timeout(1_500)  # what is live has come once
    box = page.locator(last).bounding_box()
    assert box is not None
    height = min(most, math.ceil(box["y"] + box["height"]) + 16)
    file = FOLDER / f"{name}.png"
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": WIDE, "height": height})
    size = file.stat().st_size
    print(f"{file.relative_to(REPOSITORY)}: {WIDE} x {height}, {size:,} bytes")
    assert size < MOST, "too large: show less of it"


if __name__ == "__main__":
    main()
