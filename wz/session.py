"""Sessions: a dict for each client, kept in a signed cookie. It needs the package itsdangerous.

    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]      # python -c 'import secrets; print(secrets.token_hex())'
    Sessions(app)

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

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.datastructures import CallbackDict
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as WerkzeugResponse

from .app import App
from .context import current_request
from .http import Request
from .routing import Phase, Router
from .tagged import TaggedJSONSerializer

try:
    from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "wz.session needs the package itsdangerous: pip install itsdangerous", name=exc.name
    ) from exc

if TYPE_CHECKING:
    from werkzeug.test import Client

EXTENSION = "sessions"  # the key in `app.extensions`
_OPENED = "_session"  # the key in a request's __dict__, once its session is open

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
_NOT_INSTALLED = "The app {app!r} has no sessions: call wz.session.Sessions(app) where you make it."
_OUTSIDE = """\
Working outside of a request.

`session` belongs to the request that this thread is answering, but it is not answering any. In a test, use
`with app.test_request_context("/path"):`, or `with client.session_transaction() as session:`.\
"""


class Session(CallbackDict[str, Any]):
    """One client's data; keys are strings.

    Only what is done to the dict itself is noticed: after `session["cart"].append(...)`, set `session.modified = True`.
    """

    #: There was no cookie that could be used, so the client comes for the first time or after a long time.
    new = False
    #: It is written only if this is true, or to refresh a permanent one.
    modified = False
    #: A session that was opened was asked for; so the answer may depend on the cookie, and `Vary` says so.
    accessed = True

    def __init__(self, initial: Mapping[str, Any] | None = None, *, new: bool = False) -> None:
        super().__init__(initial, _mark_modified)
        self.new = new

    @property
    def permanent(self) -> bool:
        """Whether it outlives the browser, for PERMANENT_SESSION_LIFETIME. Stored in the session itself."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)


def _mark_modified(session: CallbackDict[str, Any]) -> None:
    session.modified = True  # type: ignore[attr-defined]


class NullSession(Session):
    """Stands in where no session could be opened: empty to read, a RuntimeError to write."""

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(_NO_SECRET_KEY)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _fail


