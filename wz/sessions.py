"""Sessions: a dict for each client, kept in a signed cookie. It needs the package itsdangerous.

    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]      # python -c 'import secrets; print(secrets.token_hex())'
    Sessions(app)                                            # or when a session of the app is first asked for

    @app.post("/login")
    def login(request):
        session_of(request)["user"] = "ann"

The cookie is signed, not encrypted: a client can read what is in it, and cannot change it.

A session is opened when it is first asked for. A request that does not ask for it costs one function call, gets no
`Vary: Cookie`, and does not prolong a permanent session. Flask's names, salt and format are kept, so with the same
SECRET_KEY the two read each other's cookies: users stay logged in while a program moves.

`session` is a proxy for code that is not given the request; a lookup through it costs about a microsecond more.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from werkzeug.datastructures import CallbackDict
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as WerkzeugResponse

from .app import App
from .context import current_request
from .http import Request, Response
from .routing import Phase, Router
from .signing import BadData, Signing, URLSafeTimedSerializer, around_value, cookie_of, signing_of
from .tagged import TaggedJSONSerializer

if TYPE_CHECKING:
    from werkzeug.test import Client

EXTENSION = "sessions"  # the key in `app.extensions`
_OPENED = "_session"  # the key in a request's __dict__, once its session is open
_installing = threading.Lock()

DEFAULT_CONFIG: Mapping[str, Any] = {
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),  # or seconds; an older cookie is not accepted
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,  # former keys, whose cookies are still read
    "SESSION_COOKIE_DOMAIN": None,  # None: the host that set it, and not its subdomains
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_PATH": None,  # None: APPLICATION_ROOT
    "SESSION_COOKIE_SAMESITE": None,  # "Strict" or "Lax"; None leaves it to the browser
    "SESSION_COOKIE_SECURE": False,
    "SESSION_REFRESH_EACH_REQUEST": True,  # set the cookie of a permanent session again whenever it was opened
}

_NO_SECRET_KEY = """\
The session can't be written: there is no secret key to sign its cookie with.

Set app.config["SECRET_KEY"] to a long random text that is the same for all workers and after restarts, and not in a
repository: python -c 'import secrets; print(secrets.token_hex())'\
"""
_OUTSIDE = """\
Working outside of request context.

