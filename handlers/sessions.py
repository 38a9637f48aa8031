"""The sessions of browsers: an id in wz's own signed cookie, and in Redis the SAS token that signed in.

A request with a session is authorized by that token, exactly as if it came in the Authorization header. So a session
has the rights of the rule that signed the token, and it ends with the token, with the rule, and with the rule's key;
`sign_out` ends it for all copies of the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, cast

from pipeline.console import sessions
from pipeline.hub.sas import Token
from pipeline.settings import Settings
from pipeline.store.clock import machine_time
from wz import App, Blueprint, Request
from wz.context import current_request
from wz.sessions import SecureCookieSessionInterface, Sessions, session_of

from .services import services

_ID = "id"
_SAFE = frozenset({"GET", "HEAD"})


class Cookie(SecureCookieSessionInterface):
    """wz's signed cookie, under a name for each port: to a browser, the services on one host share their cookies.

    Over TLS it is Secure, and its name begins with `__Host-`, which lets no other host of the domain set it.
    """

    def get_cookie_name(self, app: App) -> str:
        request = _current()
        port = request.environ.get("HTTP_HOST", "").rpartition(":")[2]
        name = f"wz-{port}" if port.isascii() and port.isdecimal() else "wz"
        return f"__Host-{name}" if request.scheme == "https" else name

    def get_cookie_options(self, app: App) -> dict[str, Any]:
        return super().get_cookie_options(app) | {"path": "/", "secure": _current().scheme == "https"}


def install(app: App, saver: Blueprint) -> None:
    """Give the app sessions, which the requests of `saver` may begin and end, and all others only read.

    The key that signs their cookies follows from the root rule's, so all processes have it.
    """
    settings: Settings = app.extensions["services"].settings
    app.config["SECRET_KEY"] = hmac.digest(settings.root.key.encode(), b"the console's cookies", hashlib.sha256)
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    Sessions(app, Cookie(), [saver])


def authorization(request: Request, methods: frozenset[str] = _SAFE) -> str | None:
    """Return the Authorization header of a request, or, with one of `methods` and without it, its session's token.

    One round trip to Redis for a request with a session, none for others.
    """
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    if header or request.environ["REQUEST_METHOD"] not in methods or "HTTP_COOKIE" not in request.environ:
        return header
    session = session_of(request).get(_ID)
    return sessions.find(services(request).redis, session) if session else None


def sign_in(request: Request, token: str) -> None:
    """Begin a session with a token that is good. One that the browser has is ended: no id outlives a sign-in."""
    sign_out(request)
    left = Token.parse(token).expires + services(request).clock_tolerance - machine_time()
    session_of(request)[_ID] = sessions.begin(services(request).redis, token, max(1, int(left)))


def sign_out(request: Request) -> None:
    """End the request's session, if it has one, and let the browser forget its cookie."""
    session = session_of(request)
    if old := session.get(_ID):
        sessions.end(services(request).redis, old)
    session.clear()


def _current() -> Request:
    return cast("Request", current_request())  # a cookie is read and set only during a request
