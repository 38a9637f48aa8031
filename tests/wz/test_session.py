from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from markupsafe import Markup
from werkzeug.test import Client as PlainClient
from werkzeug.wrappers import Response as WerkzeugResponse

from wz import App, Request
from wz.sessions import (
    SecureCookieSession,
    SessionInterface,
    SessionMixin,
    Sessions,
    session,
    session_of,
    session_transaction,
)
from wz.tagged import TaggedJSONSerializer
from wz.testing import Client

from ..client import validated
from .conftest import Web

KEY = "a key that only the tests have"

#: Settings, and what the cookie then begins with and has.
COOKIES: list[tuple[dict[str, Any], set[str]]] = [
    ({"SESSION_COOKIE_NAME": "sid"}, {"sid=", "HttpOnly", "Path=/"}),
    ({"SESSION_COOKIE_DOMAIN": "localhost"}, {"session=", "Domain=localhost", "HttpOnly", "Path=/"}),
    ({"SESSION_COOKIE_PATH": "/shop"}, {"session=", "HttpOnly", "Path=/shop"}),
    ({"APPLICATION_ROOT": "/shop"}, {"session=", "HttpOnly", "Path=/shop"}),
    ({"SESSION_COOKIE_HTTPONLY": False}, {"session=", "Path=/"}),
    ({"SESSION_COOKIE_SECURE": True}, {"session=", "Secure", "HttpOnly", "Path=/"}),
    ({"SESSION_COOKIE_SAMESITE": "Lax"}, {"session=", "HttpOnly", "Path=/", "SameSite=Lax"}),
    ({"SESSION_COOKIE_PARTITIONED": True}, {"session=", "Secure", "HttpOnly", "Path=/", "Partitioned"}),
]


@pytest.fixture
def app() -> App:
    app = App("test", config={"SECRET_KEY": KEY})
    Sessions(app)

    @app.get("/get")
    def get(request: Request) -> dict[str, Any]:
        return dict(session_of(request))

    @app.post("/set")
    def set_items(request: Request) -> str:
        session_of(request).update(request.args)
        return ""

    @app.post("/clear")
    def clear(request: Request) -> str:
        session_of(request).clear()
        return ""

    @app.get("/untouched")
    def untouched() -> str:
        return ""

    return app


@pytest.fixture
def client(app: App) -> Client:
    return validated(app)


