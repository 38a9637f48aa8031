"""Where a function is written, as a span says it, and whose it is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import PurePath
from types import CodeType
from typing import Any

from .spans import Who

_FRAMEWORK = ("wz/", "werkzeug/", "msgspec/")


def source_of(function: Any) -> str:
    """Return `file:line` of a function, of a class, or of what is called when a callable object is; empty if unknown.

    The file is named as its module is (`handlers/boards/ranks.py`), so that no folder of this machine is in it.
    """
    while (inner := _inside(function)) is not None:
        function = inner
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    return place(code, code.co_firstlineno, names) if isinstance(code, CodeType) else ""


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
    return getattr(inspect.unwrap(function), "__name__", None) or type(function).__name__


def _inside(function: Any) -> Any:
    """What a bound method, a decorator, a partial, a class or a callable object stands for; None for a function."""
    for name in ("__func__", "__wrapped__", "func"):
        if hasattr(function, name):
            return getattr(function, name)
    if inspect.isclass(function):
        return function.__init__ if inspect.isfunction(function.__init__) else None
    return None if hasattr(function, "__code__") or not callable(function) else type(function).__call__
