"""docs/layers.md: its table of steps is the code's, and its numbers are those of the code."""

from __future__ import annotations

import re
import shlex

import redis as redis_py

from handlers import create_app
from handlers.console.layers.flask_places import FLASK
from handlers.console.layers.measured import FILE
from handlers.console.layers.source import PACKAGES
from handlers.console.layers.trace_json import Filters
from handlers.traces import HEADER
from handlers.tracing import Tracing
from pipeline.console.keys import TRACE_TTL
from pipeline.console.traces import MAX_TRACE
from pipeline.settings import Settings
from wz.tracing.commands import trace
from wz.tracing.hidden import LENGTH
from wz.tracing.spans import STEPS

from ..client import ServerlikeClient
from ..stack import token, until
from .commands_of_pages import commands, curl
from .markdown import blocks
from .repository import ROOT

PAGE = ROOT / "docs" / "layers.md"


def test_the_table_of_steps_is_that_of_the_code() -> None:
    table = "\n".join(
        ["| Step | What it is |", "|---|---|", *(f"| `{step}` | {what} |" for step, what in STEPS.items())]
    )

    assert table in PAGE.read_text(), f"docs/layers.md: the table of steps must be\n\n{table}"


def test_a_request_is_traced_as_the_page_says(settings: Settings, redis: redis_py.Redis) -> None:
    (command,) = (command for block in blocks(PAGE, "console") for command in commands(block))
    client = ServerlikeClient(Tracing(create_app(settings)).tracer)
    words = shlex.split(command.text.replace("$(wz token --header)", "$token"))[1:]

    printed = curl(client, {"token": f"Authorization: {token()}"})(words)

    (id,) = re.findall(r"^X-Request-ID: (\S+)", printed, re.MULTILINE)
    headers = {"Authorization": token()}
    until(lambda: client.get(f"/layers/{id}.json", headers=headers).status_code == 200)


def test_the_named_options_and_filters_exist() -> None:
    page = PAGE.read_text()
    options = {name for parameter in trace.params for name in parameter.opts}

    assert set(re.findall(r"(?<=`)--(?:url|id|format|token)(?=`)", page)) <= options
    assert {"--url", "--token", "--id", "--format"} <= options
    assert [name for name in re.findall(r"[?&](\w+)=", page) if name not in Filters.__struct_fields__] == []


def test_numbers_and_names_are_those_of_the_code() -> None:
    page = " ".join(PAGE.read_text().split())

    assert f"`{HEADER}: 1`".lower() in page.lower()
    assert TRACE_TTL == 3600
    assert "each for an hour and in at most 64 KiB" in page
    assert MAX_TRACE == 64 * 1024
    assert f"Anything longer than {LENGTH} characters" in page
    assert (ROOT / "handlers/console/layers/measured.json") == FILE
    assert PACKAGES == ("wz", "handlers", "pipeline", "deploy", "werkzeug", "gunicorn", "redis", "msgspec")
    assert all(place.does for place in FLASK.values())
