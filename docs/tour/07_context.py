"""7. The context variable: how a global `request` is another one in each thread."""

import logging
from contextvars import ContextVar

from werkzeug.exceptions import BadRequest, NotFound

import tiny
from ranking import Boards, UnknownMember, token

current = ContextVar("current request")


class Proxy:
    """Stands for what the variable holds at the moment that an attribute is asked for."""

    def __init__(self, variable):
        self._variable = variable

    def __getattr__(self, name):
        found = self._variable.get(None)
        if found is None:
            raise RuntimeError("no request is being answered here")
        return getattr(found, name)


request = Proxy(current)


class App(tiny.App):
    """Views are not given the request: they find it in the variable while they run."""

    def handle(self, request, start_response):
        token = current.set(request)
        try:
            return super().handle(request, start_response)
        finally:
            current.reset(token)

    def dispatch(self, request):
        if request.failure is not None:
            raise request.failure
        return self.views[request.endpoint](**request.view_args)


class PathFilter(logging.Filter):
    """Gives each record the path of its request, though nobody hands a request to a logger."""

    def filter(self, record):
        found = current.get(None)
        record.path = found.path if found else None
        return True


logging.getLogger("tour").addFilter(PathFilter())
boards = Boards()
app = App({UnknownMember: NotFound, ValueError: BadRequest})


@app.route("/boards/<board>/members/<member>", "PUT")
def put(board, member):
    return boards.put(board, member, request.get_json().get("score"))


@app.route("/boards/<board>/members/<member>", "GET")
def standing(board, member):
    return boards.standing(board, member)


@app.route("/boards/<board>/top", "GET")
def top(board):
    return boards.top(board, limit=request.args.get("limit", 10, type=int))


@app.route("/<hub>/messages", "POST")
def send(hub):
    return {"authorization": token(request.base_url)}, 201


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
