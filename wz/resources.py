"""Files beside a program: `open_resource` reads those that come with it, the instance folder has those of one machine.

    with app.open_resource("schema.sql", "r") as file: ...      # beside the app's module
    app.config.from_pyfile("secret.cfg")                        # of App(__name__, instance_relative_config=True)

A path that a client sent belongs to neither: see `wz.static.send_from_directory`.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from .base import BaseApp
from .routing import Router


class Resources(Router):
    """What an app and a blueprint have."""

    root_path: str

    def open_resource(self, resource: str, mode: str = "rb", encoding: str | None = None) -> IO[Any]:
        """Open a file below `root_path` for reading: as bytes, or with the mode "r" or "rt" as text, UTF-8.

        Raises ValueError for another mode, OSError as `open` does.
        """
        if mode not in ("r", "rt", "rb"):
            raise ValueError(f"a resource can only be read: the mode is r, rt or rb, not {mode!r}")
        return _open(os.path.join(self.root_path, resource), mode, encoding)


class AppResources(Resources, BaseApp):
    """What an app has besides: a folder for files that are not part of the program, such as a database."""

    @property
    def instance_path(self) -> str:
        """The instance folder, as `App(instance_path=...)` says or as it is found; it need not exist."""
        if "_instance_path" not in self.__dict__:
            self.__dict__["_instance_path"] = self._app.auto_find_instance_path()
        path: str = self.__dict__["_instance_path"]
        return path

    @instance_path.setter
    def instance_path(self, path: str | os.PathLike[str]) -> None:
        if not os.path.isabs(path):
            raise ValueError(f"the instance path must be absolute, not {os.fspath(path)!r}")
        self.__dict__["_instance_path"] = os.fspath(path)

    def auto_find_instance_path(self) -> str:
        """Return the folder `instance` beside the module or package; `var/NAME-instance` of an installed one's Python.

        The latter is below the virtual environment, or `sys.prefix`, in which the package is installed.
        """
        folder = _folder_of_package(self.import_name)
        prefix = _prefix(Path(folder))
        return os.path.join(folder, "instance") if prefix is None else f"{prefix}/var/{self.name}-instance"

    def open_instance_resource(self, resource: str, mode: str = "rb", encoding: str | None = "utf-8") -> IO[Any]:
        """Open a file below `instance_path`, which may be written as well. Raises OSError as `open` does."""
        return _open(os.path.join(self.instance_path, resource), mode, encoding)


def _open(path: str, mode: str, encoding: str | None) -> IO[Any]:
    return open(path, mode, encoding=None if "b" in mode else encoding or "utf-8")


def _folder_of_package(import_name: str) -> str:
    """Return the folder that the module, or its outermost package, is imported from; the current one if unknown."""
    outermost = import_name.partition(".")[0]
    try:
        spec = find_spec(outermost)
    except (ImportError, ValueError):  # __main__ of a script has no spec
        spec = None
    if spec is None:
        return os.getcwd()
    if spec.has_location and spec.origin is not None:
        path = Path(spec.origin).parent
        return str(path.parent if spec.submodule_search_locations else path)
    return str(_portion(import_name, list(spec.submodule_search_locations or [os.getcwd()])).parent)


def _portion(import_name: str, portions: list[str]) -> Path:
    """Return the folder of a namespace package, which may have several, that holds the module."""
    spec = find_spec(import_name)
    inside = spec.submodule_search_locations if spec is not None else None
    found = Path(os.path.commonpath(list(inside))) if inside else None
    return next((Path(one) for one in portions if found is not None and found.is_relative_to(one)), Path(portions[0]))


def _prefix(folder: Path) -> str | None:
    """Return where Python is installed, if `folder` is one of its own or of a virtual environment's packages."""
    python = os.path.abspath(sys.prefix)
    if folder.is_relative_to(python):
        return python
    if folder.name.lower() != "site-packages":
        return None
    lib = folder.parent
    if lib.name.lower() == "lib":  # prefix/lib/site-packages, as on Windows
        return str(lib.parent)
    return str(lib.parent.parent if lib.parent.name.lower() == "lib" else lib)  # prefix/lib/pythonX.Y/site-packages
