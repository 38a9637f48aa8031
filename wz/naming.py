"""How an error names the code that it is about, and where that code is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType
from typing import Any

#: Decorators and partials around a function that are looked through.
_WRAPPERS = 20


def innermost(function: Any) -> Any:
    """Return the function inside of bound methods, decorators and partials; anything else as it is."""
    for _ in range(_WRAPPERS):
        if isinstance(function, MethodType):
            function = function.__func__
        elif isinstance(function, partial):
            function = function.func
        elif isinstance(function, FunctionType) and hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    return function


def written(function: Any) -> Any:
    """Return the function whose text runs when `function` is called: of a callable object, its class's `__call__`."""
    found = innermost(function)
    call = getattr(type(found), "__call__", None)  # noqa: B004  # of its class: it may be a function of Python
    return call if isinstance(call, FunctionType) else found


class Origin:
    """Which function a value comes from: `str()` has its name, file and line. Only an error needs that text."""

    __slots__ = ("function", "what")

    def __init__(self, what: str, function: Callable[..., Any]) -> None:
        self.what = what
        self.function = function

    def __str__(self) -> str:
        function = written(self.function)
        code = getattr(function, "__code__", None)
        return f"{self.what} {function.__qualname__}" + (f" ({code.co_filename}:{code.co_firstlineno})" if code else "")
