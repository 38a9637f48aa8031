"""Patterns of Flask's documentation, one a test, on Flask and on wz: views that come late, callbacks, middleware."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.routing import Rule
from werkzeug.utils import cached_property, import_string

from wz import App, Response

from .conftest import Web

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def fail(exc: Exception) -> Any:
    raise exc


def texts(web: Web, app: App, *paths: str) -> list[str]:
    client = web.client(app)
    return [client.get(path).text for path in paths]


def test_lazily_loaded_views(web: Web) -> None:
    class LazyView:
        def __init__(self, import_name: str) -> None:
            self.__module__, self.__name__ = import_name.rsplit(".", 1)
            self.import_name = import_name

        @cached_property
        def view(self) -> Any:
            return import_string(self.import_name)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return self.view(*args, **kwargs)

    app = web.app()
    app.add_url_rule("/<s>", view_func=LazyView("html.escape"))

    assert texts(web, app, "/a&b") == ["a&amp;b"]
    with app.test_request_context():
        assert web.url_for("escape", s="x") == "/x"


def test_decorators_of_views_as_flask_s_pages_have_them(web: Web) -> None:
    cache: dict[str, Any] = {}

    def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            if web.g.user is None:
                return web.redirect(web.url_for("login", next=web.request.path))
            return view(*args, **kwargs)

        return decorated

    def cached(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            if web.request.path not in cache:
                cache[web.request.path] = view(*args, **kwargs)
            return cache[web.request.path]

        return decorated

    app = web.app()
    app.before_request(lambda: setattr(web.g, "user", web.request.args.get("user")))
    app.add_url_rule("/login", "login", lambda: "login")
    app.add_url_rule("/secret", "secret", login_required(lambda: "secret"))
    app.add_url_rule("/slow/<name>", "slow", cached(lambda name: f"{name} {len(cache)}"))
    app.url_map.add(Rule("/rule", endpoint="rule"))
    app.endpoint("rule")(lambda: "by endpoint")

    assert web.client(app).get("/secret").location == "/login?next=/secret"
    assert texts(web, app, "/secret?user=ann", "/slow/a", "/slow/b", "/slow/a", "/rule") == [
        *("secret", "a 0", "b 1", "a 0", "by endpoint"),
    ]


def test_the_method_is_overridden_by_a_header(web: Web) -> None:
    class Override:
        def __init__(self, app: WSGIApplication) -> None:
            self.app = app

        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])
            return self.app(environ, start_response)

    app = web.app()
    app.wsgi_app = Override(app.wsgi_app)  # type: ignore[method-assign]
    app.add_url_rule("/", "view", lambda: str(web.request.method), methods=["POST", "DELETE"])
    client = web.client(app)

    assert client.post("/", headers={"X-HTTP-Method-Override": "DELETE"}).text == "DELETE"
    assert client.post("/").text == "POST"


def test_a_request_s_checksum_is_made_while_its_form_is_read(web: Web) -> None:
    class Checksum:
        def __init__(self, stream: Any) -> None:
            self.stream = stream
            self.hash = hashlib.sha256()

        def read(self, size: int = -1) -> bytes:
            read: bytes = self.stream.read(size)
            self.hash.update(read)
            return read

        def readline(self, size: int = -1) -> bytes:
            read: bytes = self.stream.readline(size)
            self.hash.update(read)
            return read

    app = web.app()

    @app.post("/")
    def upload() -> str:
        environ = web.request.environ
        environ["wsgi.input"] = checksum = Checksum(environ["wsgi.input"])
        return f"{web.request.form['a']} {checksum.hash.hexdigest()}"

    assert web.client(app).post("/", data={"a": "1"}).text == f"1 {hashlib.sha256(b'a=1').hexdigest()}"


def test_a_before_hook_defers_a_callback(web: Web) -> None:
    app = web.app()

    @app.before_request
    def detect() -> None:
        if web.request.cookies.get("language") is None:

            def remember(response: Response) -> Response:
                response.set_cookie("language", "de")
                return response

            web.after_this_request(remember)

    app.add_url_rule("/", "view", lambda: "")
    client = web.client(app)

    assert client.get("/").headers["Set-Cookie"] == "language=de; Path=/"
    assert "Set-Cookie" not in client.get("/").headers


def test_errors_are_answered_as_json_with_their_codes(web: Web) -> None:
    class InsufficientStorage(HTTPException):
        code = 507

    class InvalidUsage(Exception):
        def to_dict(self) -> dict[str, Any]:
            return {"message": str(self)}

    app = web.app()

    @app.errorhandler(HTTPException)
    def handle(exc: HTTPException) -> Any:
        response = exc.get_response()
        response.data = f"{exc.code} {exc.name}"
        return response

    app.register_error_handler(InsufficientStorage, lambda exc: ("no storage", 507))
    app.register_error_handler(InvalidUsage, lambda exc: (web.jsonify(exc.to_dict()), 400))
    app.register_error_handler(ExceptionGroup, lambda exc: f"{len(exc.exceptions)} errors")
    app.add_url_rule("/storage", "storage", lambda: fail(InsufficientStorage()))
    app.add_url_rule("/invalid", "invalid", lambda: fail(InvalidUsage("no user id")))
    app.add_url_rule("/group", "group", lambda: fail(ExceptionGroup("several", [KeyError(), ValueError()])))
    app.add_url_rule("/broken", "broken", lambda: 1 // 0)
    app.add_url_rule("/own", "own", lambda: web.abort(web.make_response("own", 418)))
    client = web.client(app)

    assert texts(web, app, "/storage", "/group", "/none", "/broken", "/own") == [
        *("no storage", "2 errors", "404 Not Found", "500 Internal Server Error", "own"),
    ]
    assert client.get("/invalid").json == {"message": "no user id"}
    assert client.post("/own").text == "405 Method Not Allowed"


def test_what_an_app_context_opens_is_closed_with_it(web: Web) -> None:
    app = web.app()
    calls: list[str] = []

    def get_db() -> str:
        if "db" not in web.g:
            web.g.db = "db"
            calls.append("open")
        return str(web.g.db)

    @app.teardown_appcontext
    def close_db(exc: BaseException | None) -> None:
        if web.g.pop("db", None) is not None:
            calls.append("close")

    db: Any = LocalProxy(get_db)
    app.add_url_rule("/", "view", lambda: db.upper())

    with app.app_context():
        assert db.upper() == "DB"
    assert texts(web, app, "/") == ["DB"]
    assert calls == ["open", "close"] * 2
