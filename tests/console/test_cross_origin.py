"""A page of another origin, in Chromium: the one of docs/clients.md, which sends events and follows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from playwright.sync_api import Browser, Page, expect

from pipeline.hub.log import Hub
from pipeline.settings import Settings

from .. import stack
from ..docs.client_programs import PROGRAMS
from ..in_thread import in_thread

#: Asks for a path below the hub, and says what the page is shown.
ASK = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return [answer.status, answer.headers.get('X-Request-ID') !== null, answer.headers.get('Retry-After')];
    } catch (error) {
        return error.name;
    }
}"""


class PageServer(ThreadingHTTPServer):
    """A server of pages, on a port of its own: those of the page's programs, and the token that they ask it for."""

    hub = auth = ""  # what the page is told when it asks for a token

    @cached_property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Pages(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        found = {
            "/token": json.dumps({"hub": self.server.hub, "auth": self.server.auth}),
            "/blank.html": "<!doctype html>",
            **{f"/{k}": v for k, v in PROGRAMS.items()},
        }
        text = found.get(self.path)
        self.send_response(404 if text is None else 200)
        kind = {"html": "text/html", "mjs": "text/javascript"}.get(self.path.rpartition(".")[2], "application/json")
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def pages() -> Iterator[PageServer]:
    server = PageServer(("127.0.0.1", 0), _Pages)
    with in_thread(server):
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(stack.PATIENCE * 1000)
    yield context.new_page()
    context.close()


def ask(page: Page, url: str, auth: str = "", **options: Any) -> Any:
    return page.evaluate(ASK, [url, {"headers": {"Authorization": auth} if auth else {}, **options}])


def test_a_page_of_a_named_origin_sends_and_follows_and_another_is_refused(
    page: Page, server_settings: Settings, redis: redis_py.Redis, tmp_path: Path
) -> None:
    settings = replace(server_settings, hubs={"page": 1})  # not `events`, which has four for the tests that follow
    with pages() as named, pages() as other, ExitStack() as edge:
        with stack.gunicorn(tmp_path, settings, WZ_CORS_ORIGINS=named.origin):
            nginx = edge.enter_context(stack.nginx(tmp_path, origins=[named.origin]))
            hub, auth = f"{nginx.address}/page", stack.token()
            named.hub, named.auth = hub, auth

            page.goto(f"{named.origin}/page.html")
            expect(page.locator("#seen li")).to_have_text(['dev-1: {"t": 21.5}', "dev-1: 21.6", "dev-1: 21.7"])
            # Each of these refusals comes from another place: the app, nginx, gunicorn, the app by its map of URLs.
            assert ask(page, f"{hub}/messages", "x", method="POST", body="x") == [401, True, None]
            assert ask(page, f"{hub}/messages", auth, method="POST", body="x" * 2_000_000) == [413, True, None]
            many = {"Authorization": auth} | {f"Property-{number}": "x" for number in range(120)}
            assert ask(page, f"{hub}/messages", method="POST", body="x", headers=many) == [431, True, None]
            assert ask(page, f"{nginx.address}/nowhere/messages", auth, method="POST", body="x") == [404, True, None]
            assert ask(page, f"{nginx.address}/hubs", auth)[0] == 200
            # No cookie crosses, so a page that asks with one is shown nothing.
            assert ask(page, f"{nginx.address}/hubs", auth, credentials="include") == "TypeError"
            assert ask(page, f"{nginx.address}/console/hubs") == "TypeError"

            page.goto(f"{other.origin}/blank.html")
            assert ask(page, f"{hub}/messages", auth, method="POST", body="x") == "TypeError"
            assert ask(page, f"{nginx.address}/hubs", auth) == "TypeError"
            assert len(Hub(redis, "page", 1).read(0)) == 3

        page.goto(f"{named.origin}/blank.html")
        assert ask(page, f"{hub}/messages", auth, method="POST", body="x") == [503, True, "1"]
