"""A person writes a query with an error, mends it, tries it, puts it, stops it and deletes it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from .browser import Watched

WRONG = "SELECT TOP 3 eventid INTO Edited FROM Input"
RIGHT = "SELECT eventid, COUNT(*) AS n INTO Edited FROM Input GROUP BY eventid, TumblingWindow(second, 1)"
SETTINGS = '[inputs.Input]\nhub = "events"\n\n[outputs.Edited]\ntype = "stream"\n'


def test_a_query_is_mended_tried_put_stopped_and_deleted(person: Watched) -> None:
    page = person.page
    page.goto("/console/jobs")
    page.get_by_role("link", name="Make a job").click()
    page.get_by_label("Name of the job").fill("edited")
    page.get_by_label("Query").fill(WRONG)
    page.get_by_label("Inputs and outputs").fill(SETTINGS)
    expect(page.get_by_role("button", name="Put it")).to_be_disabled()
    page.get_by_role("button", name="Try it").click()

    expect(page.get_by_role("alert")).to_contain_text("Line 1, column 8: SELECT TOP is not supported")
    shown = [line for line in page.get_by_label("Where the error is").inner_text().splitlines() if line.strip()]
    assert shown[1].index("^") == shown[0].index("TOP")
    expect(page.get_by_label("Query")).to_have_value(WRONG)
    assert all("422" in complaint for complaint in person.complaints)  # Chromium tells of each such answer
    person.complaints.clear()

    page.get_by_label("Query").fill(RIGHT)
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="Trial")).to_be_visible()
    page.get_by_role("button", name="Put it").click()
    expect(page).to_have_url(re.compile("/console/jobs/edited$"))
    expect(page.locator("main")).to_contain_text(re.compile("state\\s*runs"))  # live: within two seconds

    page.get_by_role("button", name="Stop").click()
    expect(page.locator("main")).to_contain_text("It is stopped")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete edited").click()
    expect(page).to_have_url(re.compile("/console/jobs$"))
    expect(page.locator("main")).not_to_contain_text("edited")
