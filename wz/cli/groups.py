"""Groups of commands: an app's own, and the one that finds the app and everything that is added to it."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, cast

import click

from ..app import App
from ..context import active_app, has_app_context
from ..dotenv import get_load_dotenv
from ..loading import ScriptInfo, put_project_on_path, reason_of
from ..project import Project, current_folder
from ..serving import RUN_FROM_CLI
from ..tracing.commands import layers, trace
from .options import app_option, debug_option, env_file_option, version_option
from .routes import routes_command
from .run import run_command
from .shell import shell_command

COMMANDS = "wz.commands"
_IN_CONTEXT = "_wz_in_context"

F = TypeVar("F", bound=Callable[..., Any])

_ENTRY = re.compile(r"[\w.]+:[\w.]+")


def with_appcontext(function: F) -> F:
    """Run a command inside the context of the app that it is for, so that `current_app` and `g` are there."""

    @click.pass_context
    def run_command(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if not has_app_context():
            ctx.with_resource(ctx.ensure_object(ScriptInfo).load_app().app_context())
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

    def add_group(self, group: AppGroup, name: str | None) -> None:
        """Add a group under a name, or, if that is None, its commands beside one's own."""
        if name is None:
            self.commands.update(group.commands)
        else:
            super().add_command(group, name)


class Group(AppGroup):
    """Adds the commands that packages and the project register, then the app's own.

    A program's own script may use it: `@click.group(cls=Group, create_app=create_app)`. The other arguments are those
    of Flask's own group. An option of a command is also read from a variable: WZ, the command's name and the option's.
    """

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., App] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        # Options with callbacks, and no callback of the group: that is left to the program. Files come first, as they
        # may name the app.
        params = [*(extra.pop("params", None) or ()), env_file_option, app_option, debug_option]
        settings = {"auto_envvar_prefix": "WZ", "help_option_names": ["-h", "--help"]}
        settings |= extra.pop("context_settings", None) or {}
        if add_version_option:
            params.append(version_option)
        super().__init__(params=params, context_settings=settings, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        for command in (run_command, shell_command, routes_command, layers, trace) if add_default_commands else ():
            self.add_command(command)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command as it is: one that needs the app loads it, or uses `with_appcontext`."""
        click.Group.add_command(self, cmd, name)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        os.environ[RUN_FROM_CLI] = "true"
        if "obj" not in extra and "obj" not in self.context_settings:
            dotenv = get_load_dotenv(self.load_dotenv)
            extra["obj"] = ScriptInfo(None, self.create_app, self.set_debug_flag, dotenv)
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options and the name of the command."""
        if not args or (len(args) == 1 and args[0] in self.get_help_option_names(ctx)):
            # click shows help without reading the environment, which may name the app whose commands help lists.
            for option in (env_file_option, app_option):
                option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = {*super().list_commands(ctx), *self._loaded(ctx)}
        info = ctx.ensure_object(ScriptInfo)
        try:
            names |= _group_of(info.load_app()).commands.keys()
        except (Exception, SystemExit) as exc:  # importing an app may raise anything; help is shown nevertheless
            if info.app_import_path or info.create_app:
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
            app = ctx.ensure_object(ScriptInfo).load_app()
        except click.UsageError as exc:
            raise click.UsageError(f"{missing}; {exc.message}") from None
        command = _group_of(app).get_command(ctx, cmd_name)
        if command is None:
            raise click.UsageError(f"{missing}, nor in the app")
        if active_app() is not app:  # for the callbacks of the command's options as well
            ctx.with_resource(app.app_context())
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


def _group_of(app: App) -> AppGroup:
    """Return the app's commands, without loading or making anything for an app that has none."""
    group: AppGroup = app.extensions.get("cli") or AppGroup("none")
    return group


def _added() -> dict[str, EntryPoint]:
    """Return each command that a package or the project adds; if both add a name, the project's command."""
    points = {point.name: point for point in entry_points(group=COMMANDS)}
    if project := put_project_on_path():
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
