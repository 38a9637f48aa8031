"""1. A WSGI application is a function: a dict comes in; a status, headers and bytes go out."""

import json

from ranking import Boards, token

boards = Boards()


def app(environ, start_response):
    match environ["REQUEST_METHOD"], environ["PATH_INFO"].split("/"):
        case "PUT", ["", "boards", board, "members", member]:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            score = json.loads(body).get("score")
            return answer(start_response, boards.put(board, member, score))

        case "GET", ["", "boards", board, "members", member]:
            return answer(start_response, boards.standing(board, member))

        case "GET", ["", "boards", board, "top"]:
            return answer(start_response, boards.top(board, limit=10))

        case "POST", ["", _hub, "messages"]:
            url = "http://" + environ["HTTP_HOST"] + environ["PATH_INFO"]
            return answer(start_response, {"authorization": token(url)}, "201 Created")

    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"not here\n"]


def answer(start_response, value, status="200 OK"):
    content = json.dumps(value).encode()
    length = str(len(content))
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", length)])
    return [content]


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
