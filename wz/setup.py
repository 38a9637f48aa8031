"""Set-up has an end: an app's is its first request, a blueprint's its registration.

What is added later would be there in the worker that added it and not in the others, or in no app at all. So it is
refused, as Flask refuses it, and as `Layers.add` does. For what only the constructor reads, the end is the app itself:
who sets it on one is warned.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class SetupError(AssertionError, RuntimeError):
    """What is set up comes too late, or contradicts itself. It is an AssertionError, as programs expect it of Flask."""


def setupmethod(method: F) -> F:
    """Let a router's method be called during set-up only; it raises SetupError when `router.why_late()` has a reason.

    A request pays nothing for it.
    """

    @functools.wraps(method)
    def call(router: Any, *args: Any, **kwargs: Any) -> Any:
        if router.why_late():
            what = "".join(map(_shown, [*args, *kwargs.values()][:1]))
            refuse_late(router, f"{method.__name__}({what})")
        return method(router, *args, **kwargs)

    return cast("F", call)


def refuse_late(router: Any, what: str) -> None:
    """Raise SetupError, which names `what`, when `router.why_late()` has a reason: for set-up that is no method."""
    if why := router.why_late():
        raise SetupError(f"{what} comes too late: {why}")


class ReadOnce(Generic[T]):
    """A class attribute that an app's constructor reads: a subclass may have another, an app itself is told."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> T:
        return self.value

    def __set__(self, instance: object, value: T) -> None:
        from .untaken import warn_too_late  # optional: a program that does nothing in vain does not load it

        warn_too_late(instance, self.name)


def _shown(value: object) -> str:
    """Return a function's name, a blueprint's in quotes, and anything else as Python shows it."""
    if callable(value):
        return str(getattr(value, "__qualname__", value))
    return repr(getattr(value, "name", value))
