"""Rules that hold for every command of the service."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pkgutil import resolve_name

import click
import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.settings import Settings

from ..stack import REPOSITORY

_ADDED = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["wz"]["commands"]

COMMANDS: dict[str, click.Command] = {
    name: resolve_name(target) for name, target in _ADDED.items() if target.startswith("pipeline.commands.")
}


def every(commands: Mapping[str, click.Command], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, command in commands.items():
        yield (*path, name), command.help or ""
        if isinstance(command, click.Group):
            yield from every(command.commands, (*path, name))


def run(args: tuple[str, ...], **environ: str | None) -> Result:
    return CliRunner().invoke(COMMANDS[args[0]], args[1:], env=environ)


@pytest.mark.parametrize(("path", "text"), [pytest.param(*found, id=" ".join(found[0])) for found in every(COMMANDS)])
def test_help_says_what_it_does(path: tuple[str, ...], text: str) -> None:
    shown = run((*path, "--help"))

    assert shown.exit_code == 0
    first = text.split("\n")[0]
    assert first.endswith((".", ":")) or "\n" in text
    assert " ".join(first.split()[:5]) in " ".join(shown.output.split())


#: Some commands that read Redis and need no signing key.
REDIS_ONLY = [
    ("board", "show", "b"),
    ("hub", "status"),
    ("hub", "list"),
    ("hub", "show", "h"),
    ("hub", "deadletters", "list", "h"),
    ("job", "list"),
    ("job", "status"),
]


@pytest.mark.parametrize("args", REDIS_ONLY, ids=" ".join)
def test_what_needs_redis_only_asks_for_no_key(
    redis: redis_py.Redis, settings: Settings, tmp_path: object, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("WZ_CONNECTION_STRING", raising=False)

    result = run(args, WZ_ENVIRONMENT=settings.environment, WZ_REDIS_URL=settings.redis_url)

    assert "WZ_CONNECTION_STRING" not in result.output
    assert result.exit_code == 0 or "Error: there is no " in result.output


@pytest.mark.parametrize("args", [("token",), ("rule", "list"), ("rule", "add", "r", "--right", "Send")], ids=" ".join)
def test_what_signs_asks_for_a_key(tmp_path: object, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("WZ_CONNECTION_STRING", raising=False)

    result = run(args)

    assert (result.exit_code, result.output) == (
        1,
        "Error: WZ_CONNECTION_STRING: set it, or WZ_CONNECTION_STRING_FILE, or run `wz up` once to have a key made\n",
    )


@pytest.mark.parametrize("args", REDIS_ONLY, ids=" ".join)
def test_a_redis_that_is_away_is_one_line(tmp_path: object, args: tuple[str, ...]) -> None:
    result = run(args, WZ_ENVIRONMENT="test", WZ_REDIS_URL=f"unix://{tmp_path}/none.sock")

    assert result.exit_code == 1
    assert result.output.startswith("Error: Redis: ")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(("name", "unwanted"), [("hub", "pipeline.windows"), ("board", "pipeline.windows")])
def test_a_domain_s_commands_load_no_other_domain(name: str, unwanted: str) -> None:
    script = f"import sys, pipeline.commands.{name}; print([m for m in sys.modules if m.startswith({unwanted!r})])"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert loaded == "[]\n"
