"""Writes scores to a board, from the rows of an output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ....boards import Boards
from ....boards.board import Board
from ....boards.changes import Code, Op, checked_member
from ....boards.shard import OtherForm, error_of
from ....errors import InvalidValue, PipelineError
from ....store import Pipeline, ResponseError
from ...engine.engine import OutputRow
from ...language.values import lookup
from ...operators.faults import BOARD, BOARD_NULL, Faults
from ..job_toml import Mode
from .sink import Sink


class Change(NamedTuple):
    op: Op
    member: str
    score: Decimal


class BoardOutput(Sink):
    """Writes a member's score from two columns of each row: `add` it, `set` it, or keep the better one: `max`, `min`.

    The member must be text or a whole number, and the score a number. Other rows are left out, and so are those that
    the board refuses, since it never rounds a score. Each of them is a fault that is counted.
    """

    def __init__(self, boards: Boards, board: str, member: str, score: str, mode: Mode) -> None:
        """Raises `InvalidValue` if `board` is not a valid name of a board."""
        boards[board]
        self.boards = boards
        self.board = board
        self.member = member
        self.score = score
        self.op = Op(mode)

    def queue(self, pipe: Pipeline, rows: Sequence[OutputRow], faults: Faults) -> None:
        self.give(rows, faults, lambda _, change: self.boards[self.board].queue_update(pipe, *change))

    def give(self, rows: Iterable[OutputRow], faults: Faults, take: Callable[[OutputRow, Change], object]) -> None:
        """Call `take` with each row's change. Report a fault if there is none, or if `take` raises `InvalidValue`."""
        for row in rows:
            member, score = lookup(row.columns, self.member), lookup(row.columns, self.score)
            try:
                take(row, Change(self.op, _member(member, self.member), _decimal(score, self.score)))
            except InvalidValue as exc:
                kind = BOARD_NULL if member is None or score is None else BOARD
                faults.report(kind, f"board {self.board}: {exc}", row)

    def replied(self, reply: Any, faults: Faults) -> None:
        """Report a change that the board refused, or could not make, as a fault. Raises any other error."""
        if why := refusal(self.boards[self.board], reply):
            faults.report(BOARD, f"board {self.board}{why}")


def refusal(board: Board, reply: Any) -> str:
    """Return why a board did not make a change, given the reply to it, '' if it did. Raises any other error.

    A board that has other places than this process knew is written with those from the next transaction on.
    """
    error = error_of(reply) if isinstance(reply, ResponseError) else None
    if isinstance(error, OtherForm):
        board.shards.form = error.form
        return f": a score is lost: {error}, since another process changed them"
    if isinstance(error, PipelineError):
        return f": {error}"
    if isinstance(reply, Exception):
        raise reply
    code = reply[0].decode()
    return "" if code in (Code.OK, Code.KEPT, Code.DROPPED) else f" did not take a score ({code})"


def _member(value: Any, column: str) -> str:
    if type(value) not in (str, int):
        raise InvalidValue(f"{column} is not a member's name: it is {_shown(value)}", "member")
    return checked_member(str(value))


def _decimal(value: Any, column: str) -> Decimal:
    if type(value) not in (int, float):
        raise InvalidValue(f"{column} is not a score: it is {_shown(value)}", "score")
    return Decimal(repr(value))  # the shortest decimal that is this float: 0.1, not 0.1000000000000000055


def _shown(value: Any) -> str:
    return "NULL" if value is None else f"a {type(value).__name__}"
