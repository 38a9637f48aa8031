"""The current request as a context variable, and the proxies that Flask builds on it.

Handlers are given their request as an argument and need none of this. A proxy looks the context up at every
attribute (about a microsecond), which is the price of not passing things on.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from .app import App
    from .http import Request

_OUTSIDE = """\
Working outside of a request.

`{name}` stands for the request that this thread is answering, and it is answering none. In a handler, take `request`
as an argument; in a test, use `with app.test_request_context("/path"):`.\
"""


class RequestContext:
    """One request's turn: `with` makes it the current one, and what was current before comes back after it."""

    __slots__ = ("_token", "app", "g", "request")

    def __init__(self, app: App, request: Request) -> None:
        self.app = app
        self.request = request
        self.g = Globals()

    def __enter__(self) -> RequestContext:
        self._token: Token[RequestContext] = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


class Globals(SimpleNamespace):
    """A place for what one request's hooks and handlers want to share."""

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)

    def __contains__(self, name: str) -> bool:
        return hasattr(self, name)


_current: ContextVar[RequestContext] = ContextVar("wz.request_context")

current_app: App = LocalProxy(_current, "app", unbound_message=_OUTSIDE.format(name="current_app"))  # type: ignore[assignment]
g: Any = LocalProxy(_current, "g", unbound_message=_OUTSIDE.format(name="g"))
request: Request = LocalProxy(_current, "request", unbound_message=_OUTSIDE.format(name="request"))  # type: ignore[assignment]


def has_request_context() -> bool:
    return _current.get(None) is not None


def current_request() -> Request | None:
    """Return the request itself, not a proxy; None outside of one."""
    context = _current.get(None)
    return None if context is None else context.request


def url_for(endpoint: str, **values: Any) -> str:
    """`App.url_for` of the app whose request is being answered."""
    return current_app.url_for(endpoint, **values)
