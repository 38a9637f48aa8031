"""Taking the current request along: into a thread, or into a generator that is streamed after the handler returned."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from .context import current, require_request
from .http import Request

F = TypeVar("F", bound=Callable[..., Any])


def copy_current_request_context(function: F) -> F:
    """Let `function` see the current request wherever it is called: in a thread, in a pool, later.

    It must not read a body that was not read before, and must not use what the request's teardown hooks close.
    """
    found = require_request()
    context = contextvars.copy_context()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        def run() -> Any:
            current.set(found)
            return function(*args, **kwargs)

        return context.copy().run(run)

    return cast("F", call)


def stream_with_context(generator: Any) -> Any:
    """Keep the current request for a generator that is streamed after the handler returned, or for its function."""
    if not hasattr(generator, "__next__"):

        @functools.wraps(generator)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            return cast("Iterator[Any]", stream_with_context(generator(*args, **kwargs)))

        return stream
    return _stream(generator, require_request())


def _stream(generator: Iterator[Any], found: Request) -> Iterator[Any]:
    """Make the request current for each step only: between two steps, a server may go on with another request.

    The teardown hooks run once more at the end, as Flask's do, for what the generator opened.
    """
    close = getattr(generator, "close", None)
    try:
        while True:
            token = current.set(found)
            try:
                item = next(generator)
            except StopIteration:
                return
            finally:
                current.reset(token)
            yield item
    finally:
        token = current.set(found)
        try:
            if close is not None:
                close()
        finally:
            found.app.teardown(found, None)
            current.reset(token)
