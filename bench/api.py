"""The small API that bench/peers.py has in each framework: what it takes and what it answers.

GET  /boards/<board>/members/<member>   {"board": ..., "member": ..., "rank": 7, "score": 12.5}
POST /scores                            five typed fields, validated; 201 and the same five as JSON
GET  /search?member=&limit=&least=      three typed fields, of which two have defaults; the same three as JSON
"""

from __future__ import annotations

from typing import Any

import msgspec

MANY = 300


class Score(msgspec.Struct):
    board: str
    member: str
    value: float
    count: int
    tags: list[str]


class Search(msgspec.Struct):
    member: str
    limit: int = 10
    least: float = 0.0


decode_score = msgspec.json.Decoder(Score).decode


def standing(board: str, member: str) -> dict[str, Any]:
    return {"board": board, "member": member, "rank": 7, "score": 12.5}


def fields(score: Score) -> dict[str, Any]:
    return {name: getattr(score, name) for name in Score.__struct_fields__}


def found(member: str, limit: int, least: float) -> dict[str, Any]:
    return {"member": member, "limit": limit, "least": least}


def numbers(many: bool) -> list[str]:
    return [str(i) for i in range(MANY)] if many else [""]
