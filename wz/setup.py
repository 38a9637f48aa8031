"""Set-up has an end: an app's is its first request, a blueprint's its registration.

What is added later would be there in the worker that added it and not in the others, or in no app at all. So it is
refused, as Flask refuses it, and as `Layers.add` does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class SetupError(AssertionError, RuntimeError):
    """What is set up comes too late, or contradicts itself. It is an AssertionError, as programs expect it of Flask."""


def setupmethod(method: F) -> F:
    """Let a router's method be called during set-up only; it raises SetupError when `router.why_late()` has a reason.

    A request pays nothing for it.
    """

    @functools.wraps(method)
    def call(router: Any, *args: Any, **kwargs: Any) -> Any:
        why = router.why_late()
        if why:
            what = ", ".join(_shown(value) for value in [*args, *kwargs.values()][:1])
            raise SetupError(f"{method.__name__}({what}) comes too late: {why}")
        return method(router, *args, **kwargs)

    return cast("F", call)


def _shown(value: object) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "name", None)
    return name if callable(value) and isinstance(name, str) else repr(name if isinstance(name, str) else value)
