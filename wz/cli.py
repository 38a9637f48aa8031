"""The `wz` command: run an app, show its routes, and what an installed package or a project adds to it.

A package adds commands by the entry-point group `wz.commands`, a project by its pyproject.toml: see `project.py`.
"""

from __future__ import annotations

import code
import functools
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.serving import is_running_from_reloader, run_simple

try:
    import click
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError("the command line needs the package click: pip install click", name=exc.name) from exc

from .app import App
from .context import g
from .loading import load_app, reason_of, see_the_project
from .project import Project, current_folder
from .tracing.commands import layers, trace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COMMANDS = "wz.commands"
_IN_CONTEXT = "_wz_in_context"

F = TypeVar("F", bound=Callable[..., Any])

_ENTRY = re.compile(r"[\w.]+:[\w.]+")


def with_appcontext(function: F) -> F:
    """Run a command inside the context of the app that `wz --app` loaded, so that `current_app` and `g` are there."""

    @click.pass_context
    def run_command(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        loaded = ctx.obj if isinstance(ctx.obj, App) else load_app(ctx.obj)
        with loaded.app_context():
            return ctx.invoke(function, *args, **kwargs)

    setattr(run_command, _IN_CONTEXT, True)
    return cast("F", functools.update_wrapper(run_command, function))


class AppGroup(click.Group):
    """An app's own commands, `app.cli`; each is run in the app's context unless `with_appcontext=False`."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.pop("with_appcontext", True):
            decorate = super().command(*args, **kwargs)
            # Wrapped here already: click takes the options off the function, which another app may also want to add.
            return lambda function: decorate(with_appcontext(function))

        def without_context(function: Callable[..., Any]) -> click.Command:
            made: click.Command = click.command(*args, **kwargs)(function)
            super(AppGroup, self).add_command(made)
            return made

        return without_context

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command made with `@click.command`; it is also run in the app's context."""
        if cmd.callback is not None and not isinstance(cmd, click.Group) and not hasattr(cmd.callback, _IN_CONTEXT):
            cmd.callback = with_appcontext(cmd.callback)
        super().add_command(cmd, name)

    def group(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)


class Group(click.Group):
    """Adds the commands that packages and the project register, then the app's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = {*super().list_commands(ctx), *self._loaded(ctx)}
        try:
            names |= self._app_group(ctx).commands.keys()
        except (Exception, SystemExit) as exc:  # importing an app may raise anything; help is shown nevertheless
            if _target(ctx):
                _warn(ctx, f"the app's commands are not listed: {exc}")
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        try:
            return super().get_command(ctx, cmd_name) or self._find(ctx, cmd_name)
        except (Exception, SystemExit):
            if ctx.resilient_parsing:  # a shell asks for completions
                return None
            raise

    def _find(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return a command that is added. Raises `click.ClickException` that says what was looked at."""
        if point := _added().get(cmd_name):
            try:
                return _load(point)
            except (Exception, SystemExit) as exc:
                raise click.ClickException(
                    f"`wz {cmd_name}` can't be loaded from {point.value!r}: {reason_of(exc)}"
                ) from exc
        project = Project.find()
        file = project.file if project else f"a pyproject.toml in {current_folder()} or above it"
        missing = f"there is no command {cmd_name!r}, neither in wz nor in [tool.wz.commands] of {file}"
        try:
            command = self._app_group(ctx).get_command(ctx, cmd_name)
        except click.UsageError as exc:
            raise click.UsageError(f"{missing}; {exc.message}") from None
        if command is None:
            raise click.UsageError(f"{missing}, nor in the app")
        return command

    def _loaded(self, ctx: click.Context) -> list[str]:
        """Return the names of the added commands that can be loaded; say why the others can't."""
        names: list[str] = []
        failed: dict[str, list[str]] = {}
        try:
            added = _added()
        except click.UsageError as exc:
            _warn(ctx, exc.message)
            return names
        for name, point in added.items():
            try:
                _load(point)
                names.append(name)
            except (Exception, SystemExit) as exc:  # importing a module of commands may raise anything
                failed.setdefault(reason_of(exc), []).append(name)
        for reason, unlisted in failed.items():
            _warn(ctx, f"not listed are {', '.join(unlisted)}: {reason}")
        return names

    def _app_group(self, ctx: click.Context) -> AppGroup:
        see_the_project()
        loaded = load_app(_target(ctx))
        group: AppGroup = loaded.extensions.get("cli") or AppGroup("none")
        return group


def _target(ctx: click.Context) -> str | None:
    """What --app says; --help is read before an environment variable."""
    return ctx.params.get("target") or os.environ.get("WZ_APP")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--app",
    "target",
    envvar="WZ_APP",
    is_eager=True,  # before --help, which lists the app's commands
    metavar="MODULE[:NAME]",
    help="The app, or a function that makes it. Default: [tool.wz] app in pyproject.toml, then app.py, wsgi.py.",
)
@click.version_option(package_name="wz-wsgi")
@click.pass_context
def main(ctx: click.Context, target: str | None) -> None:
    """Run and inspect WSGI applications made with wz."""
    ctx.obj = target
    see_the_project()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--debug/--no-debug",
    default=None,
    help="Show tracebacks, and a console, in the browser. Default: only if no other machine can reach it.",
)
@click.option("--reload/--no-reload", default=True, show_default=True, help="Restart when a file changes.")
@click.pass_obj
def run(target: str | None, host: str, port: int, debug: bool | None, reload: bool) -> None:
    """Serve the app for development, with a reloader. Not for production: see deploy/."""
    debug = host in ("127.0.0.1", "::1", "localhost") if debug is None else debug
    app = _load_to_serve(target)
    if isinstance(app, App):
        app.debug = debug
    run_simple(host, port, app, use_reloader=reload, use_debugger=debug, threaded=True)


