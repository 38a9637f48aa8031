"""The endpoints of bench.service as a good Flask developer would write them, with redis-py: for the same clients.

They check what the service's check: the token, the names, the JSON, that a score has at most six digits after the point
and is in range; scores are kept as integers, so that they are exact, and a member's score and ranks are of one state of
the board. Sending to a hub is bench/hub_peer.py's `script`.

They do less than the service: a board has no sums, segments, periods or shards, the hub no throttling; there are no
metrics, and errors have Flask's form.
"""

from __future__ import annotations

import os
import re
from decimal import Decimal

import msgspec
from flask import Flask, Response, abort, jsonify, request

from pipeline.connection_string import ConnectionString

from . import hub_peer

UNIT = 10**6  # of a score
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.:\-]{0,126}[A-Za-z0-9_])?")
MEMBER_BYTES = 512


class Score(msgspec.Struct, forbid_unknown_fields=True):
    score: Decimal


def app(hiredis: bool = True) -> Flask:
    redis = hub_peer.client(hiredis)
    root = ConnectionString.parse(os.environ["WZ_CONNECTION_STRING"])
    flask = hub_peer.script(redis)

    @flask.before_request
    def check() -> None:
        if request.endpoint != "send":  # which has its own
            hub_peer.check_token(root, request.path)

    def key(board: str, member: str) -> str:
        if not NAME.fullmatch(board) or len(member.encode()) > MEMBER_BYTES:
            abort(422)
        return f"board:{board}"

    def standing(member: str, score: float | None, rank: int | None, size: int, **more: bool) -> Response:
        if score is None or rank is None:
            abort(404)
        return jsonify(member=member, score=score / UNIT, rank=size - 1 - rank, order="desc", count=size, **more)

    @flask.get("/boards/<board>/members/<member>")
    def get(board: str, member: str) -> Response:
        name = key(board, member)
        pipe = redis.pipeline()
        pipe.zscore(name, member)
        pipe.zrank(name, member)
        pipe.zcard(name)
        return standing(member, *pipe.execute())

    @flask.put("/boards/<board>/members/<member>")
    def put(board: str, member: str) -> Response:
        name, score = key(board, member), units(request.get_data())
        pipe = redis.pipeline()
        pipe.zadd(name, {member: score}, ch=True)
        pipe.zrank(name, member)
        pipe.zcard(name)
        changed, rank, size = pipe.execute()
        return standing(member, score, rank, size, changed=bool(changed))

    return flask


def units(body: bytes) -> int:
    if request.mimetype != "application/json":
        abort(415)
    try:
        score = msgspec.json.decode(body, type=Score).score * UNIT
    except msgspec.ValidationError:
        abort(422)
    except msgspec.DecodeError:
        abort(400)
    if not score.is_finite() or score != int(score) or abs(score) >= 2**53:
        abort(422)
    return int(score)
