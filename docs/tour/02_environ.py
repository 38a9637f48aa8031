"""2. The environ: what is in it, who filled it in, and what it takes to read it right."""

import json
from urllib.parse import parse_qs

from ranking import Boards, token

boards = Boards()


def app(environ, start_response):
    match environ["REQUEST_METHOD"], text(environ["PATH_INFO"]).split("/"):
        case "PUT", ["", "boards", board, "members", member]:
            score = json.loads(body(environ)).get("score")
            return answer(start_response, boards.put(board, member, score))

        case "GET", ["", "boards", board, "members", member]:
            return answer(start_response, boards.standing(board, member))

        case "GET", ["", "boards", board, "top"]:
            query = parse_qs(environ.get("QUERY_STRING", ""))
            limit = int(query.get("limit", ["10"])[-1])
            return answer(start_response, boards.top(board, limit))

        case "POST", ["", _hub, "messages"]:
            return answer(start_response, {"authorization": token(url(environ))}, "201 Created")

    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"not here\n"]


def text(value):
    """The server has undone each %XX, and made text of the bytes as Latin-1. They are UTF-8."""
    return value.encode("latin-1").decode("utf-8", "replace")


def url(environ):
    """What the client asked for. SCRIPT_NAME is the part that leads to this application."""
    path = text(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])
    return f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{path}"


def body(environ):
    """No more than CONTENT_LENGTH: a connection that stays open has no end to read up to."""
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def answer(start_response, value, status="200 OK"):
    content = json.dumps(value).encode()
    length = str(len(content))
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", length)])
    return [content]


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
