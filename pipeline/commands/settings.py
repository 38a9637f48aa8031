"""`wz settings`: the settings of a process that is started here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import click
import msgspec

from ..connection_string import ConnectionString
from ..errors import PipelineError
from ..hub.description import Defaults, declared_hubs
from ..settings import DATABASES, SETTINGS, Settings
from ..settings.address import without_password
from ..settings.deployment import DEPLOYMENT
from ..settings.kinds import ADDRESS, NODES
from ..settings.local import service_file, with_service
from ..settings.row import DEFAULT, Setting
from ..store.client import database
from .terminal import columns, one_line_errors

_HEAD = ("setting", "value", "from", "default", "type")


@dataclass(frozen=True)
class ShownSetting:
    """A setting as it is shown: `value` without secrets, and `origin`, the variable or file that it comes from."""

    variable: str
    value: str
    origin: str
    default: str
    type: str
    about: str


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
    problems: list[str] = []
    file = service_file()
    environ = with_service(os.environ, file)
    rows = [*_rows(environ, problems), *_deployment(os.environ)]
    rows = [replace(row, origin=str(file)) if row.origin in environ.keys() - os.environ.keys() else row for row in rows]
    if not problems:
        try:
            found = Settings.from_environ(environ)
            rows = list(_with_what_depends_on_others(rows, found))
            declared_hubs(found)
            Defaults.from_settings(found)
        except PipelineError as exc:
            problems.append(str(exc))
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


def _rows(environ: Mapping[str, str], problems: list[str]) -> Iterator[ShownSetting]:
    for row in SETTINGS:
        value, origin = "?", "?"
        try:
            text, origin = row.find(environ)
            value = _shown(row, text)
        except PipelineError as exc:
            problems.append(str(exc))
        yield ShownSetting(row.variable, value, origin, row.default, type_of(row), row.about)


def _with_what_depends_on_others(rows: Iterable[ShownSetting], found: Settings) -> Iterator[ShownSetting]:
    for row in rows:
        yield replace(row, value=str(found.board_shards)) if row.variable == "WZ_BOARD_SHARDS" else row
        if row.variable == "WZ_REDIS_URL":
            number = database(found)
            origin = "WZ_ENVIRONMENT" if number == DATABASES[found.environment] else "WZ_REDIS_URL"
            yield ShownSetting(
                "(database)", str(number), origin, "", "number", "The database of the server WZ_REDIS_URL."
            )


def _shown(row: Setting, text: str) -> str:
    value = row.read(text)
    if isinstance(value, ConnectionString):
        return str(replace(value, key="..."))
    return without_password(text) if text and row.kind in (ADDRESS, NODES) else text


def _deployment(environ: Mapping[str, str]) -> Iterator[ShownSetting]:
    for row in DEPLOYMENT:
        value = environ.get(row.variable)
        yield ShownSetting(
            row.variable, value or "", row.variable if value else DEFAULT, row.default, row.kind, row.about
        )


def type_of(row: Setting) -> str:
    """Return how a setting is written, with the unit of a bare number."""
    return f"{row.kind.name}; {row.kind.unit}" if row.kind.unit else row.kind.name


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
