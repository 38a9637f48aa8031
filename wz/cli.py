"""The `wz` command: run an app, show its routes, and whatever installed packages add to it."""

from __future__ import annotations

import inspect
import os
import re
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from .app import App

COMMANDS = "wz.commands"
_FILES = ("app.py", "wsgi.py")
_NAMES = ("app", "application", "create_app", "make_app")
_TARGET = re.compile(r"(?P<module>[\w.]+)(?::(?P<name>\w+)(?P<call>\(\))?)?")


class Group(click.Group):
    """Adds the commands that packages register under the entry-point group `wz.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *entry_points(group=COMMANDS).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None and (found := entry_points(group=COMMANDS, name=cmd_name)):
            loaded = next(iter(found)).load()
            assert isinstance(loaded, click.Command)
            return loaded
        return command


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--app",
    "target",
    envvar="WZ_APP",
    metavar="MODULE[:NAME]",
    help="The app, or a function that makes it. Default: [tool.wz] app in pyproject.toml, then app.py, wsgi.py.",
)
@click.version_option(package_name="wz")
@click.pass_context
def main(ctx: click.Context, target: str | None) -> None:
    """Run and look into WSGI applications made with wz."""
    ctx.obj = target
    if "" not in sys.path:
        sys.path.insert(0, "")  # a console script does not see the folder that it is run in


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--debug/--no-debug", default=True, show_default=True, help="Show tracebacks in the browser.")
@click.option("--reload/--no-reload", default=None, help="Restart when a file changes. Default: as --debug.")
@click.pass_obj
def run(target: str | None, host: str, port: int, debug: bool, reload: bool | None) -> None:
    """Serve the app for development, with a reloader. Not for production: see deploy/."""
    from werkzeug.serving import run_simple

    app = load_app(target)
    app.debug = debug
    run_simple(host, port, app, use_reloader=debug if reload is None else reload, use_debugger=debug, threaded=True)


@main.command()
@click.option(
    "--sort", type=click.Choice(["endpoint", "methods", "rule", "match"]), default="endpoint", show_default=True
)
@click.pass_obj
def routes(target: str | None, sort: str) -> None:
    """List the app's routes; `--sort match` in the order in which they are tried."""
    app = load_app(target)
    app.url_map.update()
    rows = [
        (rule.endpoint, ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})), rule.rule)
        for rule in app.url_map.iter_rules()
    ]
    if sort != "match":
        rows.sort(key=lambda row: row[["endpoint", "methods", "rule"].index(sort)])
    if not rows:
        click.echo("The app has no routes.")
        return
    header = ("Endpoint", "Methods", "Rule")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(3)]
    for row in [header, tuple("-" * width for width in widths), *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def load_app(target: str | None) -> App:
    """Import the app that `target` names, or find it. Raises `click.UsageError` that says what was looked for."""
    target = target or _from_pyproject()
    if target is None:
        module = next((file.removesuffix(".py") for file in _FILES if Path(file).is_file()), None)
        if module is None:
            raise click.UsageError(
                "no app found: give --app module:name, set WZ_APP, or run where there is an app.py or wsgi.py"
            )
        target = module
    match = _TARGET.fullmatch(target)
    if match is None:
        raise click.UsageError(f"--app {target!r}: write module, module:name or module:function()")

    try:
        loaded = import_module(match["module"])
    except ModuleNotFoundError as exc:
        if exc.name is None or not match["module"].startswith(exc.name):
            raise  # the module is there and imports something that isn't
        raise click.UsageError(f"--app {target!r}: there is no module {exc.name!r} in {os.getcwd()}") from None
    names = [match["name"]] if match["name"] else _NAMES
    found: Any = next((getattr(loaded, name) for name in names if hasattr(loaded, name)), None)
    if found is None:
        raise click.UsageError(f"--app {target!r}: the module has none of {', '.join(names)}")
    if not isinstance(found, App) and callable(found):
        try:
            inspect.signature(found).bind()
        except TypeError as exc:
            raise click.UsageError(f"--app {target!r}: {names[0]}() can't be called without arguments: {exc}") from None
        found = found()
    if not isinstance(found, App):
        raise click.UsageError(f"--app {target!r}: found a {type(found).__name__}, not a wz.App")
    return found


def _from_pyproject() -> str | None:
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text())
    except (OSError, tomllib.TOMLDecodeError):
        return None
    app = project.get("tool", {}).get("wz", {}).get("app")
    return app if isinstance(app, str) else None
