"""The change that only window jobs make, in their transactions, for tests of boards."""

from __future__ import annotations

from pipeline.boards import Board
from pipeline.boards.changes import Change, Code, Op


def raise_to(board: Board, member: str, units: int) -> int | None:
    """Give `member` a score in units, if it has none or a lower one. Returns its score then."""
    [reply] = board.shards.of(member).update(board.shards.form, [Change(Op.MAX, member, units)])
    assert reply.code is Code.OK
    return reply.score
