"""The pages of hubs in a browser, which a script keeps current."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .browser import Watched


@pytest.fixture
def place(person: Watched) -> str:
    """Where an event is that was sent by the form: PARTITION/OFFSET."""
    page = person.page
    page.goto("/?hub=events")
    form = page.locator("form[action='/console/send']")
    form.locator("[name=key]").fill("a key of ours")
    form.locator("[name=body]").fill('{"eventid": "seen", "actionname": "offer_x"}')
    form.locator("button").last.click()
    page.wait_for_url("**/events/*/*")
    return page.url.partition("/events/events/")[2]


def test_an_event_that_was_sent_is_found_and_opened(person: Watched, place: str) -> None:
    page = person.page
    expect(page.locator("h1")).to_contain_text("Event")
    expect(page.locator("pre")).to_contain_text("offer_x")

    page.get_by_role("link", name="a key of ours").click()
    expect(page.locator("#browse")).to_be_visible()
    expect(page.get_by_label("Key")).to_have_value("a key of ours")
    page.locator("tr[data-key] a[href*='event=']").first.click()
    expect(page.locator("#event h3").first).to_contain_text("of partition")
    expect(page.locator("tr[aria-current=true]")).to_have_count(1)


def test_new_events_are_told_and_followed(person: Watched, place: str) -> None:
    page, partition = person.page, place.partition("/")[0]
    page.goto(f"/console/hubs/events?partition={partition}&follow=1")
    expect(page.locator("[data-live-state], [data-live-at]").first).to_be_attached()
    last = page.locator("tr[data-key]").last.get_attribute("data-key")

    other = page.context.new_page()
    other.goto("/?hub=events")
    form = other.locator("form[action='/console/send']")
    form.locator("[name=key]").fill("a key of ours")
    form.locator("[name=body]").fill('{"eventid": "followed"}')
    form.locator("button").last.click()
    other.wait_for_url("**/events/*/*")
    new = other.url.partition("/events/events/")[2].replace("/", ":")
    other.close()

    expect(page.locator(f'tr[data-key="{new}"]')).to_be_attached()
    assert last != new
    assert re.fullmatch(r"\d+:\d+-\d+", new)
