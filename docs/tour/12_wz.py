"""12. wz: the same steps; and what can be known before a request comes is known by then."""

from typing import Any

from msgspec import Struct
from werkzeug.middleware.proxy_fix import ProxyFix
from wz import App, Request
from wz.request_id import RequestID

from ranking import Boards, UnknownMember, token

boards = Boards()
app = App(__name__)
app.problems |= {UnknownMember: 404, ValueError: 400}
app.layers.add("request id", RequestID)
app.layers.add("forwarded", ProxyFix, x_for=1, x_proto=1, x_host=1, x_prefix=1)


class Score(Struct):
    score: float


class Page(Struct):
    limit: int = 10


@app.put("/boards/<board>/members/<member>")
def put(board: str, member: str, body: Score) -> dict[str, Any]:
    return boards.put(board, member, body.score)


@app.get("/boards/<board>/members/<member>")
def standing(board: str, member: str) -> dict[str, Any]:
    return boards.standing(board, member)


@app.get("/boards/<board>/top")
def top(board: str, query: Page) -> dict[str, Any]:
    return boards.top(board, query.limit)


@app.post("/<hub>/messages")
def send(hub: str, request: Request) -> tuple[dict[str, str], int]:
    return {"authorization": token(request.base_url)}, 201


if __name__ == "__main__":
    app.run(port=8000)
