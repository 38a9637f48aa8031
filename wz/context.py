"""The current request and app: the context variable that holds them, and Flask's proxies to them.

Handlers are given their request as an argument and need none of this. A proxy looks the context up at every
attribute (about a microsecond), which is the price of not passing things on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.local import LocalProxy

from .http import Globals, Request
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
Working outside of a request.

`{name}` stands for the request that this thread is answering, but it is not answering any. In a handler, take `request`
as an argument; in a test, use `with app.test_request_context("/path"):`; in a function that runs later or in another
thread, see `copy_current_request_context` and `stream_with_context`.\
"""

_OUTSIDE_APP = """\
Working outside of an application.

`{name}` belongs to the current app, but no app is current here. In a script or a test, use
`with app.app_context():`.\
"""


class AppContext:
    """`with` makes an app current without a request, for scripts and commands; its teardowns run at the end."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.g = Globals()
        self._tokens: list[Token[Request | AppContext]] = []

    def __enter__(self) -> AppContext:
        self._tokens.append(current.set(self))
        for hook in self.app.appcontext_hooks:
            hook()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            self.app.teardown_context(error)
        finally:
            current.reset(self._tokens.pop())


class RequestContext:
    """`with` makes a request current, as the app does for one that it answers; its teardowns run at the end."""

    def __init__(self, request: Request) -> None:
        self.app = request.app
        self.request = request
        self.g = request.g
        self._tokens: list[Token[Request | AppContext]] = []

    def __enter__(self) -> RequestContext:
        self._tokens.append(current.set(self.request))
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            self.app.teardown(self.request, error)
        finally:
            current.reset(self._tokens.pop())


class PreservedContext(RequestContext):
    """The context of a request that was answered, entered again to look at it: its teardowns are not run again."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        current.reset(self._tokens.pop())


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


current_app = cast("App", LocalProxy(current, "app", unbound_message=_OUTSIDE_APP.format(name="current_app")))
g: Any = LocalProxy(current, "g", unbound_message=_OUTSIDE_APP.format(name="g"))
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