`session` belongs to the request that this thread is answering, but it is not answering any. In a test, use
`with app.test_request_context("/path"):`, or `with client.session_transaction() as session:`.\
"""


class SessionMixin(MutableMapping[str, Any]):
    """What any session has. A store of one's own returns sessions such as `class Session(dict, SessionMixin)`."""

    #: There was no cookie that could be used, so the client comes for the first time or after a long time.
    new = False
    #: It is written only if this is true, or to refresh a permanent one. Here it is, for a dict that notices nothing.
    modified = True
    #: It was asked for in this request, so that the answer may depend on the cookie, and `Vary` says so.
    accessed = False

    @property
    def permanent(self) -> bool:
        """Whether it outlives the browser, for PERMANENT_SESSION_LIFETIME. Stored in the session itself."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)


class SecureCookieSession(CallbackDict[str, Any], SessionMixin):
    """One client's data; keys are strings.

    Only what is done to the dict itself is noticed: after `session["cart"].append(...)`, set `session.modified = True`.
    """

    modified = False

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial, _mark_modified)


def _mark_modified(session: CallbackDict[str, Any]) -> None:
    session.modified = True  # type: ignore[attr-defined]


class NullSession(SecureCookieSession):
    """Stands in where no session could be opened: empty to read, a RuntimeError to write."""

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(_NO_SECRET_KEY)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _fail


class SessionInterface:
    """Where sessions are kept. A store on the server subclasses this, and is given to `Sessions(app, Store())`.

    It is `app.session_interface` then, which may be set to another one before the first request.
    Its cookie holds an id; `get_cookie_options` and the other methods say how to set it according to Flask's settings.
    """

    #: What stands in for a session that `open_session` could not open.
    null_session_class: type[Any] = NullSession
    #: Extensions ask this before they put objects into a session that only pickle could keep.
    pickle_based = False

    def open_session(self, app: App, request: Request) -> SessionMixin | None:
        """Return the session of a request, called once, when it is first asked for; None if it can't have one."""
        raise NotImplementedError

    def save_session(self, app: App, session: Any, response: WerkzeugResponse) -> None:
        """Save an opened session, after all after hooks. Not called for a null session."""
        raise NotImplementedError

    def make_null_session(self, app: App) -> Any:
        """Return a session for reading alone, in place of one that could not be opened."""
        return self.null_session_class()

    def is_null_session(self, obj: object) -> bool:
        """Say whether this is what `make_null_session` makes, which is not saved."""
        return isinstance(obj, self.null_session_class)

    def get_cookie_name(self, app: App) -> str:
        """SESSION_COOKIE_NAME; override it, like those that follow, for what depends on the app or the request."""
        return str(app.config["SESSION_COOKIE_NAME"])

    def get_cookie_domain(self, app: App) -> str | None:
        """SESSION_COOKIE_DOMAIN; None is the host that set the cookie, without its subdomains."""
        domain: str | None = app.config["SESSION_COOKIE_DOMAIN"]
        return domain

    def get_cookie_path(self, app: App) -> str:
        """SESSION_COOKIE_PATH, or else APPLICATION_ROOT."""
        return app.config["SESSION_COOKIE_PATH"] or app.config["APPLICATION_ROOT"] or "/"

    def get_cookie_secure(self, app: App) -> bool:
        """SESSION_COOKIE_SECURE."""
        return bool(app.config["SESSION_COOKIE_SECURE"])

    def get_cookie_httponly(self, app: App) -> bool:
        """SESSION_COOKIE_HTTPONLY."""
        return bool(app.config["SESSION_COOKIE_HTTPONLY"])

    def get_cookie_samesite(self, app: App) -> str | None:
        """SESSION_COOKIE_SAMESITE."""
        samesite: str | None = app.config["SESSION_COOKIE_SAMESITE"]
        return samesite

    def get_cookie_partitioned(self, app: App) -> bool:
        """SESSION_COOKIE_PARTITIONED."""
        return bool(app.config["SESSION_COOKIE_PARTITIONED"])

    def get_cookie_options(self, app: App) -> dict[str, Any]:
        """The keywords that `set_cookie` and `delete_cookie` have in common; they must agree, or nothing is deleted."""
        return {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
            "partitioned": self.get_cookie_partitioned(app),
        }

    def get_expiration_time(self, app: App, session: Any) -> datetime | None:
        """When a permanent session ends; None for one that ends with the browser."""
        return datetime.now(UTC) + app.permanent_session_lifetime if session.permanent else None

    def should_set_cookie(self, app: App, session: Any) -> bool:
        """Say whether an opened session is to be sent: it was changed, or it is permanent and to be refreshed."""
        return session.modified or bool(session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"])


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the whole session in the cookie: JSON, base64, the time, and an HMAC over them."""

    salt = "cookie-session"
    #: SHA-1 is sound in an HMAC, and it is Flask's. Cookies signed with another digest are not read.
    digest_method: Any = staticmethod(hashlib.sha1)
    key_derivation = "hmac"
    #: An object whose `dumps` returns a dict as bytes or text, and whose `loads` reads them.
    serializer: Any = TaggedJSONSerializer()
    session_class = SecureCookieSession

    def get_signing_serializer(self, app: App) -> URLSafeTimedSerializer | None:
        """Return what signs and reads cookies, the same object for the same keys; None without a SECRET_KEY."""
        key = app.config["SECRET_KEY"]
        if not key:
            return None
        former = app.config["SECRET_KEY_FALLBACKS"] or ()
        if isinstance(former, str | bytes):  # or each of its letters would be a key
            raise TypeError("SECRET_KEY_FALLBACKS must be a list of keys")
        keys = (*former, key)
        return _serializer(keys, self.salt, self.serializer, self.key_derivation, self.digest_method)

    def open_session(self, app: App, request: Request) -> SecureCookieSession | None:
        signing = self._signing(app)
        if signing is None:
            return None
        cookie = cookie_of(request, self.get_cookie_name(app))
        if cookie:
            try:
                data = signing.loads(cookie, int(app.permanent_session_lifetime.total_seconds()))
            except BadData:  # forged, expired, of another key, or not ours at all
                data = None
            if isinstance(data, dict):
                return self.session_class(data)
        session = self.session_class()
        session.new = True
        return session

    def save_session(self, app: App, session: Any, response: WerkzeugResponse) -> None:
        if not session:
            if session.modified:
                response.delete_cookie(self.get_cookie_name(app), **self.get_cookie_options(app))
            return
        if not self.should_set_cookie(app, session):
            return
        signing = self._signing(app)
        if signing is None:
            return
        name, value = self.get_cookie_name(app), signing.dumps(dict(session))
        expires, options = self.get_expiration_time(app, session), self.get_cookie_options(app)
        if type(response) is Response:
            whole_second = expires and expires.replace(microsecond=0)
            before, after = around_value(name, whole_second, tuple(options.items()))
            limit = app.config["MAX_COOKIE_SIZE"]
            if not limit or len(before) + len(value) + len(after) <= limit:
                response.headers.add("Set-Cookie", before + value + after)
                return
        response.set_cookie(name, value, expires=expires, **options)  # warns of a cookie that is too long

    def _signing(self, app: App) -> Signing | None:
        serializer = self.get_signing_serializer(app)
        return None if serializer is None else signing_of(serializer)


@lru_cache(maxsize=16)
def _serializer(
    keys: tuple[str | bytes, ...], salt: str, serializer: Any, key_derivation: str, digest_method: Any
) -> URLSafeTimedSerializer:
    """`keys` are read, and the last one signs. Raises TypeError, which does not show them, if one is no text."""
    if wrong := [type(key).__name__ for key in keys if not isinstance(key, str | bytes)]:
        raise TypeError(f"SECRET_KEY and SECRET_KEY_FALLBACKS must be text or bytes, not {', '.join(wrong)}")
    options = {"key_derivation": key_derivation, "digest_method": digest_method}
    return URLSafeTimedSerializer(keys, salt=salt, serializer=serializer, signer_kwargs=options)  # type: ignore[arg-type]


class Sessions:
    """Gives an app sessions, in signed cookies or wherever `interface` keeps them.

    An app that was not given any has those of its `session_interface`, or else signed cookies, from the first time that
    one is asked for. Settings are read at each request; `DEFAULT_CONFIG` has those that may be left out. Saving comes
    after every other after hook, so that those can still change the session. `savers` are the routers whose requests
    may do so, by default the app, which are all: a request of another one may read its session, and its answer needs
    no after hook.
    """

    def __init__(
        self, app: App, interface: SessionInterface | None = None, savers: Iterable[Router] | None = None
    ) -> None:
        if EXTENSION in app.extensions:
            raise RuntimeError(f"the app {app.import_name!r} has sessions already: call Sessions(app) once")
        self.app = app
        app.session_interface = interface or app.session_interface or SecureCookieSessionInterface()
        app.extensions[EXTENSION] = self
        for name, value in DEFAULT_CONFIG.items():
            app.config.setdefault(name, value)
        for router in (app,) if savers is None else savers:
            router.after_hooks.add(self.save, Phase.OUTER)

    def open(self, request: Request) -> SessionMixin:
        """Return the session of a request and keep it there; a null session if the interface has none."""
        interface = self.app.session_interface
        session: SessionMixin | None = interface.open_session(self.app, request)
        if session is None:
            session = cast("SessionMixin", interface.make_null_session(self.app))
        session.accessed = True
        request.__dict__[_OPENED] = session
        return session

    def save(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        """Save the request's session, if it was opened, and let the response vary by the cookie: an after hook."""
        session = request.__dict__.get(_OPENED)
        if session is not None:
            interface = self.app.session_interface
            if not interface.is_null_session(session):
                interface.save_session(self.app, session, response)
                _vary_on_cookie(response)
        return response


def session_of(request: Request) -> SessionMixin:
    """Return the request's session, opened if it is not yet.

    It is empty if the client has none, or if its cookie was tampered with or is too old. Without a SECRET_KEY it is
    empty as well, and writing to it raises RuntimeError. What is written after the response's headers went out (in a
    stream) is lost.
    """
    opened: SessionMixin | None = request.__dict__.get(_OPENED)
    if opened is not None:
        return opened
    sessions: Sessions | None = request.app.extensions.get(EXTENSION)
    return (sessions or _install(request.app)).open(request)


def _install(app: App) -> Sessions:
    """Return the sessions of an app that had none. Its hook is there before the request that asks has an answer."""
    with _installing:
        sessions: Sessions | None = app.extensions.get(EXTENSION)
        return sessions or Sessions(app)


def current_session() -> SessionMixin:
    """Return the current request's session, not the proxy to it. Raises RuntimeError outside of a request."""
    request = current_request()
    if request is None:
        raise RuntimeError(_OUTSIDE)
    return session_of(request)


session: SessionMixin = LocalProxy(current_session)  # type: ignore[assignment]


@contextmanager
def session_transaction(client: Client, app: App, *args: Any, **kwargs: Any) -> Iterator[SessionMixin]:
    """Yield the session that `client` has on `app`, and give the client the cookie that saves it.

    The session is that of a request made from the other arguments, as `app.test_request_context` takes them; it is
    current while the session is opened and saved, and not in the block. Nothing is saved if the block raises. Raises
    TypeError for a client that keeps no cookies, RuntimeError for an app without a SECRET_KEY.
    """
    # There is no public way to ask a client for the cookies that suit a request.
    if client._cookies is None:
        raise TypeError("the client keeps no cookies, so it has no session: make it with use_cookies=True")
    context = app.test_request_context(*args, **kwargs)
    request = context.request
    client._add_cookies_to_wsgi(request.environ)
    with context:
        opened = session_of(request)
    if app.session_interface.is_null_session(opened):
        raise RuntimeError(_NO_SECRET_KEY)
    yield opened
    with context:
        response = app.extensions[EXTENSION].save(request, app.response_class())
    host = request.host.partition(":")[0]
    client._update_cookies_from_response(host, request.path, response.headers.getlist("Set-Cookie"))


def _vary_on_cookie(response: WerkzeugResponse) -> None:
    for name, _ in response.headers:
        if name.lower() == "vary":
            response.vary.add("Cookie")
            return
    response.headers.add("Vary", "Cookie")  # the same, without parsing first
