"""The same program written with Flask 3.1, to compare each step with."""

from uuid import uuid4

from flask import Flask, g, request
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from ranking import Boards, UnknownMember, token

boards = Boards()
app = Flask(__name__, static_folder=None)
app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_prefix=1)


@app.put("/boards/<board>/members/<member>")
def put(board, member):
    return boards.put(board, member, request.get_json().get("score"))


@app.get("/boards/<board>/members/<member>")
def standing(board, member):
    return boards.standing(board, member)


@app.get("/boards/<board>/top")
def top(board):
    return boards.top(board, limit=request.args.get("limit", 10, type=int))


@app.post("/<hub>/messages")
def send(hub):
    return {"authorization": token(request.base_url)}, 201


@app.errorhandler(UnknownMember)
def unknown(exc):
    return problem(NotFound(str(exc)))


@app.errorhandler(ValueError)
def refused(exc):
    return problem(BadRequest(str(exc)))


@app.errorhandler(HTTPException)
def problem(exc):
    response = exc.get_response()
    response.data = app.json.dumps(
        {"status": exc.code, "title": exc.name, "detail": exc.description}
    )
    response.content_type = "application/problem+json"
    return response


@app.before_request
def name_request():
    g.request_id = request.headers.get("X-Request-ID") or uuid4().hex


@app.after_request
def tell_name(response):
    response.headers["X-Request-ID"] = g.request_id
    return response


if __name__ == "__main__":
    app.run(port=8000)
