"""The same small service in each framework, written as its users would, without its debugging aids.

    GET  /boards/<board>/members/<member>   {"board": ..., "member": ..., "rank": 7, "score": 12.5}
    POST /scores                            five typed fields, validated; 201 and the same five as JSON
    GET  /session                           {"user": "ann"} from a signed cookie (wz, Flask, werkzeug)

All JSON answers have a Content-Length. Encoders are each framework's own: msgspec for wz, the standard library's for
the others. The POST's five fields are checked in wz by the Struct of the signature. The others have nothing for that;
they use the fastest validator, also msgspec (`msgspec.json.decode(body, type=Score)`), so that the frameworks are
compared and not the validators. A wrong body is answered 400 or 422. The hook before puts a start time on the request,
the one after adds a header. Bottle and Falcon have no sessions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

SECRET = "bench"
MANY = 300


class Score(msgspec.Struct):
    board: str
    member: str
    value: float
    count: int
    tags: list[str]


def standing(board: str, member: str) -> dict[str, Any]:
    return {"board": board, "member": member, "rank": 7, "score": 12.5}


def fields(score: Score) -> dict[str, Any]:
    return {name: getattr(score, name) for name in Score.__struct_fields__}


def optional(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


def raw(hooks: bool = False, many: bool = False) -> Any:
    """WSGI by hand, as the minimum."""
    reasons = {
        200: "200 OK",
        201: "201 Created",
        400: "400 Bad Request",
        404: "404 Not Found",
        405: "405 Method Not Allowed",
    }

    def answer(environ: dict[str, Any]) -> tuple[int, Any]:
        parts = environ["PATH_INFO"].split("/")
        if len(parts) == 5 and parts[1].startswith("boards") and parts[3] == "members":
            return (200, standing(parts[2], parts[4])) if environ["REQUEST_METHOD"] == "GET" else (405, {})
        if parts[1:] == ["scores"]:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            try:
                return 201, fields(msgspec.json.decode(body, type=Score))
            except msgspec.ValidationError:
                return 400, {}
        return 404, {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        status, value = answer(environ)
        body = json.dumps(value).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if hooks:
            environ["bench.start"] = time.perf_counter()
            headers.append(("X-Hook", "after"))
        start_response(reasons[status], headers)
        return [body]

    return app


def werkzeug(hooks: bool = False, many: bool = False) -> Any:
    """Bare Werkzeug: its Request, Map and Response, combined in the shortest way."""
    from itsdangerous import URLSafeTimedSerializer

    serializer = URLSafeTimedSerializer(SECRET)
    views: dict[str, Callable[..., Response]] = {}

    def as_json(value: Any, status: int = 200) -> Response:
        return Response(json.dumps(value), status, mimetype="application/json")

    def post(request: Request) -> Response:
        try:
            return as_json(fields(msgspec.json.decode(request.get_data(), type=Score)), 201)
        except msgspec.ValidationError:
            return as_json({}, 400)

    views["get"] = lambda request, board, member: as_json(standing(board, member))
    views["post"] = post
    views["session"] = lambda request: as_json(serializer.loads(request.cookies["session"]))
    rules = [Rule(f"/boards{i}/<board>/members/<member>", endpoint="get", methods=["GET"]) for i in numbers(many)]
    rules += [Rule("/scores", endpoint="post", methods=["POST"]), Rule("/session", endpoint="session", methods=["GET"])]
    url_map = Map(rules)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        try:
            endpoint, values = url_map.bind_to_environ(environ).match()
            if hooks:
                environ["bench.start"] = time.perf_counter()
            response: Any = views[endpoint](request, **values)
            if hooks:
                response.headers["X-Hook"] = "after"
        except HTTPException as exc:
            response = exc
        return response(environ, start_response)

    app.cookie = serializer.dumps({"user": "ann"})  # type: ignore[attr-defined]
    return app


def wz(hooks: bool = False, many: bool = False) -> Any:
    from wz import App

    app = App("bench", config={"SECRET_KEY": SECRET})
    if hooks:

        @app.before_request
        def before(request: Any) -> None:
            request.start = time.perf_counter()

        @app.after_request
        def after(request: Any, response: Any) -> Any:
            response.headers["X-Hook"] = "after"
            return response

    def get(board: str, member: str) -> dict[str, Any]:
        return standing(board, member)

    for i in numbers(many):
        app.add_url_rule(f"/boards{i}/<board>/members/<member>", f"get{i}", get)

    @app.post("/scores")
    def post(body: Score) -> Any:
        return body, 201

    return app


def wz_session() -> Any:
    from wz import App
    from wz.session import Sessions, session_of

    app = wz()
    assert isinstance(app, App)
    Sessions(app)

    @app.get("/session")
    def session(request: Any) -> dict[str, Any]:
        return {"user": session_of(request)["user"]}

    @app.get("/login")
    def login(request: Any) -> str:
        session_of(request)["user"] = "ann"
        return ""

    app.cookie = cookie_by_login(app)  # type: ignore[attr-defined]
    return app


def flask(hooks: bool = False, many: bool = False) -> Any:
    import flask

    app = flask.Flask("bench")
    app.secret_key = SECRET
    if hooks:

        @app.before_request
        def before() -> None:
            flask.g.start = time.perf_counter()

        @app.after_request
        def after(response: Any) -> Any:
            response.headers["X-Hook"] = "after"
            return response

    def get(board: str, member: str) -> dict[str, Any]:
        return standing(board, member)

    for i in numbers(many):
        app.add_url_rule(f"/boards{i}/<board>/members/<member>", f"get{i}", get)

    @app.post("/scores")
    def post() -> Any:
        try:
            return fields(msgspec.json.decode(flask.request.get_data(), type=Score)), 201
        except msgspec.ValidationError:
            return {}, 400

    @app.get("/session")
    def session() -> dict[str, Any]:
        return {"user": flask.session["user"]}

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = "ann"
        return ""

    if not hooks and not many:
        app.cookie = cookie_by_login(app)  # type: ignore[attr-defined]
    return app


def cookie_by_login(app: Any) -> str:
    client = app.test_client()
    client.get("/login")
    return str(client.get_cookie("session").value)


def bottle(hooks: bool = False, many: bool = False) -> Any:
    bottle: Any = import_module("bottle")  # it has no types
    app = bottle.Bottle()
    if hooks:

        def before() -> None:
            bottle.request.environ["bench.start"] = time.perf_counter()

        def after() -> None:
            bottle.response.headers["X-Hook"] = "after"

        app.add_hook("before_request", before)
        app.add_hook("after_request", after)

    def get(board: str, member: str) -> dict[str, Any]:
        return standing(board, member)

    for i in numbers(many):
        app.route(f"/boards{i}/<board>/members/<member>", "GET", get)

    def post() -> Any:
        try:
            score = msgspec.json.decode(bottle.request.body.read(), type=Score)
        except msgspec.ValidationError:
            bottle.response.status = 400
            return {}
        bottle.response.status = 201
        return fields(score)

    app.route("/scores", "POST", post)
    return app


def falcon(hooks: bool = False, many: bool = False) -> Any:
    import falcon

    class Hooks:
        def process_request(self, req: Any, resp: Any) -> None:
            req.context.start = time.perf_counter()

        def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
            resp.set_header("X-Hook", "after")

    class Member:
        def on_get(self, req: Any, resp: Any, board: str, member: str) -> None:
            resp.media = standing(board, member)

    class Scores:
        def on_post(self, req: Any, resp: Any) -> None:
            try:
                resp.media = fields(msgspec.json.decode(req.bounded_stream.read(), type=Score))
                resp.status = 201
            except msgspec.ValidationError:
                raise falcon.HTTPBadRequest from None

    app = falcon.App(middleware=[Hooks()] if hooks else [])
    for i in numbers(many):
        app.add_route(f"/boards{i}/{{board}}/members/{{member}}", Member())
    app.add_route("/scores", Scores())
    return app


def numbers(many: bool) -> list[str]:
    return [str(i) for i in range(MANY)] if many else [""]


PEERS: dict[str, Callable[..., Any]] = {
    "raw": raw,
    "werkzeug": werkzeug,
    "wz": wz,
    "flask": flask,
    "bottle": bottle,
    "falcon": falcon,
}


def installed() -> dict[str, Callable[..., Any]]:
    return {name: make for name, make in PEERS.items() if name == "raw" or optional(name)}
