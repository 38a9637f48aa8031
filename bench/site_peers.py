"""What a web site needs, in the three that have it: bare Werkzeug with itsdangerous and Jinja, wz, Flask.

    GET  /session         {"user": "ann"} from a signed cookie
    POST /session         the same, written into a signed cookie
    GET  /stream          100 chunks of 100 bytes
    GET  /static/10kB.txt with ETag and Last-Modified
    GET  /page            a template of 20 lines: a loop, conditions, filters, two links

wz and Flask open the session that the client has before they write to it; the program on bare Werkzeug only writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from .peers import optional

SECRET = "a key of the bench"
USER = {"user": "ann"}
CHUNK = b"x" * 100
FILE = "10kB.txt"

PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>{{ title }}</title>
</head>
<body>
  <nav><a href="{{ url_for('page') }}">Board</a></nav>
  <h1>{{ title|title }}</h1>
  {% if members %}
  <ol>
    {% for member in members %}
    <li{% if loop.first %} class="first"{% endif %}>{{ member.name }}: {{ member.score|round(1) }}</li>
    {% endfor %}
  </ol>
  {% else %}
  <p>Nobody has played yet.</p>
  {% endif %}
  <form method="post" action="{{ url_for('write') }}"><button>Play</button></form>
</body></html>
"""


def furnish(folder: Path) -> None:
    """Write the template, and the file to be sent."""
    (folder / "templates").mkdir()
    (folder / "templates" / "page.html").write_text(PAGE)
    (folder / "static").mkdir()
    (folder / "static" / FILE).write_text("0123456789" * 1000)


def chunks() -> Iterator[bytes]:
    for _ in range(100):
        yield CHUNK


def context() -> dict[str, Any]:
    members = [{"name": f"{name} & co", "score": 100 / number} for number, name in enumerate("abcdefghij", 1)]
    return {"title": "the board", "members": members}


def werkzeug(folder: Path) -> Any:
    import jinja2
    from itsdangerous import URLSafeTimedSerializer

    serializer = URLSafeTimedSerializer(SECRET)
    loader = jinja2.FileSystemLoader(folder / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True)

    def as_json(value: Any) -> Response:
        return Response(json.dumps(value), mimetype="application/json")

    def write(request: Request) -> Response:
        response = as_json(USER)
        response.set_cookie("session", str(serializer.dumps(USER)), httponly=True)
        return response

    def page(request: Request) -> Response:
        template = environment.get_template("page.html")
        adapter = url_map.bind_to_environ(request.environ)
        return Response(template.render(context(), url_for=adapter.build), mimetype="text/html")

    views: dict[str, Any] = {
        "read": lambda request: as_json(serializer.loads(request.cookies["session"])),
        "write": write,
        "stream": lambda request: Response(chunks(), mimetype="text/plain"),
        "static": lambda request, filename: send_file(folder / "static" / filename, request.environ),
        "page": page,
    }
    rules = [
        Rule("/session", endpoint="read", methods=["GET"]),
        Rule("/session", endpoint="write", methods=["POST"]),
        Rule("/stream", endpoint="stream", methods=["GET"]),
        Rule("/static/<path:filename>", endpoint="static", methods=["GET"]),
        Rule("/page", endpoint="page", methods=["GET"]),
    ]
    url_map = Map(rules)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        try:
            endpoint, values = url_map.bind_to_environ(environ).match()
            response: Any = views[endpoint](request, **values)
        except HTTPException as exc:
            response = exc
        return response(environ, start_response)

    return app


def wz(folder: Path) -> Any:
    from wz import App, Response
    from wz.sessions import Sessions, session_of
    from wz.static import Static
    from wz.templates import Templates, render_template

    app = App("bench", config={"SECRET_KEY": SECRET})
    Sessions(app)
    Static(app, folder / "static")
    Templates(app, folder / "templates")

    @app.get("/session")
    def read(request: Any) -> dict[str, Any]:
        return {"user": session_of(request)["user"]}

    @app.post("/session")
    def write(request: Any) -> dict[str, Any]:
        session_of(request)["user"] = "ann"
        return USER

    @app.get("/stream")
    def stream() -> Any:
        return Response(chunks(), mimetype="text/plain")

    @app.get("/page")
    def page() -> str:
        return render_template("page.html", **context())

    return app


def flask(folder: Path) -> Any:
    import flask

    app = flask.Flask("bench", static_folder=folder / "static", template_folder=folder / "templates")
    app.secret_key = SECRET

    @app.get("/session")
    def read() -> dict[str, Any]:
        return {"user": flask.session["user"]}

    @app.post("/session")
    def write() -> dict[str, Any]:
        flask.session["user"] = "ann"
        return USER

    @app.get("/stream")
    def stream() -> flask.Response:
        return flask.Response(chunks(), mimetype="text/plain")

    @app.get("/page")
    def page() -> str:
        return flask.render_template("page.html", **context())

    return app


def installed(folder: Path) -> dict[str, Any]:
    """Return the application of each that is installed."""
    return {make.__name__: make(folder) for make in (werkzeug, wz, flask) if optional(make.__name__)}
