"""Where a function is written, as a span says it, and whose it is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import PurePath
from types import CodeType, FunctionType
from typing import Any

from ..naming import innermost, written
from .spans import Who

_FRAMEWORK = ("wz/", "werkzeug/", "msgspec/")


def source_of(function: Any) -> str:
    """Return `file:line` of a function, of a class, or of what is called when a callable object is; empty if unknown.

    The file is named as its module is (`handlers/boards/ranks.py`), so that no folder of this machine is in it.
    """
    found = written(function)
    if inspect.isclass(found):
        found = found.__init__
    if not isinstance(found, FunctionType):
        return ""
    return place(found.__code__, found.__code__.co_firstlineno, found.__globals__)


def place(code: CodeType, line: int, names: Mapping[str, Any]) -> str:
    """Return `file:line` for a line of code; `names` are the globals of its module, which a function or a frame has."""
    module, file = str(names.get("__name__") or ""), PurePath(code.co_filename)
    if module in ("", "__main__"):
        return f"{file.name}:{line}"
    folders = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    return f"{'/'.join([*folders, file.name])}:{line}"


def owner_of(where: str) -> Who:
    """Say whose time is spent in code at this place: the framework's, or that of the program made with it."""
    return "wz" if where.startswith(_FRAMEWORK) else "handler"


def name_of(function: Any) -> str:
    """Return a function's name, or that of a callable object's class."""
    found = innermost(function)
    name = getattr(found, "__name__", None)
    return name if isinstance(name, str) else type(found).__name__
