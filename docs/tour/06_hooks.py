"""6. The framework leaves the program; and hooks: before, after, and teardown."""

import logging
import time

from werkzeug.exceptions import BadRequest, Conflict, NotFound

from ranking import Boards, UnknownMember, token
from tiny import App

boards = Boards()
closed = set()  # boards that take no more scores
app = App({UnknownMember: NotFound, ValueError: BadRequest})


@app.before
def begin(request):
    request.begun = time.perf_counter()


@app.before
def refuse_closed(request):
    """The match came first, so a hook knows the endpoint and its values."""
    if request.endpoint == "put" and request.view_args["board"] in closed:
        raise Conflict("the board is closed")


@app.after
def not_stored(request, response):
    """A ranking changes: no cache may keep it. Errors pass here, too."""
    response.headers["Cache-Control"] = "no-store"
    return response


@app.teardown
def note(request, error):
    seconds = time.perf_counter() - request.begun
    logging.getLogger("tour").info(
        "%s took %.6f s%s", request.endpoint, seconds, " and failed" if error else ""
    )


@app.route("/boards/<board>/members/<member>", "PUT")
def put(request, board, member):
    return boards.put(board, member, request.get_json().get("score"))


@app.route("/boards/<board>/members/<member>", "GET")
def standing(request, board, member):
    return boards.standing(board, member)


@app.route("/boards/<board>/top", "GET")
def top(request, board):
    return boards.top(board, limit=request.args.get("limit", 10, type=int))


@app.route("/<hub>/messages", "POST")
def send(request, hub):
    return {"authorization": token(request.base_url)}, 201


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
