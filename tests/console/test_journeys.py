"""What people come for, done as they do it: with a browser, from the link that `wz up` prints."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from .. import stack
from .browser import Watched
from .conftest import Site


def until_shown(person: Watched, path: str, text: str) -> None:
    """Open a page again and again until it shows a text."""

    def shown() -> bool:
        person.page.goto(path)
        return text in person.page.inner_text("main")

    stack.until(shown)


def test_the_link_that_is_printed_signs_in_once(site: Site, visitor: Watched) -> None:
    (link,) = re.findall(r"http\S+/console/sign-in\?code=\S+", site.up.text)
    visitor.page.goto(link)

    expect(visitor.page.get_by_role("heading", name="The way of the data")).to_be_visible()
    assert visitor.page.url == f"{site.url}/"
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()

    visitor.expect(410)
    visitor.page.goto(link)
    expect(visitor.page.get_by_text("wz console").first).to_be_visible()
    visitor.page.goto("/console/hubs")
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_connection_string_signs_in_and_leads_on(site: Site, visitor: Watched) -> None:
    visitor.page.goto("/console/boards")
    visitor.page.get_by_label("Connection string or SAS token").fill((site.up.state / "connection-string").read_text())
    visitor.page.get_by_role("button", name="Sign in").click()

    expect(visitor.page.get_by_role("heading", name="Boards", exact=True)).to_be_visible()


def test_an_event_is_followed_from_the_form_to_a_row_and_a_board(person: Watched) -> None:
    page = person.page
    page.goto("/")
    page.get_by_label("Partition key").fill("journey")
    page.locator("textarea[name=body]").fill('{"eventid": "j1", "actionname": "journey", "reward": 12.5}')
    page.locator("textarea[name=properties]").fill("Level: 3")
    page.get_by_role("button", name="Send, and follow it").click()

    expect(page.get_by_role("heading", name="What it became")).to_be_visible()
    assert re.search(r"/console/hubs/events/events/\d/\d+-\d+$", page.url)
    event = page.url
    expect(page.locator("main")).to_contain_text("Level")
    expect(page.get_by_role("link", name="board live")).to_be_visible()  # without a reload: what it became is live
    until_shown(person, event, "row of")
    assert person.look("event-row") == []
    until_shown(person, "/console/jobs/ten_seconds", "journey")
    until_shown(person, "/console/boards/live", "journey")
    expect(page.locator("main")).to_contain_text("12.5")
    expect(page.get_by_role("link", name="ten_seconds")).to_be_visible()
    page.goto("/console/hubs/events")
    page.locator("#browse ~ * input[name=key], input[name=key]").first.fill("journey")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("cell", name="journey", exact=True)).to_be_visible()


def test_an_event_that_is_refused_keeps_its_text(person: Watched) -> None:
    page = person.page
    page.goto("/")
    page.locator("textarea[name=body]").fill('{"eventid": ')
    person.expect(422)
    page.get_by_role("button", name="Send, and follow it").click()

    expect(page.locator("textarea[name=body]")).to_have_value('{"eventid": ')
    expect(page.locator("textarea[name=body]")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("This is no JSON")
    assert person.look("home-wrong") == []


def test_the_demo_is_played_stopped_and_deleted_as_one(person: Watched) -> None:
    page = person.page
    page.goto("/")
    page.get_by_role("button", name="Play it").click()

    expect(page).to_have_url(re.compile("/console/demo$"))
    expect(page.locator("[data-live=progress]")).to_contain_text("by 8 actions")  # without a reload
    assert person.look("demo-plays") == []
    until_shown(person, "/console/jobs/demo", "offer")
    until_shown(person, "/console/boards/demo", "offer")
    page.goto("/console/demo")
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_text("It was stopped.")).to_be_visible()
    page.get_by_role("button", name="Delete all of it").click()
    expect(page.get_by_role("button", name="Play it")).to_be_visible()
    for path in ("hubs", "jobs", "boards"):
        page.goto(f"/console/{path}")
        expect(page.get_by_role("rowheader", name="demo")).to_have_count(0)


def test_the_layers_of_a_request_just_made_and_two_side_by_side(person: Watched) -> None:
    page = person.page
    for path in ("/hubs", "/jobs"):
        page.goto("/layers")
        page.locator("select[name=path]").select_option(path)
        page.get_by_role("button", name="Trace this request").click()
        expect(page.get_by_role("heading", name="Waterfall")).to_be_visible()

        rows = page.locator("table.fall tbody tr")
        names = rows.locator("th").all_inner_texts()
        order = ["nginx", "on the socket to gunicorn", "reads and parses", "WSGI", "layer request id", "match"]
        places = [names.index(name) for name in order]
        assert places == sorted(places)
        own = [int(text.replace(",", "")) for text in rows.locator("td:nth-child(4)").all_inner_texts()]
        took = page.locator(".facts dd").nth(1).inner_text()
        assert sum(own) == int(re.sub(r"\D", "", took))
        rows.nth(places[-1]).get_by_role("link").click()
        expect(page.get_by_role("heading", name="What Flask does here")).to_be_visible()

    page.goto("/layers")
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare the two chosen").click()
    expect(page).to_have_url(re.compile("/layers/compare"))
    expect(page.get_by_role("cell").first).to_be_visible()
    expect(page.locator(".note").first).to_contain_text(re.compile(r"B took [\d,]+\sµs (more|less)|the same time"))