class SessionInterface:
    """Where sessions are kept. A store on the server subclasses this, and is installed by `Sessions(app, Store())`.

    Its cookie holds an id; `get_cookie_options` and the other methods say how to set it according to Flask's settings.
    """

    def open_session(self, app: App, request: Request) -> Session | None:
        """Return the session of a request, called once, when it is first asked for; None if it can't have one."""
        raise NotImplementedError

    def save_session(self, app: App, session: Session, response: WerkzeugResponse) -> None:
        """Save an opened session, after all after hooks. Not called for one that `open_session` did not return."""
        raise NotImplementedError

    def get_cookie_name(self, app: App) -> str:
        """SESSION_COOKIE_NAME; override it for a name that depends on the app."""
        return str(app.config["SESSION_COOKIE_NAME"])

    def get_cookie_options(self, app: App) -> dict[str, Any]:
        """The keywords that `set_cookie` and `delete_cookie` have in common; they must agree, or nothing is deleted."""
        config = app.config
        return {
            "domain": config["SESSION_COOKIE_DOMAIN"],
            "path": config["SESSION_COOKIE_PATH"] or config.get("APPLICATION_ROOT") or "/",
            "secure": config["SESSION_COOKIE_SECURE"],
            "httponly": config["SESSION_COOKIE_HTTPONLY"],
            "samesite": config["SESSION_COOKIE_SAMESITE"],
            "partitioned": config["SESSION_COOKIE_PARTITIONED"],
        }

    def get_expiration_time(self, app: App, session: Session) -> datetime | None:
        """When a permanent session ends; None for one that ends with the browser."""
        return datetime.now(UTC) + timedelta(seconds=_lifetime(app)) if session.permanent else None

    def should_set_cookie(self, app: App, session: Session) -> bool:
        """Say whether an opened session is to be sent: it was changed, or it is permanent and to be refreshed."""
        return session.modified or bool(session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"])


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the whole session in the cookie: JSON, base64, the time, and an HMAC over them."""

    salt = "cookie-session"
    #: An object whose `dumps` returns what the session holds as bytes, and whose `loads` reads them.
    serializer: Any = TaggedJSONSerializer()

    def open_session(self, app: App, request: Request) -> Session | None:
        signing = self._signing(app)
        if signing is None:
            return None
        cookie = request.cookies.get(self.get_cookie_name(app))
        if not cookie:
            return Session(new=True)
        signer, serializer = signing
        try:
            data = serializer.load_payload(signer.unsign(cookie, max_age=_lifetime(app)))
        except BadData:  # forged, expired, of another key, or not ours at all
            return Session(new=True)
        return Session(data) if isinstance(data, dict) else Session(new=True)

    def save_session(self, app: App, session: Session, response: WerkzeugResponse) -> None:
        if not session:
            if session.modified:
                response.delete_cookie(self.get_cookie_name(app), **self.get_cookie_options(app))
            return
        signing = self._signing(app)
        if signing is None or not self.should_set_cookie(app, session):
            return
        signer, serializer = signing
        response.set_cookie(
            self.get_cookie_name(app),
            signer.sign(serializer.dump_payload(dict(session))).decode(),
            expires=self.get_expiration_time(app, session),
            **self.get_cookie_options(app),
        )

    def _signing(self, app: App) -> _Signing | None:
        key = app.config["SECRET_KEY"]
        fallbacks = tuple(app.config["SECRET_KEY_FALLBACKS"] or ())
        return _signing(self.salt, key, fallbacks, self.serializer) if key else None


class Sessions:
    """Gives an app sessions, in signed cookies or wherever `interface` keeps them.

    Settings are read at each request; `DEFAULT_CONFIG` has those that may be left out. Saving comes after every other
    after hook, so that those can still change the session. `savers` are the routers whose requests may do so, by
    default the app, which are all: a request of another one may read its session, and its answer needs no after hook.
    """

    def __init__(
        self, app: App, interface: SessionInterface | None = None, savers: Iterable[Router] | None = None
    ) -> None:
        if EXTENSION in app.extensions:
            raise RuntimeError(f"the app {app.import_name!r} has sessions already: call Sessions(app) once")
        self.app = app
        self.interface = interface or SecureCookieSessionInterface()
        app.extensions[EXTENSION] = self
        for name, value in DEFAULT_CONFIG.items():
            app.config.setdefault(name, value)
        for router in (app,) if savers is None else savers:
            router.after_hooks.add(self.save, Phase.OUTER)

    def open(self, request: Request) -> Session:
        """Return the session of a request and keep it there; a `NullSession` if the interface has none."""
        session = self.interface.open_session(self.app, request)
        if session is None:
            session = NullSession()
        request.__dict__[_OPENED] = session
        return session

    def save(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        """Save the request's session, if it was opened, and let the response vary by the cookie: an after hook."""
        session = request.__dict__.get(_OPENED)
        if session is not None and not isinstance(session, NullSession):
            self.interface.save_session(self.app, session, response)
            _vary_on_cookie(response)
        return response


def session_of(request: Request) -> Session:
    """Return the request's session, opened if it is not yet.

    It is empty if the client has none, or if its cookie was tampered with or is too old. Without a SECRET_KEY it is
    empty as well, and writing to it raises RuntimeError. What is written after the response's headers went out (in a
    stream) is lost.
    """
    opened: Session | None = request.__dict__.get(_OPENED)
    if opened is not None:
        return opened
    sessions: Sessions | None = request.app.extensions.get(EXTENSION)
    if sessions is None:
        raise RuntimeError(_NOT_INSTALLED.format(app=request.app.import_name))
    return sessions.open(request)


def current_session() -> Session:
    """Return the current request's session, not the proxy to it. Raises RuntimeError outside of a request."""
    request = current_request()
    if request is None:
        raise RuntimeError(_OUTSIDE)
    return session_of(request)


session: Session = LocalProxy(current_session)  # type: ignore[assignment]


@contextmanager
def session_transaction(client: Client, app: App, *args: Any, **kwargs: Any) -> Iterator[Session]:
    """Yield the session that `client` has on `app`, and give the client the cookie that saves it.

    The session is that of a request made from the other arguments, as `app.test_request_context` takes them; it is
    current while the session is opened and saved, and not in the block. Nothing is saved if the block raises. Raises
    TypeError for a client that keeps no cookies, RuntimeError for an app without sessions or without a SECRET_KEY.
    """
    # There is no public way to ask a client for the cookies that suit a request.
    if client._cookies is None:
        raise TypeError("the client keeps no cookies, so it has no session: make it with use_cookies=True")
    context = app.test_request_context(*args, **kwargs)
    request = context.request
    client._add_cookies_to_wsgi(request.environ)
    with context:
        opened = session_of(request)
    if isinstance(opened, NullSession):
        raise RuntimeError(_NO_SECRET_KEY)
    yield opened
    with context:
        response = app.extensions[EXTENSION].save(request, app.response_class())
    host = request.host.partition(":")[0]
    client._update_cookies_from_response(host, request.path, response.headers.getlist("Set-Cookie"))


# Signing.

_Signing: TypeAlias = tuple[TimestampSigner, URLSafeTimedSerializer]


@lru_cache(maxsize=16)
def _signing(salt: str, key: str | bytes, fallbacks: tuple[str | bytes, ...], serializer: Any) -> _Signing:
    """Return what signs and reads cookies, made once for each set of keys.

    itsdangerous would derive each key anew for each cookie, which takes longer than all the rest.
    """
    keys = [*fallbacks, key]  # itsdangerous signs with the last, and reads with all
    deriving = TimestampSigner(keys, salt=salt, key_derivation="hmac", digest_method="sha1")  # type: ignore[arg-type]
    derived = [deriving.derive_key(each) for each in keys]
    # If the digest is given by name, hmac leaves all to OpenSSL, which is faster. SHA-1 is sound in an HMAC, and it is
    # Flask's.
    signer = TimestampSigner(derived, salt=salt, key_derivation="none", digest_method="sha1")
    return signer, URLSafeTimedSerializer(keys, salt=salt, serializer=serializer)  # type: ignore[arg-type]


def _lifetime(app: App) -> int:
    """PERMANENT_SESSION_LIFETIME in seconds."""
    lifetime = app.config["PERMANENT_SESSION_LIFETIME"]
    return int(lifetime.total_seconds() if isinstance(lifetime, timedelta) else lifetime)


def _vary_on_cookie(response: WerkzeugResponse) -> None:
    if response.headers.getlist("Vary"):
        response.vary.add("Cookie")
    else:
        response.headers.add("Vary", "Cookie")  # the same, without parsing first
