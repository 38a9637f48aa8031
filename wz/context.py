"""The current request and app: the context variable that holds them, and Flask's proxies to them.

Handlers are given their request as an argument and need none of this. A proxy looks the context up at every
attribute (about a microsecond), which is the price of not passing things on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from werkzeug.local import LocalProxy

from .http import Request
from .naming import Origin

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from .app import App  # upwards: the current app is one

F = TypeVar("F", bound=Callable[..., Any])
H = TypeVar("H", bound="Callable[[Response], Response]")

#: The key of an environ under which Werkzeug's debugger, or the test client, leaves a function. It is called with the
#: request's context, so that this can be entered again after the request was answered.
PRESERVE = "werkzeug.debug.preserve_context"

_OUTSIDE_REQUEST = """\
Working outside of request context.

`{name}` stands for the request that this thread is answering, but it is not answering any. In a handler, take `request`
as an argument; in a test, use `with app.test_request_context("/path"):`; in a function that runs later or in another
thread, see `copy_current_request_context` and `stream_with_context`.\
"""

_OUTSIDE_APP = """\
Working outside of application context.

`{name}` belongs to the current app, but no app is current here. In a script or a test, use
`with app.app_context():`.\
"""


class AppContext:
    """Makes an app current without a request, for scripts and commands: in a `with`, or from `push` to `pop`.

    Its teardowns run at the end; if it was pushed more than once, at the last `pop`.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.g: Any = app.app_ctx_globals_class()
        self._tokens: list[Token[Request | AppContext]] = []

    def push(self) -> None:
        """Make it current, until it is popped."""
        self._tokens.append(current.set(self._subject()))
        for hook in self.app.appcontext_hooks:
            hook()

    def pop(self, exc: BaseException | EllipsisType | None = ...) -> None:
        """End it and make current what was so before. The teardowns are told `exc`, or what is being handled.

        Raises LookupError if it was not pushed, and AssertionError if another one was pushed since and not popped.
        """
        if not self._tokens:
            raise LookupError(f"this {type(self).__name__} is popped, but it was not pushed")
        found = current.get(None)
        try:
            if len(self._tokens) == 1:
                self._tear_down(sys.exception() if exc is ... else exc)
        finally:
            current.reset(self._tokens.pop())
        if found is not self._subject():
            raise AssertionError(f"{self._subject()!r} is popped, but {found!r} was pushed since: pop that one first")

    def __enter__(self) -> Self:
        self.push()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.pop(error)

    def _subject(self) -> Request | AppContext:
        return self

    def _tear_down(self, error: BaseException | None) -> None:
        self.app.teardown_context(error)


class RequestContext(AppContext):
    """Makes a request current, as the app does for one that it answers.

    That of a request which was answered can be entered again, to look at it: its teardowns then run once more, for what
    was opened meanwhile.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request.app)
        self.request = request
        self.g = request.g

    def _subject(self) -> Request:
        return self.request

    def _tear_down(self, error: BaseException | None) -> None:
        self.app.teardown(self.request, error)


#: The request that is being answered, or the context of an app that is current without a request.
current: ContextVar[Request | AppContext] = ContextVar("wz.current")


def has_request_context() -> bool:
    """Say whether a request is current, so that `request` and `session` stand for something."""
    return isinstance(current.get(None), Request)


def has_app_context() -> bool:
    """Say whether an app is current, in a request or without one, so that `current_app` and `g` stand for something."""
    return current.get(None) is not None


def current_request() -> Request | None:
    """Return the request itself, not a proxy; None outside of one."""
    found = current.get(None)
    return found if isinstance(found, Request) else None


def active_app() -> App | None:
    """Return the current app itself, not a proxy; None outside of one."""
    found = current.get(None)
    return None if found is None else found.app


def require_request() -> Request:
    """Return the request itself, not a proxy. Raises RuntimeError, which says what to do, outside of one."""
    found = current_request()
    if found is None:
        raise RuntimeError(_OUTSIDE_REQUEST.format(name="request"))
    return found


#: Stands for the app of the current request or app context.
current_app = cast("App", LocalProxy(current, "app", unbound_message=_OUTSIDE_APP.format(name="current_app")))
#: Stands for the current context's own namespace, which a request and its hooks share.
g: Any = LocalProxy(current, "g", unbound_message=_OUTSIDE_APP.format(name="g"))
#: Stands for the current request. Handlers are given theirs as an argument, which is faster.
request = cast("Request", LocalProxy(require_request))


def url_for(endpoint: str = "", /, **values: Any) -> str:
    """`App.url_for` of the current app."""
    return current_app.url_for(endpoint, **values)


def after_this_request(hook: H) -> H:
    """Call `hook(response)` with the answer to the current request only; it returns a response.

    Raises RuntimeError when the response is made already: in a stream, or in a hook that is given the response.
    """
    found = require_request()
    if found.finalized and found.after_hooks is None:
        raise RuntimeError(f"{Origin('the hook', hook)} comes too late: the response that it would get has been made")
    found.after_hooks = found.after_hooks or []
    found.after_hooks.append(hook)
    return hook
