"""`wz routes`: the table of an app's routes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from ..loading import ScriptInfo, pass_script_info
from ..routes import AUTOMATIC, RouteRow


@click.command("routes")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(["endpoint", "methods", "domain", "rule", "match"]),
    default="endpoint",
    show_default=True,
    help="The column to sort by; 'match' leaves the order of the app's map.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS, too, which come by themselves.")
@click.option("--json", "as_json", is_flag=True, help="Write everything that is known of each route, as JSON.")
@pass_script_info
def routes_command(info: ScriptInfo, sort: str, all_methods: bool, as_json: bool) -> None:
    """List the app's routes."""
    app = info.load_app()
    hidden = frozenset[str]() if all_methods else AUTOMATIC
    lines = [(row, _cells(row, hidden)) for row in app.routes]
    if sort != "match":
        lines.sort(key=lambda line: line[1][sort])
    if as_json:
        click.echo(json.dumps([row.as_dict() for row, _ in lines], indent=2, default=repr))
        return
    if not lines:
        click.echo("No routes were registered.")
        return
    titles = {"endpoint": "Endpoint", "methods": "Methods", "domain": "", "rule": "Rule"}
    if any(row.domain for row, _ in lines):
        titles["domain"] = "Host" if app.url_map.host_matching else "Subdomain"
    columns = [name for name, title in titles.items() if title]
    table = [[cells[name] for name in columns] for cells in (titles, *(cells for _, cells in lines))]
    for line in _aligned(table):
        click.echo(line)


def _cells(row: RouteRow, hidden: frozenset[str]) -> dict[str, str]:
    methods = ", ".join(method for method in row.methods or () if method not in hidden)
    return {"endpoint": row.endpoint, "methods": methods, "domain": row.domain, "rule": row.rule}


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, whose first row is its head."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = [table[0], ["-" * width for width in widths], *table[1:]]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
