"""The program that is tested: a ranking of rewards, on Werkzeug alone. Your own takes its place (README.md)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

BOARDS: defaultdict[str, dict[str, float]] = defaultdict(dict)  # in memory: so one process, and threads
FOLLOWERS: defaultdict[str, list[SimpleQueue[bytes]]] = defaultdict(list)
URLS = Map(
    [
        Rule("/boards/<board>/members/<member>", endpoint="set_score", methods=["PUT"]),
        Rule("/boards/<board>/members/<member>", endpoint="standing", methods=["GET"]),
        Rule("/boards/<board>/changes", endpoint="changes", methods=["GET"]),
    ]
)


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def set_score(request: Request, board: str, member: str) -> Response:
    match request.get_json():
        case {"score": int() | float() as score}:
            BOARDS[board][member] = score
        case _:
            raise BadRequest("the body is no object with a number as its score")
    for follower in list(FOLLOWERS[board]):
        follower.put(line(member=member, score=score))
    return standing(request, board, member)


def standing(request: Request, board: str, member: str) -> Response:
    scores = BOARDS[board]
    if member not in scores:
        raise NotFound(f"{member!r} has no score on {board!r}")
    rank = 1 + sum(score > scores[member] for score in list(scores.values()))
    return Response(line(member=member, score=scores[member], rank=rank), mimetype="application/json")


def changes(request: Request, board: str) -> Response:
    """Send each change as it is made, and a blank line in a second without one, which finds out who is gone."""

    def lines(queue: SimpleQueue[bytes]) -> Iterator[bytes]:
        FOLLOWERS[board].append(queue)
        try:
            yield line(members=len(BOARDS[board]))
            while True:
                try:
                    yield queue.get(timeout=1)
                except Empty:
                    yield b"\n"
        finally:
            FOLLOWERS[board].remove(queue)

    return Response(lines(SimpleQueue()), mimetype="application/x-ndjson")


VIEWS: dict[str, Callable[..., Response]] = {"set_score": set_score, "standing": standing, "changes": changes}


@Request.application
def app(request: Request) -> Response:
    try:
        endpoint, values = URLS.bind_to_environ(request).match()
        return VIEWS[endpoint](request, **values)
    except HTTPException as error:
        response = error.get_response(request.environ)
        if error.code and error.code >= 400:
            response.set_data(line(error=error.description))
            response.content_type = "application/json"
        return response
