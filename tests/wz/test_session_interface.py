"""Where sessions are kept is exchangeable, by Flask's names; each program runs on Flask and on wz."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

import wz
import wz.sessions
from wz import App
from wz.sessions import Sessions

from .conftest import Web

KEY = "a key that only the tests have"


def sessions(web: Web) -> Any:
    """The names of sessions in the framework: those of `flask.sessions`, and the proxy."""
    if web.module is wz:
        return wz.sessions
    module = pytest.importorskip("flask.sessions")
    return SimpleNamespace(**vars(module), session=web.session)


def program(web: Web, interface: Any = None) -> App:
    """An app that reads, writes and empties its session, kept by `interface`."""
    app, session = web.app(), sessions(web).session
    app.config["SECRET_KEY"] = KEY
    if interface is not None:
        app.session_interface = interface
    if web.module is wz:
        Sessions(app)

    @app.get("/")
    def read() -> Any:
        return web.jsonify(dict(session))

    @app.post("/")
    def write() -> str:
        session["user"] = "ann"
        return ""

    @app.delete("/")
    def clear() -> str:
        session.clear()
        return ""

    return app


def cookie(answer: TestResponse) -> list[str]:
    """The cookie's name, and its attributes but for the times."""
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    return [name.partition("=")[0], *(one for one in attributes if not one.startswith(("Expires", "Max-Age")))]


def test_a_store_of_one_s_own_is_set_on_the_app(web: Web) -> None:
    names = sessions(web)

    class Session(dict[str, Any], names.SessionMixin):  # type: ignore[name-defined, misc]
        pass

    class Store(names.SessionInterface):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            self.rows: dict[str, dict[str, Any]] = {}

        def open_session(self, app: Any, request: Any) -> Any:
            return Session(self.rows.get(request.cookies.get(self.get_cookie_name(app)), {}))

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            self.rows["7"] = dict(session)
            response.set_cookie(self.get_cookie_name(app), "7", path=self.get_cookie_path(app))

    store = Store()
    client = web.client(program(web, store))
    client.post("/")

    assert client.get_cookie("session").value == "7"
    assert client.get("/").json == {"user": "ann"}
    assert store.rows == {"7": {"user": "ann"}}
    assert not store.pickle_based


def test_the_interface_may_be_a_class_attribute(web: Web) -> None:
    names = sessions(web)

    class Named(names.SecureCookieSessionInterface):  # type: ignore[name-defined, misc]
        def get_cookie_name(self, app: Any) -> str:
            return "sid"

    base = type(web.app())
    own = type("Own", (base,), {"session_interface": Named()})
    app = own("tests.wz")
    app.config["SECRET_KEY"] = KEY
    if web.module is wz:
        Sessions(app)
    app.get("/")(lambda: str(names.session.setdefault("user", "ann")))

    assert cookie(web.client(app).get("/"))[0] == "sid"


def test_the_interface_may_be_set_after_sessions_were_added() -> None:
    class Named(wz.sessions.SecureCookieSessionInterface):
        def get_cookie_name(self, app: App) -> str:
            return "sid"

    app = App("test", config={"SECRET_KEY": KEY})
    Sessions(app)
    app.session_interface = Named()
    app.get("/")(lambda: str(wz.sessions.session.setdefault("user", "ann")))

    assert cookie(app.test_client().get("/"))[0] == "sid"


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("get_cookie_name", "sid"),
        ("get_cookie_domain", "localhost"),
        ("get_cookie_path", "/shop"),
        ("get_cookie_httponly", False),
        ("get_cookie_secure", True),
        ("get_cookie_samesite", "Lax"),
        ("get_cookie_partitioned", True),
    ],
)
def test_each_attribute_of_the_cookie_is_a_method(web: Web, method: str, value: Any) -> None:
    base = sessions(web).SecureCookieSessionInterface
    interface = type("Own", (base,), {method: lambda self, app: value})()
    client = web.client(program(web, interface))
    with_defaults = web.client(program(web))
    expected = cookie(with_defaults.post("/"))
    match method, value:
        case "get_cookie_name", _:
            expected[0] = value
        case "get_cookie_domain", _:
            expected.insert(1, "Domain=localhost")
        case "get_cookie_path", _:
            expected[-1] = "Path=/shop"
        case "get_cookie_httponly", _:
            expected.remove("HttpOnly")
        case "get_cookie_secure", _:
            expected.insert(1, "Secure")
        case "get_cookie_samesite", _:
            expected.append("SameSite=Lax")
        case "get_cookie_partitioned", _:
            expected = [expected[0], "Secure", *expected[1:], "Partitioned"]

    assert cookie(client.post("/")) == expected
    if method != "get_cookie_path":  # or the client does not send it here
        assert cookie(client.delete("/", base_url="https://localhost" if "Secure" in expected else None)) == expected


