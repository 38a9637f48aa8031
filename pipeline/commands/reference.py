"""`wz reference`: the tables that jobs join."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ..reference import References, Table
from ..store.client import redis_client
from ..units import counted
from ..windows.jobs.tables import read_table
from . import terminal
from .job_management import job_registry
from .moments import moment
from .terminal import one_line_errors

_HEAD = ("table", "version from", "put", "rows", "size")


@click.group()
def reference() -> None:
    """Reference data: tables that window jobs join, as `reference = { name = "NAME" }` in job.toml."""


@reference.command("put")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--from", "valid_from", help="A UTC time from when on it holds, 2026-05-01T12:00:00; default: in 5 s.")
@one_line_errors
def put_table(name: str, file: Path, valid_from: str | None) -> None:
    """Put FILE as the table NAME: CSV by its name (.csv), else JSON, an array or an object a line; `-`: standard input.

    Jobs join events from then on with it; a new table holds for all earlier events, too. The last ten versions stay.
    """
    settings = terminal.settings_for_redis(creates=True)
    with click.open_file(str(file), "rb") as opened:
        body = opened.read(settings.max_reference_bytes + 1)
    if len(body) > settings.max_reference_bytes:
        most = terminal.size(settings.max_reference_bytes)
        raise click.ClickException(f"{file}: larger than {most}; WZ_MAX_REFERENCE_SIZE sets the limit")
    rows = read_table(body, file.suffix.lower() == ".csv", str(file))
    since = None if valid_from is None else moment(valid_from)
    _, is_new = References(redis_client(settings)).put(name, rows, since)
    click.echo(f"{'made' if is_new else 'changed'}: {counted(len(rows), 'row')}")


@reference.command("list")
@one_line_errors
def list_tables() -> None:
    """Show every table with its versions."""
    for line in terminal.columns([_HEAD, *(row for table in _references().all() for row in _rows(table))], {0, 1, 2}):
        click.echo(line)


@reference.command("show")
@click.argument("name")
@one_line_errors
def show_table(name: str) -> None:
    """Show the rows of the table NAME that hold now, as lines of JSON."""
    references = _references()
    table, now = references.get(name)
    version = table.version_at(now)
    for row in [] if version is None else references.rows(version.id) or []:
        click.echo(msgspec.json.encode(row))


@reference.command("delete")
@click.argument("name")
@click.confirmation_option(prompt="All of its versions are deleted. Delete it?")
@one_line_errors
def delete_table(name: str) -> None:
    """Delete the table NAME, which no job may join any more."""
    job_registry().delete_reference(name)


def _references() -> References:
    return References(redis_client(terminal.settings_for_redis()))


def _rows(table: Table) -> Iterator[tuple[str, ...]]:
    for version in table.versions:
        since = "always" if version.valid_from is None else terminal.utc(version.valid_from)
        yield table.name, since, terminal.utc(version.put), f"{version.rows:,}", terminal.size(version.size)
