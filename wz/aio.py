"""`async def` views, hooks and error handlers on a WSGI server: each call runs an event loop to its end.

This makes it possible to call asynchronous libraries, and to wait for several things at a time. It does not make the
server asynchronous: the thread is busy until the coroutine is done.

The loop is new for each call (about 80 us; one kept per thread would be 20). So no task outlives the call that started
it, asynchronous generators are closed, and a fork inherits no loop. The price: what belongs to a loop, such as an
asynchronous client's connections, can't be kept from one call to the next.

asyncio is imported by the first call: the module itself belongs to the core, and a program without coroutines is spared
the 40 ms.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_NOTHING = object()


def synchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a coroutine function as a plain one that runs it to its end; return any other function as it is."""
    if not inspect.iscoroutinefunction(function):
        return function
    return ensure_sync(function)


def ensure_sync(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return a coroutine function as a plain one that blocks until it is done.

    Context variables flow both ways: `request` and `g` work inside, and what the coroutine sets is seen after it.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    return call


class Coroutines:
    """What an app has of this file."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a plain function: a decorator calls a view by it, which may be a coroutine function."""
        return synchronous(func)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread of its own if this one's event loop is running already."""
    context = copy_context()
    try:
        if _running():
            from concurrent.futures import ThreadPoolExecutor  # as below

            with ThreadPoolExecutor(1, "wz-async") as thread:
                return thread.submit(_run, coroutine, context).result()
        return _run(coroutine, context)
    finally:
        for variable, value in context.items():
            if variable.get(_NOTHING) is not value:
                variable.set(value)


def _running() -> bool:
    import asyncio  # 40 ms

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(coroutine: Coroutine[Any, Any, T], context: Context) -> T:
    import asyncio  # 40 ms

    with asyncio.Runner() as runner:
        return runner.run(coroutine, context=context)
