"""The service's commands, called in this process, in whatever folder it is."""

from __future__ import annotations

import tomllib
from pkgutil import resolve_name

import click
from click.testing import CliRunner, Result

from ..stack import REPOSITORY

_ADDED = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["wz"]["commands"]

COMMANDS: dict[str, click.Command] = {
    name: resolve_name(target) for name, target in _ADDED.items() if target.startswith("pipeline.commands.")
}


def run(args: tuple[str, ...], **environ: str | None) -> Result:
    return CliRunner().invoke(COMMANDS[args[0]], args[1:], env=environ)
