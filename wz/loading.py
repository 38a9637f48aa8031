"""Finding the app that a command is for, and the project that it belongs to.

shop                      its `app` or `application`, or its only App, or what `create_app()` or `make_app()` makes
shop:admin                what is called so in the module: an App, or a function that makes one
shop:create_app("test")   what the function makes of these arguments, which are literals
./hello.py                a file, or a package's folder, instead of a module's name
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from .app import App
from .config import get_debug_flag
from .project import Project, current_folder

_FOUND = ("wsgi", "app")
_APPS = ("app", "application")
_FACTORIES = ("create_app", "make_app")
_MODULE = re.compile(r"\w[\w.-]*")
_COLON = re.compile(r":(?![\\/])")  # and not that of a drive


class NoAppException(click.UsageError):
    """No app is found, or it can't be loaded: then `__cause__` is what importing or making it has raised."""


class ScriptInfo:
    """What a command knows of the app that it is for, which it loads when it needs it; it is the object of its context.

    `create_app()` makes the app; without it, `app_import_path` names it as `--app` does. With `set_debug_flag` the app
    is in debug as WZ_DEBUG says, which `--debug` sets. `load_dotenv_defaults` says whether files such as `.env` count.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., App] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.set_debug_flag = set_debug_flag
        self.load_dotenv_defaults = load_dotenv_defaults
        self.data: dict[Any, Any] = {}  # the program's own
        self._app: App | None = None

    def load_app(self) -> App:
        """Return the app, the same one each time. Raises `NoAppException`, or what `create_app()` raises."""
        if self._app is None:
            app = self.create_app() if self.create_app else load_app(self.app_import_path)
            if not isinstance(app, App):
                raise NoAppException(f"create_app() made a {type(app).__name__}, not a wz.App")
            if self.set_debug_flag:
                app.debug = get_debug_flag()
            self._app = app
        return self._app


#: Decorates a command, which then takes its `ScriptInfo` as the first argument.
pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


def load_app(target: str | None = None) -> App:
    """Import the app that `target` names, or find it. Raises `NoAppException` that says what was looked for."""
    put_project_on_path()
    target = target or _find_app()
    if target is None:
        of_flask = " (FLASK_APP is not read)" if "FLASK_APP" in os.environ else ""
        raise NoAppException(
            f"no app found: give --app module:name, set WZ_APP{of_flask}, or run where there is an app.py or wsgi.py"
        )
    path, *rest = _COLON.split(target, maxsplit=1)
    try:
        module = _import(_module_of(path))
        found = _call_of(module, rest[0]) if rest else _best_of(module)
    except NoAppException as exc:
        raise NoAppException(f"--app {target!r}: {exc.message}") from exc.__cause__
    if not isinstance(found, App):
        raise NoAppException(f"--app {target!r}: found a {type(found).__name__}, not a wz.App")
    return found


def _find_app() -> str | None:
    """Return the app that is nearest: the current folder's pyproject.toml, its wsgi or app, the project's."""
    project = Project.find()
    app = project.app if project else None
    if project and app and project.folder == current_folder():
        return app
    return next((name for name in _FOUND if _is_module(Path(name))), app)


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _module_of(path: str) -> str:
    """Return the name of a module; if a file or a folder is given, its top folder becomes the first to import from."""
    if not path.endswith(".py") and not re.search(r"[\\/]", path):
        if not _MODULE.fullmatch(path):
            raise NoAppException("write module, module:name or module:function()")
        return path
    module = Path(path.removesuffix(".py")).resolve()
    if not _is_module(module):
        raise NoAppException(f"there is no file {path!r} in {current_folder()}")
    if module.name == "__init__":
        module = module.parent
    names, folder = [module.name], module.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if sys.path[0] != str(folder):
        sys.path.insert(0, str(folder))
    return ".".join(names)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        is_itself = f"{name}.".startswith(f"{exc.name}.") and _own(exc) is None
        if not is_itself:
            raise _failure(f"importing {name!r} fails", exc) from exc
        raise NoAppException(f"there is no module {exc.name!r} in {current_folder()}") from None
    except Exception as exc:
        raise _failure(f"importing {name!r} fails", exc) from exc


def _best_of(module: ModuleType) -> Any:
    """Return the app of the usual name, else the only app, else what the usual function makes."""
    apps = {id(value): name for name, value in vars(module).items() if isinstance(value, App)}
    usual = [name for name in _APPS if isinstance(getattr(module, name, None), App)]
    if usual or len(apps) == 1:
        return getattr(module, (usual or list(apps.values()))[0])
    if apps:
        raise NoAppException(f"the module has several apps, {', '.join(apps.values())}: write {module.__name__}:name")
    for name in _FACTORIES:
        if inspect.isfunction(factory := getattr(module, name, None)):
            return _made_by(factory, (), {})
    raise NoAppException(f"the module has no app, and none of {', '.join(_FACTORIES)}")


def _call_of(module: ModuleType, text: str) -> Any:
    """Return what a name, or a call with literals, stands for in a module."""
    wrong = f"{text!r} must be a name, or a call of one with literals, as in create_app('test', debug=True)"
    try:
        node = ast.parse(text.strip(), mode="eval").body
        call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
        args = [ast.literal_eval(arg) for arg in call.args]
        kwargs = {keyword.arg or "**": ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        raise NoAppException(wrong) from None
    if not isinstance(call.func, ast.Name) or "**" in kwargs:
        raise NoAppException(wrong)
    name = call.func.id
    if not hasattr(module, name):
        others = [other for other, value in vars(module).items() if isinstance(value, App) or other in _FACTORIES]
        raise NoAppException(f"the module has no {name}" + (f"; it has {', '.join(others)}" if others else ""))
    found = getattr(module, name)
    return found if isinstance(found, App) or not callable(found) else _made_by(found, args, kwargs)


def _made_by(factory: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    name = getattr(factory, "__name__", repr(factory))
    try:
        inspect.signature(factory).bind(*args, **kwargs)
    except TypeError as exc:
        how = "with these arguments" if args or kwargs else "without arguments"
        raise NoAppException(f"{name}() can't be called {how}: {exc}") from None
    try:
        return factory(*args, **kwargs)
    except click.ClickException:
        raise
    except Exception as exc:
        raise _failure(f"{name}() fails", exc) from exc


def _failure(what: str, exc: Exception) -> NoAppException:
    """Return the error that tells of another one, with the traceback as far as it is the program's own."""
    told = "".join(traceback.format_exception(type(exc), exc, _own(exc)))
    return NoAppException(f"{what}:\n\n{told}")


def _own(exc: Exception) -> Any:
    """Return the traceback from the first line of the program on, without this file and the import system."""
    found = exc.__traceback__
    while found is not None:
        file = found.tb_frame.f_code.co_filename
        if file not in (__file__, importlib.__file__) and not file.startswith("<frozen importlib"):
            break
        found = found.tb_next
    return found


def put_project_on_path() -> Project | None:
    """Import from the project's folder, then from the current one: a console script by itself imports from neither.

    The project comes first: a file in a folder below it must not be taken for one of its packages.
    """
    project = Project.find()
    for folder in ("", str(project.folder)) if project else ("",):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return project


def differences_of_project() -> str:
    """Return what the project says of its servers. Raises `click.ClickException` if it says nothing."""
    project = put_project_on_path()
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
