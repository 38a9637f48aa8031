"""docs/console.md: its numbers and names are those of the code, and it shows every page's rights as they are."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import redis as redis_py

from handlers import create_app
from handlers.console import live
from handlers.console.frame import PLACES
from handlers.console.hub import hub
from pipeline.boards import Boards
from pipeline.commands.console import console
from pipeline.commands.demo import demo
from pipeline.console import board_ranks
from pipeline.console.demo import SPEED
from pipeline.console.keys import KEYS, PERIOD, SAMPLES
from pipeline.console.sessions import CODE_SECONDS, SESSION_SECONDS
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.local.trial import EVENTS
from wz.testing import Client

from .. import stack
from .repository import ROOT

PAGE = ROOT / "docs" / "console.md"
TEXT = " ".join(PAGE.read_text().split())


def test_numbers_are_those_of_the_code() -> None:
    assert (CODE_SECONDS, SESSION_SECONDS) == (3600, 12 * 3600)
    assert "once, within an hour" in TEXT
    assert "a token for 12 hours" in TEXT
    assert f"have {live.MAX_LIVE} of each process's places" in TEXT
    assert f"asks again after {live.RETRY} seconds" in TEXT
    assert live.PERIOD == 1
    assert f"samples each {PERIOD} seconds, and that goes back an hour" in TEXT
    assert PERIOD * SAMPLES == 3600
    assert hub.CHART == 600 // PERIOD + 1
    assert "Rates of ten minutes" in TEXT
    assert f"the last {EVENTS:,} events of its hubs" in TEXT
    assert f"the first {board_ranks.RANKS} ranks of up to ten minutes ago" in TEXT
    assert f"at {SPEED:.0f} times their speed" in TEXT


def test_named_options_and_pages_exist() -> None:
    options = {name for parameter in (*console.params, *demo.params) for name in parameter.opts}

    assert set(re.findall(r"`?wz (?:console|demo) (--\w+)", PAGE.read_text())) <= options
    assert [place.path for place in PLACES if f"`{place.path}`" not in TEXT] == []


def test_only_the_demo_is_kept_for_good() -> None:
    assert [key.pattern for key in KEYS if key.ttl is None] == ["console:demo"]


@pytest.fixture
def client(server_settings: Settings, redis: redis_py.Redis) -> Client:
    hubs = Hubs(redis, {"events": 4})
    hubs.refresh()
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Rows": {"type": "stream"}}}
    JobRegistry(redis, hubs, Boards(redis)).put("sums", Definition("SELECT n INTO Rows FROM Input", document))
    Boards(redis)["points"].set("ann", Decimal(1))
    return Client(create_app(server_settings))


_ROW = re.compile(r"^\| (`/[^|]*) \| (Any|Listen|Send|Manage) ", re.MULTILINE)
ROWS = [(path, right) for paths, right in _ROW.findall(PAGE.read_text()) for path in re.findall(r"`(.+?)`", paths)]


@pytest.mark.parametrize(("path", "needed"), ROWS)
def test_a_page_needs_the_right_that_the_table_says(
    client: Client, redis: redis_py.Redis, path: str, needed: str
) -> None:
    path = path.replace("HUB", "events").replace("JOB", "sums").replace("BOARD", "points")
    seen = set()
    for right in Right:
        made = Rules(redis, stack.ROOT).add(right.value, frozenset({right}))
        token = stack.token("", type(stack.ROOT)(stack.ROOT.url, made.name, made.primary))
        answer = client.get(path, headers={"Authorization": token, "Accept": "text/html"})
        assert answer.status_code in (200, 403)
        if answer.status_code == 200:
            seen.add(right)
    assert seen == (set(Right) if needed == "Any" else {Right(needed)})


def test_what_the_pages_have_traced_is_there(client: Client) -> None:
    pages = " ".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    paths = set(re.findall(r"wz trace GET (\S+) --url", pages))

    assert paths
    assert {client.get(path, headers={"Authorization": stack.token()}).status_code for path in paths} == {200}


def test_the_table_has_every_place() -> None:
    assert [place.path for place in PLACES if place.path not in dict(ROWS)] == []
