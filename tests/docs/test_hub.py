"""docs/hub.md is right: its commands are run, in the page's order, against the service, a worker and an upstream."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner

from handlers import create_app
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay_status import status
from pipeline.settings import Settings
from wz.cli import main

from ..client import validated
from ..commands.serving import serving
from ..stack import REPOSITORY, ROOT, process, token
from ..upstream import Answer, Received, scripted_upstream
from .commands_of_pages import Run, curl, mistakes

PAGE = REPOSITORY / "docs" / "hub.md"


@pytest.fixture
def tools(redis: redis_py.Redis, settings: Settings, tmp_path: Path) -> Iterator[dict[str, Run]]:
    """What the page's commands begin with, and how they are run."""
    app = create_app(settings)
    app.config["TAIL_SECONDS"] = 0.2
    client = validated(app)
    hub = Hubs.from_settings(settings, redis)["events"]
    environ = {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
    }
    azure = tmp_path / "azure.txt"
    shell = {
        "URL": "",
        "all": f"Authorization: {token()}",
        "device": f"Authorization: {token('events/publishers/dev-9')}",
    }

    def wz(words: list[str]) -> str:
        """Call a command; `wz hub send` and `tail` find the service at a port. Files are in the test's folder."""
        files = [
            str(tmp_path / word) if word.endswith(("json", ".gz")) and word[0].isalpha() else word for word in words
        ]
        there = [str(azure) if word == azure.name else word for word in files]
        return CliRunner().invoke(main, there, env={**environ, "WZ_CONNECTION_STRING": str(served)}).output

    def relay(words: list[str]) -> str:
        """Run the worker until the test ends; returns when it has relayed all that is there."""
        command = [sys.executable, "-m", *words]
        env = {**environ, "WZ_UPSTREAM_FILE": str(azure)}
        running.enter_context(process(command, ready=is_relayed, env=env, cwd=REPOSITORY))
        return ""

    def is_relayed() -> bool:
        found = [one.relay for one in status(hub)]
        return all(one.worker is not None and one.group is not None and one.group.lag == 0 for one in found)

    config, *_ = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "Config.json").write_text(config)
    with scripted_upstream() as upstream, serving(settings) as served, ExitStack() as running:
        upstream.answer = refuse_bad
        azure.write_text(str(upstream.target))
        azure.chmod(0o600)
        yield {"curl": curl(client, shell), "wz": wz, "WZ_UPSTREAM_FILE=azure.txt": lambda words: relay(words[:-1])}


def refuse_bad(received: Received) -> Answer:
    return Answer(400, b"the body is bad") if b'"Body":"bad"' in received.body else Answer()


def test_the_commands_print_what_the_page_says(tools: dict[str, Run]) -> None:
    assert mistakes(PAGE, tools) == []
