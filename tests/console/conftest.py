"""A person with a browser before the whole service: `wz up`, with a Redis of its own, and Chromium."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from pipeline.connection_string import ConnectionString
from pipeline.hub.sas import sign

from ..conftest import NO_BROWSER
from ..deploy.running import Up, running, wz
from .browser import Watched, chromium, launch


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium() is None and "CI" not in os.environ:
        pytest.skip(NO_BROWSER)
    with launch() as browser:
        yield browser


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("console")) as up:
        yield up


@dataclass
class Site:
    """The service as people see it."""

    browser: Browser
    up: Up

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.up.port}"

    def link(self) -> str:
        """Return a link that signs in once, as `wz console` prints it."""
        done = wz("console", "--state", self.up.state)
        assert done.returncode == 0, done.stderr
        link: str = re.findall(r"https?://\S+", done.stdout)[-1]
        return link

    def send(self, hub: str, body: str, key: str = "e1") -> None:
        """Send an event as a client of the API does."""
        root = ConnectionString.parse((self.up.state / "connection-string").read_text().strip())
        token = sign(f"{root.url}/{hub}", root.key_name, root.key, int(time.time()) + 600)
        headers = {"Authorization": token, "BrokerProperties": f'{{"PartitionKey":"{key}"}}'}
        request = urllib.request.Request(f"{self.url}/{hub}/messages", body.encode(), headers, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 201

    def visitor(self) -> Watched:
        """Return somebody who has not signed in."""
        return Watched(self.browser, self.url)


@pytest.fixture(scope="session")
def site(browser: Browser, up: Up) -> Site:
    return Site(browser, up)


@pytest.fixture(scope="session")
def cookies(site: Site) -> list[dict[str, object]]:
    """What a browser has kept after signing in by the link."""
    visitor = site.visitor()
    visitor.page.goto(site.link())
    found = visitor.context.cookies()
    visitor.context.close()
    assert found, "signing in set no cookie"
    return [dict(cookie) for cookie in found]


@contextmanager
def looking(site: Site, cookies: list[dict[str, object]]) -> Iterator[Watched]:
    """Somebody with these cookies. What the browser complains about fails the test."""
    one = site.visitor()
    one.context.add_cookies(cookies)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        one.context.close()
    assert one.complaints == []


@pytest.fixture
def visitor(site: Site) -> Iterator[Watched]:
    """Somebody who has not signed in."""
    with looking(site, []) as visitor:
        yield visitor


@pytest.fixture
def person(site: Site, cookies: list[dict[str, object]]) -> Iterator[Watched]:
    """Somebody who has signed in, with all rights."""
    with looking(site, cookies) as person:
        yield person
