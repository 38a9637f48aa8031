"""Finding the app that a command is for, and the project that it belongs to."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click

from .app import App
from .project import Project, current_folder

_FILES = ("app.py", "wsgi.py")
_NAMES = ("app", "application", "create_app", "make_app")
_TARGET = re.compile(r"(?P<module>[\w.]+)(?::(?P<name>\w+)(?P<call>\(\))?)?")


def load_app(target: str | None) -> App:
    """Import the app that `target` names, or find it. Raises `click.UsageError` that says what was looked for."""
    target = target or _find_app()
    if target is None:
        raise click.UsageError(
            "no app found: give --app module:name, set WZ_APP, or run where there is an app.py or wsgi.py"
        )
    match = _TARGET.fullmatch(target)
    if match is None:
        raise click.UsageError(f"--app {target!r}: write module, module:name or module:function()")

    try:
        loaded = import_module(match["module"])
    except ModuleNotFoundError as exc:
        if exc.name is None or not match["module"].startswith(exc.name):
            raise  # the module exists, but something that it imports does not
        raise click.UsageError(f"--app {target!r}: there is no module {exc.name!r} in {current_folder()}") from None
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


def see_the_project() -> Project | None:
    """Import from the project's folder, then from the current one: a console script by itself imports from neither.

    The project comes first: a file in a folder below it must not be taken for one of its packages.
    """
    project = Project.find()
    for folder in ("", str(project.folder)) if project else ("",):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return project


def differences() -> str:
    """Return what the project says of its servers. Raises `click.ClickException` if it says nothing."""
    project = see_the_project()
    if project is None or project.differences is None:
        raise click.UsageError('no differences are known: name them in [tool.wz], differences = "module:function"')
    try:
        text: str = EntryPoint("differences", project.differences, "").load()()
    except (Exception, SystemExit) as exc:
        raise click.ClickException(f"{project.differences!r} can't be loaded: {reason_of(exc)}") from exc
    return text


def reason_of(error: BaseException) -> str:
    """Return one line that says why something named in a project can't be loaded."""
    if isinstance(error, SystemExit):
        return f"importing it ends the process, with {error.code!r}"
    text = error.message if isinstance(error, click.ClickException) else str(error)
    kind = "" if isinstance(error, (click.ClickException, ImportError)) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{text}".split())


def _find_app() -> str | None:
    """Return the app that is nearest: the current folder's pyproject.toml, its app.py or wsgi.py, the project's."""
    project = Project.find()
    app = project.app if project else None
    if project and app and project.folder == current_folder():
        return app
    return next((file.removesuffix(".py") for file in _FILES if Path(file).is_file()), app)