@main.command()
@click.option(
    "--sort", type=click.Choice(["endpoint", "methods", "rule", "match"]), default="endpoint", show_default=True
)
@click.pass_obj
def routes(target: str | None, sort: str) -> None:
    """List the app's routes; with `--sort match`, in the order in which they are tried."""
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


@main.command()
@click.pass_obj
def shell(target: str | None) -> None:
    """Open a Python shell in the app's context, with `app` and what its shell context processors add."""
    app = load_app(target)
    with app.app_context():
        names = {"app": app, "g": g}
        for processor in app.extensions.get("shell_context_processors", ()):
            names |= processor()
        code.interact(banner=f"Python {sys.version.split()[0]}, app {app.name}", local=names, exitmsg="")


main.add_command(layers)
main.add_command(trace)


def _load_to_serve(target: str | None) -> WSGIApplication:
    """Load the app, or, after a change that broke it, one that shows the error, so that the reloader keeps running."""
    try:
        return load_app(target)
    except Exception as exc:
        if not is_running_from_reloader():
            raise
        traceback.print_exc()
        broken = exc

    def fail(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise broken

    return fail


def _added() -> dict[str, EntryPoint]:
    """Return each command that a package or the project adds; if both add a name, the project's command."""
    points = {point.name: point for point in entry_points(group=COMMANDS)}
    if project := see_the_project():
        points |= {name: EntryPoint(name, target, COMMANDS) for name, target in project.commands.items()}
    return points


def _load(point: EntryPoint) -> click.Command:
    """Import a command. Raises `click.UsageError`, or whatever the import raises."""
    if not (isinstance(point.value, str) and _ENTRY.fullmatch(point.value)):
        raise click.UsageError('write "module:command"')
    loaded = point.load()
    if not isinstance(loaded, click.Command):
        raise click.UsageError(f"found a {type(loaded).__name__}, not a click.Command")
    return loaded


def _warn(ctx: click.Context, text: str) -> None:
    if not ctx.resilient_parsing:  # a shell asks for completions; what is printed would appear in its prompt
        click.secho(f"{text}\n", err=True, fg="red")
