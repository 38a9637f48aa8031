"""5. Errors: whatever is raised becomes an answer too, in one place and in one form."""

import json
import logging

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound
from werkzeug.routing import Map, Rule

from ranking import Boards, UnknownMember, token

boards = Boards()
url_map = Map()
views = {}
errors = {UnknownMember: NotFound, ValueError: BadRequest}  # what HTTP calls what the domain raises


def route(rule, method):
    def register(view):
        views[view.__name__] = view
        url_map.add(Rule(rule, endpoint=view.__name__, methods=[method]))
        return view

    return register


@route("/boards/<board>/members/<member>", "PUT")
def put(request, board, member):
    return boards.put(board, member, request.get_json().get("score"))


@route("/boards/<board>/members/<member>", "GET")
def standing(request, board, member):
    return boards.standing(board, member)


@route("/boards/<board>/top", "GET")
def top(request, board):
    return boards.top(board, limit=request.args.get("limit", 10, type=int))


@route("/<hub>/messages", "POST")
def send(request, hub):
    return {"authorization": token(request.base_url)}, 201


def app(environ, start_response):
    request = Request(environ)
    try:
        endpoint, values = url_map.bind_to_environ(environ).match()
        response = answer(views[endpoint](request, **values))
    except Exception as exc:
        response = problem(exc)
    return response(environ, start_response)


def answer(value):
    value, status = value if isinstance(value, tuple) else (value, 200)
    return Response(json.dumps(value), status, mimetype="application/json")


def problem(exc):
    if not isinstance(exc, HTTPException):
        known = next((errors[cls] for cls in type(exc).__mro__ if cls in errors), None)
        if known is None:
            logging.getLogger("tour").error("a request failed", exc_info=exc)
        exc = known(str(exc)) if known else InternalServerError()
    response = exc.get_response()
    response.data = json.dumps({"status": exc.code, "title": exc.name, "detail": exc.description})
    response.content_type = "application/problem+json"
    return response


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