def test_the_time_of_expiry_is_a_method(web: Web) -> None:
    class Own(sessions(web).SecureCookieSessionInterface):  # type: ignore[misc]
        def get_expiration_time(self, app: Any, session: Any) -> datetime:
            return datetime(2099, 1, 1, 12, 0, 0, 5000, tzinfo=UTC)

    assert "Expires=Thu, 01 Jan 2099 12:00:00 GMT" in web.client(program(web, Own())).post("/").headers["Set-Cookie"]


def test_whether_it_is_sent_is_a_method(web: Web) -> None:
    class Own(sessions(web).SecureCookieSessionInterface):  # type: ignore[misc]
        def should_set_cookie(self, app: Any, session: Any) -> bool:
            return False

    assert "Set-Cookie" not in web.client(program(web, Own())).post("/").headers


def test_what_stands_in_for_a_session_that_can_t_be_opened(web: Web) -> None:
    names = sessions(web)

    class Closed(names.NullSession):  # type: ignore[name-defined, misc]
        def __setitem__(self, key: str, value: Any) -> None:
            raise RuntimeError("the shop is closed")

    class Own(names.SessionInterface):  # type: ignore[name-defined, misc]
        null_session_class = Closed

        def open_session(self, app: Any, request: Any) -> None:
            return None

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            raise AssertionError("a null session is not saved")

    interface = Own()
    app = program(web, interface)
    app.testing = True
    client = web.client(app)

    assert client.get("/").json == {}
    with pytest.raises(RuntimeError, match="the shop is closed"):
        client.post("/")
    assert interface.is_null_session(interface.make_null_session(app))
    assert not interface.is_null_session(names.SecureCookieSession())


@pytest.mark.parametrize(
    ("attributes", "signer"),
    [
        ({"salt": "another"}, {"salt": "another"}),
        ({"digest_method": staticmethod(hashlib.sha256)}, {"digest_method": hashlib.sha256}),
        ({"key_derivation": "django-concat"}, {"key_derivation": "django-concat"}),
        ({"serializer": json}, {"serializer": json}),
    ],
    ids=lambda value: next(iter(value)),
)
def test_how_it_is_signed_is_class_attributes(web: Web, attributes: dict[str, Any], signer: dict[str, Any]) -> None:
    base = sessions(web).SecureCookieSessionInterface
    client = web.client(program(web, type("Own", (base,), attributes)()))
    given: dict[str, Any] = {"salt": "cookie-session", "key_derivation": "hmac", "digest_method": hashlib.sha1} | signer
    salt, serializer = given.pop("salt"), given.pop("serializer", None)
    reader = URLSafeTimedSerializer(KEY, salt=salt, serializer=serializer, signer_kwargs=given)
    client.post("/")

    assert reader.loads(client.get_cookie("session").value) == {"user": "ann"}
    assert client.get("/").json == {"user": "ann"}
    client.set_cookie("session", str(reader.dumps({"user": "bob"})))
    assert client.get("/").json == {"user": "bob"}


