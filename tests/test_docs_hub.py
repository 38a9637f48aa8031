"""docs/hub.md is right: its commands are run, in the page's order, against the service, a worker and an upstream."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from string import Template
from typing import NamedTuple

import pytest
import redis as redis_py
from click.testing import CliRunner

from handlers import create_app
from pipeline.hub.registry import Hubs
from pipeline.hub.status import status
from pipeline.settings import Settings
from wz.cli import main

from .client import validated
from .stack import REPOSITORY, ROOT, process, token
from .upstream import Answer, Received, scripted_upstream

PAGE = REPOSITORY / "docs" / "hub.md"

#: What curl -d sends unless it is told.
FORM = "application/x-www-form-urlencoded"

Run = Callable[[list[str]], str]


class Command(NamedTuple):
    """A line of the page after "$ ", with those after "> ", and what the page says it prints."""

    line: int
    words: list[str]
    answer: str


def commands() -> Iterator[Command]:
    text = PAGE.read_text()
    for block in re.finditer(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for match in re.finditer(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", block[1], re.MULTILINE):
            line = text.count("\n", 0, block.start(1) + match.start()) + 1
            words = shlex.split(re.sub(r"\\?\n> ", "\n", match[1]), comments=True)
            yield Command(line, words, match[2])


@pytest.fixture
def tools(redis: redis_py.Redis, settings: Settings, tmp_path: Path) -> Iterator[dict[str, Run]]:
    """What the page's commands begin with, and how they are run."""
    app = create_app(settings)
    app.config["TAIL_SECONDS"] = 0.2
    client = validated(app)
    hub = Hubs(redis, settings.hubs, settings.retention)["events"]
    environ = {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
    }
    shell = {
        "HUB": "",
        "all": f"Authorization: {token()}",
        "device": f"Authorization: {token('events/publishers/dev-9')}",
    }
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", "--json", dest="data")

    def curl(words: list[str]) -> str:
        args = parser.parse_args([Template(word).safe_substitute(shell) for word in words])
        method = args.method or ("GET" if args.data is None else "POST")
        headers = {} if args.data is None else {"Content-Type": "application/json" if "--json" in words else FORM}
        headers |= dict(header.split(": ", 1) for header in args.headers)
        answer = client.open(args.url, method=method, headers=headers, data=args.data)
        return f"{answer.text} {answer.status_code}"

    def wz(words: list[str]) -> str:
        return CliRunner().invoke(main, words, env=environ).output

    def relay(words: list[str]) -> str:
        """Run the worker until the test ends; returns when it has relayed all that is there."""
        command = [sys.executable, "-m", *words]
        env = {**environ, "WZ_UPSTREAM_FILE": "azure.txt"}
        running.enter_context(process(command, ready=is_relayed, env=env, cwd=tmp_path))
        return ""

    def is_relayed() -> bool:
        found = [one.relay for one in status(hub)]
        return all(one.worker is not None and one.group is not None and one.group.lag == 0 for one in found)

    with scripted_upstream() as upstream, ExitStack() as running:
        upstream.answer = refuse_bad
        (tmp_path / "azure.txt").write_text(str(upstream.target))
        (tmp_path / "azure.txt").chmod(0o600)
        yield {"curl": curl, "wz": wz, "WZ_UPSTREAM_FILE=azure.txt": lambda words: relay(words[:-1])}


def refuse_bad(received: Received) -> Answer:
    return Answer(400, b"the body is bad") if b'"Body":"bad"' in received.body else Answer()


def test_the_commands_print_what_the_page_says(tools: dict[str, Run]) -> None:
    same, loosely = doctest.OutputChecker().check_output, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    wrong, used = [], set()
    for line, (tool, *words), wanted in commands():
        used.add(tool)
        found = tools[tool](words).strip()
        if not same(wanted, found and found + "\n", loosely):
            wrong.append(f"line {line}: {found}")

    assert not wrong, "\n".join(wrong)
    assert used == tools.keys()
