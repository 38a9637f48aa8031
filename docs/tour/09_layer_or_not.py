"""9. Static files are a layer, a session is a hook, a template is a function."""

import mimetypes
from importlib import import_module
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import DictLoader, Environment
from werkzeug import Response
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.security import safe_join

from ranking import KEY, Boards, UnknownMember, token
from tiny import App

middleware = import_module("08_middleware")
boards = Boards()
app = App({UnknownMember: NotFound, ValueError: BadRequest})

# A session is a hook: the view changes it, and the cookie is a header of the view's answer.

cookies = URLSafeSerializer(KEY, salt="session")


def session(request):
    """Return a dict that the client's next request brings back; read when first asked for."""
    if not hasattr(request, "session"):
        try:
            request.session = cookies.loads(request.cookies.get("session", ""))
        except BadSignature:
            request.session = {}
        request.session_before = dict(request.session)
    return request.session


@app.after
def save_session(request, response):
    if hasattr(request, "session"):
        response.vary.add("Cookie")
        if request.session != request.session_before:
            response.set_cookie(
                "session", cookies.dumps(request.session), httponly=True, samesite="Lax"
            )
    return response


# A template is a function: values in, text out.

PAGE = """\
<!doctype html>
<title>{{ board }}</title>
<link rel="stylesheet" href="/static/board.css">
<h1>{{ board }}</h1>
<ol>
{% for row in members %}
<li{% if row.member == me %} class="me"{% endif %}>{{ row.member }}: {{ row.score }}</li>
{% endfor %}
</ol>
"""
templates = Environment(loader=DictLoader({"board.html": PAGE}), autoescape=True, trim_blocks=True)


@app.route("/boards/<board>", "GET")
def page(request, board):
    found = boards.top(board, limit=10)
    text = templates.get_template("board.html").render(found, me=session(request).get("member"))
    return Response(text, mimetype="text/html")


@app.route("/session", "PUT")
def sign_in(request):
    """A member says who they are; a real program would not take their word."""
    session(request)["member"] = request.get_json().get("member")
    return session(request)


# Static files are a layer: neither a rule nor a session is asked for them.


def static(app, prefix, folder):
    def layer(environ, start_response):
        if not environ["PATH_INFO"].startswith(prefix):
            return app(environ, start_response)
        path = safe_join(folder, environ["PATH_INFO"].removeprefix(prefix))
        if path is None or not Path(path).is_file():
            return NotFound()(environ, start_response)
        mimetype = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return Response(Path(path).read_bytes(), mimetype=mimetype)(environ, start_response)

    return layer


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


app = middleware.onion(static(app, "/static/", Path(__file__).with_name("static")))

if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points")
    make_server("127.0.0.1", 8000, app).serve_forever()