def test_what_signs_may_be_replaced(web: Web) -> None:
    signed: list[Any] = []

    class Noted(URLSafeTimedSerializer):
        def dumps(self, obj: Any, salt: str | bytes | None = None) -> str:
            signed.append(obj)
            return str(super().dumps(obj, salt))

    class Own(sessions(web).SecureCookieSessionInterface):  # type: ignore[misc]
        def get_signing_serializer(self, app: Any) -> URLSafeTimedSerializer:
            return Noted(app.secret_key)

    client = web.client(program(web, Own()))
    client.post("/")

    assert client.get("/").json == {"user": "ann"}
    assert signed == [{"user": "ann"}]


def test_the_class_of_the_session(web: Web) -> None:
    names = sessions(web)

    class Cart(names.SecureCookieSession):  # type: ignore[name-defined, misc]
        pass

    class Own(names.SecureCookieSessionInterface):  # type: ignore[name-defined, misc]
        session_class = Cart

    app = program(web, Own())
    app.get("/class")(lambda: type(names.session._get_current_object()).__name__)
    client = web.client(app)

    assert [client.get("/class").text, client.post("/").text, client.get("/class").text] == ["Cart", "", "Cart"]


def test_the_lifetime_is_an_attribute_of_the_app(web: Web) -> None:
    app, session = program(web), sessions(web).session
    assert app.permanent_session_lifetime == timedelta(days=31)
    app.config["PERMANENT_SESSION_LIFETIME"] = 60
    assert app.permanent_session_lifetime == timedelta(seconds=60)
    app.permanent_session_lifetime = timedelta(days=2)

    @app.get("/permanent")
    def permanent() -> str:
        session.permanent = True
        return ""

    client = web.client(app)
    client.get("/permanent")
    expires = client.get_cookie("session").expires

    assert app.config["PERMANENT_SESSION_LIFETIME"] == timedelta(days=2)
    assert timedelta(0) <= datetime.now(UTC) + timedelta(days=2) - expires < timedelta(minutes=1)  # type: ignore[operator]


def test_what_a_session_knows_of_itself(web: Web) -> None:
    app, session = program(web), sessions(web).session

    @app.get("/told")
    def told() -> Any:
        before = session.accessed, session.modified, session.permanent
        session["user"] = "ann"
        return web.jsonify([before, (session.accessed, session.modified, session.permanent)])

    assert web.client(app).get("/told").json == [[True, False, False], [True, True, False]]
    plain = sessions(web).SecureCookieSession({"a": 1})
    assert [plain, plain.accessed, plain.modified, plain.new] == [{"a": 1}, False, False, False]


def test_a_stream_reads_the_session_and_writes_in_vain(web: Web) -> None:
    """The headers went out before: what is written then is lost."""
    app, session = program(web), sessions(web).session

    @app.get("/stream")
    def stream() -> Any:
        def pieces() -> Iterator[str]:
            yield str(session.get("user"))
            session["user"] = "bob"
            yield str(session.get("user"))

        return web.stream_with_context(pieces())

    client = web.client(app)
    client.post("/")
    answer = client.get("/stream")

    assert (answer.text, "Set-Cookie" in answer.headers) == ("annbob", False)
    assert client.get("/").json == {"user": "ann"}


def test_a_cookie_that_is_too_large_is_warned_of(web: Web) -> None:
    app, session = program(web), sessions(web).session
    app.get("/large")(lambda: str(session.update(noise=hashlib.sha512(b"").hexdigest() * 8)))
    client = web.client(app)
    client.get("/large")  # no warning: in the tests it would be an error

    app.config["MAX_COOKIE_SIZE"] = 200
    with pytest.warns(UserWarning, match="'session' cookie is too large.*200 bytes"):
        client.get("/large")
    app.config["MAX_COOKIE_SIZE"] = 0
    client.get("/large")


def test_the_setting_counts_for_every_cookie_of_a_response(web: Web) -> None:
    app = program(web)
    app.config["MAX_COOKIE_SIZE"] = 100

    assert web.Response().max_cookie_size == 4093
    with app.app_context():
        assert web.Response().max_cookie_size == 100
        with pytest.warns(UserWarning, match="'big' cookie is too large"):
            web.Response().set_cookie("big", "x" * 100)
