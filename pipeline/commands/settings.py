"""`wz settings`: the settings of a process that is started here."""

from __future__ import annotations

import os
import sys

import click
import msgspec

from ..console.shown_settings import ShownSetting, shown_settings, type_of
from ..settings import SETTINGS
from ..settings.deployment import DEPLOYMENT
from ..settings.local import service_file
from ..settings.row import Setting
from .terminal import columns, one_line_errors

_HEAD = ("setting", "value", "from", "default", "type")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs, with what each setting is for.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The tables of docs/settings.md; no values.")
@one_line_errors
def settings(as_json: bool, as_markdown: bool) -> None:
    """Show every setting: its value here, where that comes from, its default and unit. Secrets are not shown.

    Exit code 1 if one is wrong, or if two can't be used together. docs/settings.md describes each.
    """
    if as_markdown:
        click.echo(markdown())
        return
    rows, problems = shown_settings(os.environ, service_file())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
    else:
        for line in columns([_HEAD, *map(_cells, rows)], range(len(_HEAD))):
            click.echo(line)
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        sys.exit(1)


def _cells(row: ShownSetting) -> tuple[str, ...]:
    return tuple(cell or "-" for cell in (row.variable, row.value, row.origin, row.default, row.type))


def markdown() -> str:
    """Return the tables of docs/settings.md."""
    head = "| Setting | Type; unit of a number | Default | What for |\n|---|---|---|---|"
    settings = [_line(f"`{row.variable}`", type_of(row), _code(row.default), _with_file(row)) for row in SETTINGS]
    deployment = [_line(f"`{row.variable}`", row.kind, row.default, row.about) for row in DEPLOYMENT]
    return "\n".join([head, *settings, "", "Variables that deploy/ and `wz` read themselves:", "", head, *deployment])


def _with_file(row: Setting) -> str:
    if not row.file:
        return row.about
    default = f", by default `{row.default_file}`" if row.default_file else ""
    return f"{row.about} `{row.file_variable}` may name a file that has it{default}, which no other user may read."


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
