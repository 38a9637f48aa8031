"""4. The Map: a rule for each path, and an endpoint that names the function which answers."""

import json

from werkzeug import Request, Response
from werkzeug.routing import Map, Rule

from ranking import Boards, token

boards = Boards()
url_map = Map()
views = {}


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


@Request.application
def app(request):
    endpoint, values = url_map.bind_to_environ(request.environ).match()
    return answer(views[endpoint](request, **values))


def answer(value):
    value, status = value if isinstance(value, tuple) else (value, 200)
    return Response(json.dumps(value), status, mimetype="application/json")


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
