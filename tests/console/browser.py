"""The system's Chromium, driven by Playwright, and what every page is held against in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from ..stack import PATIENCE, REPOSITORY

expect.set_options(timeout=PATIENCE * 1000)  # for every test of pages

SCREENSHOTS = REPOSITORY / ".wz" / "screenshots"

#: CSS pixels: a desktop's window, and the narrowest phone.
WIDE, NARROW = 1440, 360
HEIGHT = 900

#: Both schemes and both widths. The two others would show nothing new: no rule of the style sheet asks for both.
_LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", WIDE), ("dark", NARROW))

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_AXE = """async standards => {
    const found = await axe.run(document, {runOnly: standards, resultTypes: ["violations"], preload: false});
    return found.violations.map(one => {
        const [node] = one.nodes;
        const why = [...node.any, ...node.all, ...node.none].map(check => check.message).join(" ");
        return `${one.id}, ${one.nodes.length} times: ${node.html.slice(0, 200)}: ${why.slice(0, 200)}`;
    });
}"""

#: What makes the page wider than its window. A table or code that is too wide must scroll in a box of its own.
TOO_WIDE = """() => {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    return [...document.querySelectorAll("body *")]
        .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll, pre, .sr"))
        .slice(0, 5)
        .map(one => `${one.tagName} ${one.className.baseVal ?? one.className} ends at ${
            Math.round(one.getBoundingClientRect().right)} of ${innerWidth}: ${one.textContent.trim().slice(0, 60)}`);
}"""

#: Labels of a chart that leave it, or lie over each other.
_LABELS = """() => {
    const wrong = [];
    for (const svg of document.querySelectorAll("svg")) {
        if (svg.parentElement.closest("svg") || !svg.checkVisibility()) continue;
        const box = svg.getBoundingClientRect();
        const labels = [...svg.querySelectorAll("text")]
            .filter(text => getComputedStyle(text).display !== "none" && text.textContent.trim())
            .map(text => [text.textContent.trim(), text.getBoundingClientRect()]);
        labels.forEach(([word, one], number) => {
            if (one.left < box.left - 2 || one.right > box.right + 2 || one.top < box.top - 3)
                wrong.push(`the label ${word} leaves its chart`);
            for (const [other, two] of labels.slice(number + 1))
                if (one.left < two.right - 1 && two.left < one.right - 1
                        && one.top < two.bottom - 3 && two.top < one.bottom - 3)
                    wrong.push(`the labels ${word} and ${other} overlap`);
        });
    }
    return wrong;
}"""


def chromium() -> str | None:
    """Return where the system's Chromium is, or WZ_CHROMIUM; None if there is none."""
    return os.environ.get("WZ_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def launch() -> Iterator[Browser]:
    """Run Chromium without a window. It must be there."""
    options = ["--disable-gpu", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # its sandbox does not work for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=options, timeout=PATIENCE * 1000)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A browser of one person, with cookies of its own, who looks at one server, and at no other."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.expected = 200
        self.context: BrowserContext = browser.new_context(
            base_url=url, viewport={"width": WIDE, "height": HEIGHT}, **options
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self.context.on("page", self._watch)
        self.page: Page = self.context.new_page()

    def expect(self, status: int) -> None:
        """Let the browser complain of answers with this status."""
        self.expected = status

    def _watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _hear(self, said: ConsoleMessage) -> None:
        if (
            said.type in ("error", "warning")
            and f"the server responded with a status of {self.expected} " not in said.text
        ):
            self._complain(said.text)

    def _see(self, url: str) -> None:
        if urlsplit(url)[:2] != urlsplit(self.url)[:2] and not url.startswith("data:"):
            self._complain(f"a request to another host: {url}")

    def _complain(self, text: str) -> None:
        self.complaints.append(f"{self.page.url}: {text}")

    def look(self, name: str) -> list[str]:
        """Return what is wrong with the page that is open, wide and light, then narrow and dark.

        Screenshots go to `SCREENSHOTS`, as `NAME-SCHEME-WIDTH.png`.
        """
        page, wrong = self.page, []
        page.evaluate(AXE_SCRIPT)
        for scheme, width in _LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": HEIGHT})
            found = [*page.evaluate(TOO_WIDE), *page.evaluate(_LABELS), *page.evaluate(_AXE, _STANDARDS)]
            page.screenshot(path=screenshot(name, scheme, width), full_page=True)
            wrong += [f"{name}, {scheme}, {width} px: {one}" for one in found]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        return wrong


def screenshot(name: str, scheme: str, width: int, folder: Path = SCREENSHOTS) -> Path:
    """Return a file's path, in a folder that is there then; the one above is private, or `wz up` would refuse it."""
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)
    return folder / f"{name}-{scheme}-{width}.png"
