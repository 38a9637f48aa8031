"""How an error names the code that it is about."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


class Origin:
    """Which function a value comes from: `str()` has its name, file and line. Only an error needs that text."""

    __slots__ = ("function", "what")

    def __init__(self, what: str, function: Callable[..., Any]) -> None:
        self.what = what
        self.function = function

    def __str__(self) -> str:
        function = inspect.unwrap(self.function)
        if isinstance(function, functools.partial):
            function = function.func
        name = getattr(function, "__qualname__", type(function).__qualname__)
        code = getattr(function, "__code__", None)
        return f"{self.what} {name}" + (f" ({code.co_filename}:{code.co_firstlineno})" if code else "")
