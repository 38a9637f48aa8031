"""The guide in a browser: every page, in both schemes, wide and narrow; what the scripts of its pages do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from ..console.browser import HEIGHT, NARROW, TOO_WIDE, WIDE, Watched
from .conftest import Built
from .serving import serving

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()

#: Everything that axe knows but contrast, for which see contrast.js. Of code it would look at each token, for half a
#: minute: here a block of code is one piece of text.
AXE = """async () => {
    for (const pre of document.querySelectorAll("pre")) pre.textContent = pre.textContent;
    const found = await axe.run(document, {
        resultTypes: ["violations"], preload: false, rules: {"color-contrast": {enabled: false}},
    });
    return found.violations.map(({id, nodes}) => `${id}, ${nodes.length} times: ${nodes[0].html.slice(0, 200)}`);
}"""

#: Of several hundred pages of code, these stand for the rest: they are made alike.
CODE = ("code", "code/wz/app.py", "code/deploy/nginx.conf")

#: The pages are divided among processes: one would take a minute for all of them.
PARTS = 4


@pytest.fixture(scope="module")
def url(guide: Built) -> Iterator[str]:
    with serving(guide.folder) as url:
        yield url


@pytest.fixture
def reader(browser: Browser, url: str) -> Iterator[Watched]:
    reader = Watched(browser, url)
    yield reader
    reader.context.close()
    assert reader.complaints == []


def addresses(guide: Built) -> list[str]:
    found = (path.parent.relative_to(guide.folder).as_posix() for path in guide.folder.rglob("index.html"))
    return [*sorted(name for name in found if not name.startswith("code")), *CODE]


#: So wide that furo shows the list of pages beside a page, and hardly.
BESIDE = 1024


def faults(page: Page) -> list[str]:
    """Return what is wrong with the page that is open."""
    found = []
    for width in (BESIDE, NARROW):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += [f"in a window of {width}: {one}" for one in page.evaluate(TOO_WIDE)]
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in page.evaluate(CONTRAST)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    found += [f"light: {one}" for one in page.evaluate(CONTRAST)]
    page.evaluate(AXE_SCRIPT)
    return [*found, *page.evaluate(AXE)]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_can_be_read_by_everybody(guide: Built, reader: Watched, part: int) -> None:
    wrong = []
    for address in addresses(guide)[part::PARTS]:
        reader.page.goto(f"{reader.url}{address}/")
        wrong += [f"{address}: {fault}" for fault in faults(reader.page)]

    assert wrong == []


def test_a_search_leads_to_a_page(reader: Watched) -> None:
    page = reader.page
    page.goto(reader.url)
    page.get_by_label("Search").fill("watermark")
    page.keyboard.press("Enter")
    hit = page.locator("#search-results li a").first
    hit.click()

    expect(page.locator("article")).to_contain_text("atermark")
    assert "/search/" not in page.url


@pytest.mark.parametrize(
    ("asked", "page"),
    [
        pytest.param("413", "reference/errors/", id="a status"),
        pytest.param("504", "tour/11_nginx/", id="a status that nginx gives"),
        pytest.param("422 board", "reference/errors/", id="a status and a word"),
        pytest.param("revoke client", "hub/", id="somebody is to be shut out"),
        pytest.param("out of memory", "hub/", id="the store has no room"),
        pytest.param("migrate Flask", "from-flask/", id="a program is to be moved"),
        pytest.param("TLS certificate", "deploy/", id="what only a machine needs"),
        pytest.param("wait without sleeping", "suite/", id="a question about tests"),
        pytest.param("REMOTE_ADDR empty", "life/", id="a name and a word"),
    ],
)
def test_a_search_has_its_page_among_the_first_results(reader: Watched, asked: str, page: str) -> None:
    reader.page.goto(f"{reader.url}search/?q={quote_plus(asked)}")
    expect(reader.page.locator("#search-results")).to_contain_text("matching the search query")
    found = reader.page.locator("#search-results ul.search li > a:first-of-type").evaluate_all(
        "all => all.map(a => a.href)"
    )
    first = [address.removeprefix(reader.url).partition("#")[0].partition("?")[0] for address in found[:5]]

    assert page in first


def test_the_switch_turns_the_page_and_its_pictures(reader: Watched) -> None:
    """A picture asks its element for the scheme, so this is told by the element."""
    page = reader.page
    page.goto(f"{reader.url}hub/")
    picture = page.locator("article img[src$='.svg']").first
    seen = []
    for _ in range(3):
        seen.append(
            (page.evaluate("document.body.dataset.theme"), picture.evaluate("e => getComputedStyle(e).colorScheme"))
        )
        page.locator(".theme-toggle-content button").click()

    assert sorted(seen) == [("auto", "light dark"), ("dark", "dark"), ("light", "light")]


def test_the_first_tab_leads_past_the_navigation(reader: Watched) -> None:
    page = reader.page
    page.goto(f"{reader.url}hub/")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.type === 'checkbox'"):  # furo's: they open the columns, if it is narrow
        page.keyboard.press("Tab")
    expect(page.locator(".skip-to-content")).to_be_focused()
    page.keyboard.press("Enter")

    assert page.url.endswith("#furo-main-content")


def test_a_line_of_code_that_is_linked_is_seen(reader: Watched) -> None:
    page = reader.page
    page.goto(f"{reader.url}code/wz/app.py/#L60")
    line = page.locator("#L60")

    expect(line).to_be_in_viewport()
    assert line.evaluate("e => getComputedStyle(e).backgroundColor") != "rgba(0, 0, 0, 0)"


def test_it_is_read_from_a_folder_without_a_server(guide: Built, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"file://{guide.folder}/index.html")
    page.locator(".sidebar-tree a", has_text="Glossary").or_(
        page.locator(".sidebar-tree a[href='glossary/']")
    ).first.click()
    expect(page).to_have_title("Glossary - wz")
    page.get_by_label("Search").fill("watermark")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.click()
    expect(page.locator("article")).to_contain_text("atermark")
    page.close()


def test_paper_shows_answers_and_no_navigation(reader: Watched) -> None:
    page = reader.page
    page.goto(f"{reader.url}tour/05_errors/")
    page.emulate_media(media="print")

    expect(page.locator(".sidebar-drawer")).to_be_hidden()
    expect(page.locator("details p").last).to_be_visible()
