"""Taking the current request along: into a thread, or into a body that is sent after the handler returned."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
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


def stream_with_context(body: Any) -> Any:
    """Keep the current request for a body that is sent after the handler returned: any iterable, or its function."""
    if isinstance(body, Iterable) or not callable(body):
        return Stream(body, require_request())

    @functools.wraps(body)
    def stream(*args: Any, **kwargs: Any) -> Stream:
        return Stream(body(*args, **kwargs), require_request())

    return stream


class Stream:
    """An iterator that makes a request current for each step: between two, a server may go on with another request.

    At its end it closes what it iterates over, also if nothing was asked for, as in an answer to HEAD. Then the
    teardown hooks run once more, as Flask's do, for what the steps opened. They are told what a step raised,
    GeneratorExit if the client left before the end, and otherwise None.
    """

    def __init__(self, body: Iterable[Any], request: Request) -> None:
        self._request = request
        self._has_begun = False
        self._has_ended = False
        self._steps = iter(body)
        self._closing = ExitStack()
        for opened in (body,) if self._steps is body else (body, self._steps):
            if hasattr(opened, "close"):
                self._closing.callback(opened.close)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._has_begun = True
        token = current.set(self._request)
        try:
            return next(self._steps)
        except StopIteration:
            self._end(None)
            raise
        except BaseException as exc:
            self._end(exc)
            raise
        finally:
            current.reset(token)

    def close(self) -> None:
        """End the stream; a server does so after the last byte, or when the client has gone."""
        token = current.set(self._request)
        try:
            self._end(GeneratorExit() if self._has_begun else None)
        finally:
            current.reset(token)

    def __del__(self) -> None:
        if self._has_begun:  # a server, or a test, has dropped it without closing it
            self.close()

    def _end(self, error: BaseException | None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._steps = iter(())
        try:
            self._closing.close()
        except BaseException as exc:
            error = exc
            raise
        finally:
            self._request.app.teardown(self._request, error)
            del error  # or this frame, which the exception's traceback refers to, would keep it alive
