"""The API of bench/api.py in each framework, written as its users would, without its debugging aids.

All JSON answers have a Content-Length. Encoders are each framework's own: msgspec for wz, the standard library's for
the others; `falcon_msgspec` and `raw_msgspec` are Falcon as its documentation sets it up with msgspec, and raw WSGI
with that encoder. The POST's five fields are checked in wz by the Struct of the signature. The others have nothing for
that; they use the fastest validator, also msgspec, so that the frameworks are compared and not the validators. A wrong
body or query is answered 400 or 422. The hook before puts a start time on the request, the one after adds a header.

Falcon is the newest release, 4.4.0, which is also the fastest that can be installed: its wheels compile three helper
modules, and leave the rest as Python, since that is faster (so its build script says). Measured on Python 3.11, the
last release that is compiled as a whole, 4.0.2, takes 1.1 times as long for a GET, a POST and a 404.
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

from .api import Score, Search, decode_score, fields, found, numbers, standing
from .raw import raw, raw_msgspec


def optional(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


def werkzeug(hooks: bool = False, many: bool = False) -> Any:
    """Bare Werkzeug: its Request, Map and Response, combined in the shortest way."""

    def as_json(value: Any, status: int = 200) -> Response:
        return Response(json.dumps(value), status, mimetype="application/json")

    def post(request: Request) -> Response:
        try:
            return as_json(fields(decode_score(request.get_data())), 201)
        except msgspec.ValidationError:
            return as_json({}, 400)

    def search(request: Request) -> Response:
        args = request.args
        try:
            return as_json(found(args["member"], int(args.get("limit", 10)), float(args.get("least", 0.0))))
        except ValueError:
            return as_json({}, 400)

    views: dict[str, Callable[..., Response]] = {
        "get": lambda request, board, member: as_json(standing(board, member)),
        "post": post,
        "search": search,
    }
    rules = [Rule(f"/boards{i}/<board>/members/<member>", endpoint="get", methods=["GET"]) for i in numbers(many)]
    rules += [Rule("/scores", endpoint="post", methods=["POST"]), Rule("/search", endpoint="search", methods=["GET"])]
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

    return app


def wz(hooks: bool = False, many: bool = False) -> Any:
    from wz import App

    app = App("bench")
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

    @app.get("/search")
    def search(query: Search) -> Any:
        return query

    return app


def flask(hooks: bool = False, many: bool = False) -> Any:
    import flask

    app = flask.Flask("bench")
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
            return fields(decode_score(flask.request.get_data())), 201
        except msgspec.ValidationError:
            return {}, 400

    @app.get("/search")
    def search() -> dict[str, Any]:
        args = flask.request.args
        try:
            return found(args["member"], int(args.get("limit", 10)), float(args.get("least", 0.0)))
        except ValueError:
            flask.abort(400)

    return app


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
            score = decode_score(bottle.request.body.read())
        except msgspec.ValidationError:
            bottle.response.status = 400
            return {}
        bottle.response.status = 201
        return fields(score)

    def search() -> Any:
        query = bottle.request.query
        try:
            return found(query["member"], int(query.get("limit", 10)), float(query.get("least", 0.0)))
        except (KeyError, ValueError):
            bottle.abort(400)

    app.route("/scores", "POST", post)
    app.route("/search", "GET", search)
    return app


def falcon(hooks: bool = False, many: bool = False, encode: Callable[[Any], bytes] | None = None) -> Any:
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
                resp.media = fields(decode_score(req.bounded_stream.read()))
                resp.status = 201
            except msgspec.ValidationError:
                raise falcon.HTTPBadRequest from None

    class SearchByHand:
        def on_get(self, req: Any, resp: Any) -> None:
            given = req.params
            try:
                member = given["member"]
                if isinstance(member, list):  # it was given twice
                    raise TypeError
                resp.media = found(member, int(given.get("limit", 10)), float(given.get("least", 0.0)))
            except (KeyError, TypeError, ValueError):
                raise falcon.HTTPUnprocessableEntity from None

    class SearchByGetters:
        def on_get(self, req: Any, resp: Any) -> None:
            resp.media = found(
                req.get_param("member", required=True),
                req.get_param_as_int("limit", default=10),
                req.get_param_as_float("least", default=0.0),
            )

    app = falcon.App(middleware=[Hooks()] if hooks else [])
    if encode is not None:
        app.resp_options.media_handlers["application/json"] = falcon.media.JSONHandler(dumps=encode)
    for i in numbers(many):
        app.add_route(f"/boards{i}/{{board}}/members/{{member}}", Member())
    app.add_route("/scores", Scores())
    app.add_route("/search", SearchByHand())
    app.add_route("/search_by_getters", SearchByGetters())
    return app


def falcon_msgspec(hooks: bool = False, many: bool = False) -> Any:
    return falcon(hooks, many, msgspec.json.encode)


PEERS: dict[str, Callable[..., Any]] = {
    "raw": raw,
    "raw_msgspec": raw_msgspec,
    "werkzeug": werkzeug,
    "wz": wz,
    "flask": flask,
    "bottle": bottle,
    "falcon": falcon,
    "falcon_msgspec": falcon_msgspec,
}


def installed() -> dict[str, Callable[..., Any]]:
    """Return those whose package, the first word of the name, is installed."""
    packages = {name: name.partition("_")[0] for name in PEERS}
    return {name: make for name, make in PEERS.items() if packages[name] == "raw" or optional(packages[name])}
