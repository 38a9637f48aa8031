"""The `wz` command and all below it, as `--help` shows them."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name

import click

from wz.cli import main

from .markdown import cell, prose, table

CHECKOUT = Path(__file__).parents[2]


def markdown() -> str:
    """Return a section for each command: the service's in the order of pyproject.toml, then the framework's own."""
    of_project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["wz"]["commands"]
    service = {name: resolve_name(target) for name, target in of_project.items()}
    own = {name: command for name, command in main.commands.items() if name not in service}
    root = click.Context(main, info_name="wz")
    sections = [*_all(service, root), "## The framework's own\n\nThey are for any app: `wz --app NAME COMMAND`.\n"]
    return "\n".join([*sections, *_all(own, root)])


def _all(commands: Mapping[str, click.Command], parent: click.Context) -> Iterator[str]:
    for name, command in commands.items():
        ctx = click.Context(command, info_name=name, parent=parent)
        yield _section(command, ctx)
        if isinstance(command, click.Group):
            yield from _all(command.commands, ctx)


def _section(command: click.Command, ctx: click.Context) -> str:
    level = "##" if ctx.parent is not None and ctx.parent.parent is None else "###"
    pieces = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    text = re.sub("\b\n", "", inspect.cleandoc(command.help or ""))
    options = [_row(option, ctx) for option in command.params if isinstance(option, click.Option) and not option.hidden]
    parts = [f"{level} {ctx.command_path}", _paragraphs(text), f"```text\n{pieces}\n```"]
    return "\n\n".join([*parts, table(("Option", "What it does"), options)])


def _row(option: click.Option, ctx: click.Context) -> tuple[str, str]:
    names, text = option.get_help_record(ctx) or ("", "")
    variable = f" As a variable: `{option.envvar}`." if isinstance(option.envvar, str) else ""
    return f"`{names}`".replace("|", r"\|"), cell(text) + variable


def _paragraphs(text: str) -> str:
    """Return a command's text; what is indented in it is an example."""
    blocks = text.split("\n\n")
    return "\n\n".join(
        f"```text\n{inspect.cleandoc(block)}\n```" if block.startswith("  ") else prose(block) for block in blocks
    )
