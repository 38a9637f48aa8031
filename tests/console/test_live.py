"""The event streams that keep pages current: what they send, when they end, and how few threads they hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import redis as redis_py
from werkzeug.wrappers import Response as WerkzeugResponse

from handlers import create_app
from handlers.console import live as live_module
from handlers.console.frame import Pages
from handlers.console.live import MAX_LIVE, RETRY, Shared, live
from handlers.readers import MAX_READERS
from handlers.services import Services
from pipeline.hub.namespace import UnknownHub
from pipeline.settings import Settings
from wz import App, Request, Response
from wz.testing import Client

from .. import stack
from .browser import Watched
from .conftest import Site


@pytest.fixture
def app(server_settings: Settings, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> App:
    """The service, with a page whose part `number` changes at each look, and `still` never."""
    monkeypatch.setattr(live_module, "PERIOD", 0.01)
    app = create_app(server_settings)
    pages, numbers = Pages("probe", "/console/probe"), count()

    @pages.get("/live")
    def follow(request: Request) -> Response:
        return live(request, lambda: {"number": f"<b>{next(numbers)}</b>", "still": "<p>a\nb</p>"})

    @pages.get("/gone")
    def gone(request: Request) -> Response:
        def fragments() -> dict[str, str]:
            raise UnknownHub("x")

        return live(request, fragments)

    @pages.get("/ends")
    def ends(request: Request) -> Response:
        left = iter([{"number": "1"}, {"number": "2"}])

        def fragments() -> dict[str, str]:
            try:
                return next(left)
            except StopIteration:
                raise UnknownHub("x") from None

        return live(request, fragments)

    app.register(pages)
    return app


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)


def follow(client: Client, path: str = "live") -> WerkzeugResponse:
    return client.get(f"/console/probe/{path}", headers={"Authorization": stack.token()}, buffered=False)


def events(answer: WerkzeugResponse) -> Iterator[tuple[str, str]]:
    """Yield kind and data of each event, as they come."""
    for text in answer.iter_encoded():
        lines = [line.partition(": ") for line in text.decode().splitlines()]
        kind = "".join(value for name, _, value in lines if name == "event")
        if kind:
            yield kind, "\n".join(value for name, _, value in lines if name == "data")


def some(answer: WerkzeugResponse, number: int) -> list[tuple[str, str]]:
    found = events(answer)
    return [next(found) for _ in range(number)]


def test_all_parts_come_first_and_then_those_that_changed(client: Client) -> None:
    with follow(client) as answer:
        assert answer.content_type == "text/event-stream; charset=utf-8"
        found = some(answer, 8)

    assert [kind for kind, _ in found] == ["state", "number", "still", "at", "number", "at", "number", "at"]
    assert found[:3] == [("state", "live"), ("number", "<b>0</b>"), ("still", "<p>a\nb</p>")]
    assert (found[4], found[6]) == (("number", "<b>1</b>"), ("number", "<b>2</b>"))
    assert found[3][1].count(":") == 2


def test_without_a_place_all_parts_come_once(client: Client, app: App) -> None:
    readers = app.extensions["services"].readers
    places = [follow(client) for _ in range(MAX_LIVE)]

    with follow(client) as answer:
        text = answer.get_data(as_text=True)
    assert f"retry: {RETRY * 1000}\n" in text
    assert "event: state\ndata: full\n" in text
    assert "<p>a" in text

    taken = readers.enter("somebody else")  # places are left for the API's streams
    taken.leave()
    for place in places:
        place.close()
    with follow(client) as answer:
        assert some(answer, 1) == [("state", "live")]


def test_tabs_of_one_page_and_one_token_share_what_is_rendered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "PERIOD", 60.0)
    places = [follow(client) for _ in range(MAX_LIVE)]

    texts = [follow(client).get_data(as_text=True) for _ in range(3)]
    assert all(f"<b>{MAX_LIVE - 1}</b>" in text for text in texts)  # what the last of them has shown
    other = stack.token(lifetime=700)
    answer = client.get("/console/probe/live", headers={"Authorization": other})
    assert f"<b>{MAX_LIVE}</b>" in answer.text
    for place in places:
        place.close()


def test_what_is_shared_is_no_older_than_its_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, numbers = Shared(), count()

    def fragments() -> dict[str, str]:
        return {"number": str(next(numbers))}

    monkeypatch.setattr(live_module, "PERIOD", 60.0)
    assert [shared.render(fragments)["number"] for _ in range(3)] == ["0", "0", "0"]
    assert shared.render(fragments, fresh=True) == {"number": "1"}
    monkeypatch.setattr(live_module, "PERIOD", 0.0)
    shared.render(fragments, fresh=True)
    stack.until(lambda: shared.render(fragments) == {"number": "3"})


def test_pages_leave_half_of_the_places() -> None:
    assert MAX_LIVE * 2 <= MAX_READERS


def test_what_is_gone_is_told_by_a_status_and_a_stream_ends_with_it(client: Client) -> None:
    assert follow(client, "gone").status_code == 404
    with follow(client, "ends") as answer:
        assert [data for kind, data in events(answer) if kind == "number"] == ["1", "2"]


def test_a_stream_needs_a_token_and_asking_how_it_would_be_takes_no_place(client: Client, app: App) -> None:
    assert client.get("/console/probe/live").status_code == 401
    headers = {"Authorization": stack.token()}
    for _ in range(MAX_LIVE + 1):
        assert client.head("/console/probe/live", headers=headers).status_code == 200
    with follow(client) as answer:
        assert some(answer, 1) == [("state", "live")]


def test_a_stream_ends_with_its_session(client: Client) -> None:
    own = {"Origin": "http://localhost"}
    assert client.post("/console/sign-in", data={"secret": stack.token()}, headers=own).status_code == 303
    answer = client.get("/console/probe/live", buffered=False)
    found = events(answer)
    assert next(found) == ("state", "live")

    client.post("/console/sign-out", headers=own)

    assert len(list(found)) > 0  # it ends
    answer.close()
    assert client.get("/console/probe/live").status_code == 401


def test_a_stream_ends_with_its_token_and_after_some_minutes(client: Client, app: App) -> None:
    app.config["TAIL_SECONDS"] = 0.05
    with follow(client) as answer:
        assert next(iter(events(answer))) == ("state", "live")
        assert len(list(events(answer))) > 0  # it ends


def test_a_stream_ends_when_the_process_does(client: Client, app: App) -> None:
    found: Services = app.extensions["services"]
    with follow(client) as answer:
        its = events(answer)
        assert next(its) == ("state", "live")
        found.readers.is_stopping = lambda: True
        assert len(list(its)) < 20  # it ends


# -- in a browser -----------------------------------------------------------------------------------------------------


STATE = "document.querySelector('[data-live-state]').textContent"
LIVE, ENDED = f"() => {STATE} === 'live'", f"() => {STATE}.includes('your session has ended')"
NUMBER = "document.querySelector('.node.hub .big').textContent"
AT = "document.querySelector('[data-live-at]').textContent"


def test_a_page_changes_where_it_is_looked_at_and_keeps_what_was_typed(person: Watched, site: Site) -> None:
    page = person.page
    page.goto("/")
    page.wait_for_function(LIVE)
    body = page.get_by_role("textbox", name="Body")
    body.fill("half a sen")
    body.evaluate("one => { window.typed = one; window.kept = document.querySelector('.node.hub'); }")
    before = page.locator(".node.hub .big").inner_text()

    site.send("events", '{"eventid": "live"}')

    page.wait_for_function(f"before => {NUMBER} !== before", arg=before)
    assert page.evaluate("window.kept === document.querySelector('.node.hub')")  # the same elements
    assert page.evaluate("document.activeElement === window.typed")
    assert body.input_value() == "half a sen"
    moved = page.locator("[data-live-at]").inner_text()
    page.wait_for_function(f"at => {AT} !== at", arg=moved)


def test_more_pages_than_places_still_move_and_starve_nobody(site: Site, cookies: list[dict[str, object]]) -> None:
    """Every page is in a window of its own, so that all of them are visible."""
    people = [site.visitor() for _ in range(MAX_LIVE * 2 + 2)]
    try:
        for one in people:
            one.context.add_cookies(cookies)  # type: ignore[arg-type]
            one.page.goto("/")
        for one in people:
            one.page.wait_for_function(f"() => /^(live|not live, tries)/.test({STATE})")
        before = [one.page.locator(".node.hub .big").inner_text() for one in people]
        site.send("events", '{"eventid": "all"}')
        for one, number in zip(people, before, strict=True):
            one.page.wait_for_function(f"old => {NUMBER} !== old", arg=number)
        assert [one.complaints for one in people] == [[]] * len(people)
    finally:
        for one in people:
            one.context.close()


def test_a_page_that_is_signed_out_says_so(site: Site) -> None:
    one = site.visitor()
    one.page.goto(site.link())
    one.page.wait_for_function(LIVE)

    one.page.evaluate("fetch('/console/sign-out', {method: 'POST'})")

    one.page.wait_for_function(ENDED)
    assert one.page.locator("main.stale").count() == 1
    one.context.close()
