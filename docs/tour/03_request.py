"""3. Request and Response: the same dict and the same answer, by names that read them right."""

import json

from werkzeug import Request, Response

from ranking import Boards, token

boards = Boards()


@Request.application
def app(request):
    match request.method, request.path.split("/"):
        case "PUT", ["", "boards", board, "members", member]:
            return answer(boards.put(board, member, request.get_json().get("score")))

        case "GET" | "HEAD", ["", "boards", board, "members", member]:
            return answer(boards.standing(board, member))

        case "GET" | "HEAD", ["", "boards", board, "top"]:
            return answer(boards.top(board, limit=request.args.get("limit", 10, type=int)))

        case "POST", ["", _hub, "messages"]:
            return answer({"authorization": token(request.base_url)}, 201)

    return Response("not here\n", 404)


def answer(value, status=200):
    return Response(json.dumps(value), status, mimetype="application/json")


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