def signed(data: Any, *, key: str = KEY, salt: str = "cookie-session", age: int = 0) -> str:
    """A cookie as if it had been made `age` seconds ago."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - age

    kwargs = {"key_derivation": "hmac"}
    return URLSafeTimedSerializer(key, salt=salt, signer=Earlier, signer_kwargs=kwargs).dumps(data)


def test_what_is_written_is_there_at_the_next_request(client: Client) -> None:
    assert client.post("/set?user=ann").headers["Set-Cookie"].endswith("; HttpOnly; Path=/")
    assert client.get("/get").json == {"user": "ann"}


def test_each_client_has_its_own(app: App, client: Client) -> None:
    client.post("/set?user=ann")

    assert validated(app).get("/get").json == {}


def test_a_request_that_does_not_touch_the_session_does_not_vary_by_it(client: Client) -> None:
    client.post("/set?user=ann")
    answer = client.get("/untouched")

    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_reading_varies_by_the_cookie_and_sets_none(client: Client) -> None:
    answer = client.get("/get")

    assert answer.headers["Vary"] == "Cookie"
    assert "Set-Cookie" not in answer.headers


def test_vary_is_added_to(app: App, client: Client) -> None:
    @app.get("/")
    def view(request: Request) -> tuple[dict[str, Any], dict[str, str]]:
        return dict(session_of(request)), {"Vary": "Accept"}

    assert client.get("/").headers["Vary"] == "Accept, Cookie"


def test_a_session_that_was_emptied_takes_its_cookie_away(client: Client) -> None:
    client.post("/set?user=ann")
    answer = client.post("/clear")

    assert "session=; Expires=Thu, 01 Jan 1970" in answer.headers["Set-Cookie"]
    assert client.get_cookie("session") is None


@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param(signed({"user": "ann"})[:-1], id="cut short"),
        pytest.param("e30" + signed({"user": "ann"})[3:], id="another payload"),
        pytest.param(signed({"user": "ann"}, key="another"), id="another key"),
        pytest.param(signed({"user": "ann"}, salt="another"), id="signed for something else"),
        pytest.param(signed({"user": "ann"}, age=31 * 86400 + 10), id="too old"),
        pytest.param(signed({"user": "ann"}, age=-86400), id="from the future"),
        pytest.param(signed(["user"]), id="no dict"),
        pytest.param(signed({" u": "no UUID"}), id="a tag whose value is wrong"),
        pytest.param("x.y.z", id="nonsense"),
        pytest.param("", id="empty"),
    ],
)
def test_a_cookie_that_is_not_valid_is_an_empty_session(client: Client, cookie: str) -> None:
    client.set_cookie("session", cookie)
    answer = client.get("/get")

    assert (answer.status_code, answer.json) == (200, {})


def test_the_lifetime_may_be_in_seconds(app: App, client: Client) -> None:
    client.set_cookie("session", signed({"user": "ann"}, age=60))

    app.config["PERMANENT_SESSION_LIFETIME"] = 120
    assert client.get("/get").json == {"user": "ann"}
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=30)
    assert client.get("/get").json == {}


def test_cookies_of_former_keys_are_read_and_signed_anew_when_they_are_written(app: App, client: Client) -> None:
    client.post("/set?user=ann")
    app.config.update(SECRET_KEY="the next", SECRET_KEY_FALLBACKS=[KEY])

    assert client.get("/get").json == {"user": "ann"}
    client.post("/set?seen=1")
    app.config["SECRET_KEY_FALLBACKS"] = None
    assert client.get("/get").json == {"user": "ann", "seen": "1"}
    app.config["SECRET_KEY"] = "one more"
    assert client.get("/get").json == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"SECRET_KEY": 123456}, "must be text or bytes, not int", id="digits from the environment"),
        pytest.param({"SECRET_KEY_FALLBACKS": KEY}, "SECRET_KEY_FALLBACKS must be a list of keys", id="no list"),
        pytest.param({"SECRET_KEY_FALLBACKS": [1]}, "must be text or bytes, not int", id="a list of numbers"),
    ],
)
def test_a_key_that_is_none_is_told_and_not_shown(
    app: App, client: Client, settings: dict[str, Any], message: str
) -> None:
    app.config.update(settings)
    app.testing = True

    with pytest.raises(TypeError, match=message) as told:
        client.get("/get")
    assert "123456" not in str(told.value)


def test_without_a_key_reading_is_empty_and_writing_says_what_to_do(app: App, client: Client) -> None:
    app.config["SECRET_KEY"] = None
    app.testing = True

    assert client.get("/get").json == {}
    with pytest.raises(RuntimeError, match=r'Set app.config\["SECRET_KEY"\]'):
        client.post("/set?user=ann")


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda s: s.__setitem__("a", 2), id="set"),
        pytest.param(lambda s: s.__delitem__("a"), id="delete"),
        pytest.param(lambda s: s.update(b=1), id="update"),
        pytest.param(lambda s: s.setdefault("b", 1), id="setdefault"),
        pytest.param(lambda s: s.pop("a"), id="pop"),
        pytest.param(lambda s: s.popitem(), id="popitem"),
        pytest.param(lambda s: s.clear(), id="clear"),
        pytest.param(lambda s: s.__ior__({"b": 1}), id="|="),
        pytest.param(lambda s: setattr(s, "permanent", True), id="permanent"),
    ],
)
def test_every_way_to_write_is_noticed_and_refused_without_a_key(app: App, write: Any) -> None:
    found = SecureCookieSession({"a": 1})
    assert not found.modified
    write(found)
    assert found.modified

    app.config["SECRET_KEY"] = None
    with app.test_request_context("/"), pytest.raises(RuntimeError):
        write(session)


def test_reading_modifies_nothing() -> None:
    found = SecureCookieSession({"a": 1})
    found.get("a"), found.pop("b", None), found.setdefault("a", 2)

    assert not found.modified


def test_a_change_inside_of_a_value_is_kept_only_if_it_is_told(app: App, client: Client) -> None:
    @app.post("/add")
    def add(request: Request) -> str:
        session_of(request)["cart"].append(request.args["item"])
        session_of(request).modified = "tell" in request.args
        return ""

    with session_transaction(client, app) as opened:
        opened["cart"] = []
    client.post("/add?item=tea")
    assert client.get("/get").json == {"cart": []}
    client.post("/add?item=tea&tell")
    assert client.get("/get").json == {"cart": ["tea"]}


def test_new_says_that_there_was_no_usable_cookie(app: App, client: Client) -> None:
    @app.get("/")
    def view(request: Request) -> dict[str, bool]:
        return {"new": session_of(request).new}

    assert client.get("/").json == {"new": True}
    client.post("/set?user=ann")
    assert client.get("/").json == {"new": False}


def test_a_permanent_session_has_a_date_and_is_set_again_when_it_is_opened(app: App, client: Client) -> None:
    with session_transaction(client, app) as opened:
        opened.permanent = True
        opened["user"] = "ann"

    answer = client.get("/get")
    cookie = client.get_cookie("session")
    assert "Set-Cookie" in answer.headers
    assert cookie is not None
    assert cookie.expires is not None
    assert timedelta(days=30) < cookie.expires - datetime.now(UTC) <= timedelta(days=31)
    assert "Set-Cookie" not in client.get("/untouched").headers
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    assert "Set-Cookie" not in client.get("/get").headers


@pytest.mark.parametrize(
    ("config", "parts"),
    COOKIES,
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_cookie_is_set_and_deleted_as_it_is_configured(
    app: App, client: Client, config: dict[str, Any], parts: set[str]
) -> None:
    app.config.update(config)

    for path in ("/set?user=ann", "/clear"):
        answer = client.post(path)
        name, *attributes = answer.headers["Set-Cookie"].split("; ")
        found = {part for part in attributes if not part.startswith(("Expires=", "Max-Age="))}
        assert {name.partition("=")[0] + "=", *found} == parts


VALUES = {
    "user": "ann",
    "pair": (1, [2, "é"]),
    "raw": b"\x00\xff",
    "html": Markup("<b>"),
    "id": UUID(int=7),
    "at": datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC),
    "like a tag": {" t": {" t__": 1}},
}


def test_values_keep_their_types() -> None:
    serializer = TaggedJSONSerializer()
    found = serializer.loads(serializer.dumps(VALUES))

    assert found == VALUES
    assert [type(value) for value in found.values()] == [type(value) for value in VALUES.values()]


def test_a_flask_cookie_is_read(app: App, client: Client) -> None:
    app.config.update(SECRET_KEY="the key of the app that moves", PERMANENT_SESSION_LIFETIME=timedelta(days=36500))
    client.set_cookie(
        "session",
        ".eJx9jT0LwjAQhv_KcXOGS8SvoIKTU0HQrZZypUGDbZGY4FDy303Twc1bXnje5-5GZI96RGhR4yUMAkhCwQ4UqRVIpRekaQmn4opR4MP3Xbb7ZO-aw8Rsm0lIhP7PetI7-zTA4Pk-v7U5fF3_UsaYxBdbNzPUpRSlEngLRGaLVZVqx5_cNunv8bzZT7fD26QV5GHA-AVKITi7.ZZIAgA.j5QcBOdGsuBGsm_oudPjyvsZxYI",
    )
    with session_transaction(client, app) as opened:
        assert opened == VALUES


def test_flask_reads_ours(app: App, client: Client) -> None:
    flask = pytest.importorskip("flask")
    theirs = flask.Flask("theirs")
    theirs.secret_key = KEY
    with session_transaction(client, app) as opened:
        opened.update(VALUES)
    cookie = client.get_cookie("session")
    assert cookie is not None

    with theirs.test_request_context(headers={"Cookie": f"session={cookie.value}"}):
        assert dict(flask.session) == VALUES


def test_a_value_without_a_json_form_is_an_error_of_the_request_that_wrote_it(app: App, client: Client) -> None:
    app.testing = True

    @app.post("/object")
    def view(request: Request) -> str:
        session_of(request)["object"] = object()
        return ""

    with pytest.raises(TypeError, match="a session can't hold an object of type object"):
        client.post("/object")


def test_after_hooks_may_still_change_the_session(app: App, client: Client) -> None:
    @app.after_request
    def count(request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        session_of(request).setdefault("hook", "was here")
        return response

    client.get("/untouched")
    assert client.get("/get").json == {"hook": "was here"}


def test_the_session_is_saved_when_the_view_fails(app: App, client: Client) -> None:
    @app.get("/fail")
    def fail(request: Request) -> str:
        session_of(request)["tried"] = True
        raise ZeroDivisionError

    assert client.get("/fail").status_code == 500
    assert client.get("/get").json == {"tried": True}


def test_the_proxy_is_the_same_session(app: App, client: Client) -> None:
    @app.get("/")
    def view(request: Request) -> dict[str, Any]:
        session["user"] = "ann"
        return {"same": session_of(request)["user"], "permanent": session.permanent, "length": len(session)}

    assert client.get("/").json == {"same": "ann", "permanent": False, "length": 1}


def test_outside_of_a_request_there_is_no_session() -> None:
    with pytest.raises(RuntimeError, match="Working outside of request context"):
        session.get("user")


def test_an_app_has_sessions_when_one_is_asked_for(web: Web) -> None:
    app = web.app()
    app.secret_key = "a key that only the tests have"
    session = web.session

    @app.get("/write")
    def write() -> str:
        session["user"] = "ann"
        return "written"

    app.add_url_rule("/read", view_func=lambda: session["user"], endpoint="read")
    app.add_url_rule("/other", view_func=lambda: "nothing", endpoint="other")
    client = web.client(app)
    answers = [client.get(path) for path in ("/other", "/write", "/read")]

    assert [answer.text for answer in answers] == ["nothing", "written", "ann"]
    assert [answer.headers.get("Vary") for answer in answers] == [None, "Cookie", "Cookie"]


def test_threads_that_ask_first_at_once_install_one() -> None:
    app = App("test", config={"SECRET_KEY": "a key that only the tests have"})
    barrier = threading.Barrier(4)

    @app.get("/")
    def view(request: Request) -> str:
        barrier.wait(timeout=10)
        return str(len(session_of(request)))

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: app.test_client().get("/").text, range(4)))

    assert answers == ["0"] * 4
    assert len(app.after_hooks) == 1


def test_sessions_are_installed_once(app: App) -> None:
    with pytest.raises(RuntimeError, match="already"):
        Sessions(app)


def test_a_store_on_the_server_takes_the_place_of_the_cookie() -> None:
    class Store(SessionInterface):
        rows: dict[str, dict[str, Any]] = {}  # noqa: RUF012

        def open_session(self, app: App, request: Request) -> SessionMixin | None:
            row = self.rows.get(request.cookies.get(self.get_cookie_name(app), ""))
            return SecureCookieSession(row)

        def save_session(self, app: App, session: SessionMixin, response: WerkzeugResponse) -> None:
            if self.should_set_cookie(app, session):
                self.rows["7"] = dict(session)
                response.set_cookie(self.get_cookie_name(app), "7", **self.get_cookie_options(app))

    app = App("test")
    Sessions(app, Store())
    client = validated(app)

    @app.get("/")
    def view(request: Request) -> dict[str, Any]:
        found = session_of(request)
        found["count"] = found.get("count", 0) + 1
        return dict(found)

    answers = [client.get("/") for _ in range(2)]

    assert [answer.json for answer in answers] == [{"count": 1}, {"count": 2}]
    assert [answer.headers["Vary"] for answer in answers] == ["Cookie", "Cookie"]
    assert client.get_cookie("session").value == "7"


def test_a_transaction_reads_and_writes_what_the_client_has(app: App, client: Client) -> None:
    with session_transaction(client, app) as opened:
        opened["user"] = "ann"
    client.post("/set?seen=1")

    with session_transaction(client, app) as opened:
        assert opened == {"user": "ann", "seen": "1"}
        del opened["seen"]
    assert client.get("/get").json == {"user": "ann"}


def test_a_transaction_that_raises_saves_nothing(app: App, client: Client) -> None:
    with pytest.raises(ZeroDivisionError), session_transaction(client, app) as opened:  # noqa: PT012
        opened["user"] = "ann"
        raise ZeroDivisionError

    assert client.get("/get").json == {}


def test_a_transaction_needs_a_client_with_cookies(app: App) -> None:
    with (
        pytest.raises(TypeError, match="use_cookies=True"),
        session_transaction(PlainClient(app, use_cookies=False), app),
    ):
        pass


def test_without_itsdangerous_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    monkeypatch.delitem(sys.modules, "wz.sessions")
    monkeypatch.delitem(sys.modules, "wz.signing")

    with pytest.raises(ModuleNotFoundError, match=r"pip install itsdangerous"):
        import_module("wz.sessions")
