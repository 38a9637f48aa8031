"""The options that stand before a command: they set up what it is for, so they are read first."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import click
from click.core import ParameterSource

from ..dotenv import load_dotenv
from ..loading import ScriptInfo


def _load_env_file(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None and find_spec("dotenv") is None:
        raise click.BadParameter("it needs the package python-dotenv: pip install python-dotenv", ctx, param)
    defaults = ctx.ensure_object(ScriptInfo).load_dotenv_defaults
    if (value is not None or defaults) and not ctx.resilient_parsing:  # a shell asks for completions: print no hints
        load_dotenv(value, defaults)


def _set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool | None) -> None:
    source = ctx.get_parameter_source(param.name or "")
    if source not in (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        os.environ["WZ_DEBUG"] = "1" if value else "0"  # not the app's: a function that makes the app may ask for it


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"Python {platform.python_version()}")
    for name, package in (("wz", "wz-wsgi"), ("Werkzeug", "werkzeug")):
        try:
            click.echo(f"{name} {version(package)}")
        except PackageNotFoundError:
            click.echo(f"{name}, a folder that is not installed")
    ctx.exit()


env_file_option = click.Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_load_env_file,
    help="Set the environment variables of this file, before those of .env and .wzenv; those that are set stay.",
)

app_option = click.Option(
    ["-A", "--app"],
    metavar="MODULE[:NAME]",
    is_eager=True,  # before --help, which lists the app's commands
    expose_value=False,
    callback=_set_app,
    help=(
        "The app, or a function that makes it, also with arguments: shop:create_app('test'). MODULE may be a file. "
        "Default: WZ_APP, [tool.wz] app in pyproject.toml, then wsgi.py, app.py."
    ),
)

debug_option = click.Option(
    ["--debug/--no-debug"], default=None, expose_value=False, callback=_set_debug, help="Set the app's debug mode."
)

version_option = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of Python, wz and Werkzeug.",
)
