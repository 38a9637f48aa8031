"""Give a member a score, or a reward, on one board or on several: what `Board.set` and `Board.add` do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, cast

from ..errors import InvalidValue
from ..store import Redis
from .answers import Order, Standing
from .changes import Change, Code, Op, Reply, checked_event, checked_member
from .queries import AskInfo, At, Find
from .scores import to_units
from .shard import OtherForm, StaleShard, update
from .shards import BoardChanged, Shards, StaleBoard, UnknownMember, attempts, refused, with_form


class Target(Protocol):
    """What is needed of a `Board`."""

    shards: Shards
    remember_ms: int
    expires: int

    def standing_of(self, member: str, score: int, rank: int, size: int, order: Order | None) -> Standing: ...


def give(
    boards: Sequence[Target],
    op: Op,
    member: str,
    value: Decimal,
    order: Order | None,
    *,
    event: str = "",
    expected: str = "",
) -> list[tuple[Standing, Code]]:
    """Return the member's standing on each board, and OK, KEPT, DROPPED or SAME.

    On one server all boards are changed in one call of the script, or none. On a cluster they are changed one after the
    other: if one refuses, those before it have been changed. `expected` is about the first board.
    """
    names = [board.shards.name for board in boards]
    if len(set(names)) < len(names):
        raise InvalidValue("each board can be named once only", "also")
    checked_member(member), checked_event(event)
    if len(boards) > 1:  # what one of them refuses is refused before anything is changed
        for board in boards:
            if not board.shards.knows_form:  # or each would take an attempt
                board.shards.load_form()
            _change(board, op, member, value, event)
    is_at_once = isinstance(boards[0].shards.client, Redis)
    done: list[tuple[Standing, Code]] = []
    for group in [boards] if is_at_once else [[board] for board in boards]:
        replies = _update(group, op, member, value, event, "" if done else expected)
        places = [board.shards.places for board in group]
        done += [_answer(*one, member, order) for one in zip(group, replies, places, strict=True)]
    return done


def _update(boards: Sequence[Target], op: Op, member: str, value: Decimal, event: str, expected: str) -> list[Reply]:
    for _ in attempts():
        changes = [_change(board, op, member, value, event) for board in boards]
        shards = [board.shards.of(member) for board in boards]
        forms = [(board.shards.form, board.expires) for board in boards]
        try:
            replies = update(shards, forms, changes, remember_ms=boards[0].remember_ms, ranks=True, expected=expected)
        except OtherForm as exc:
            boards[exc.place].shards.form = exc.form
            continue
        except StaleShard as exc:
            raise StaleBoard(boards[exc.place].shards.name, str(exc)) from exc
        for board, change, reply in zip(boards, changes, replies, strict=False):
            if error := refused(reply.code, change, board.shards.name):
                raise error
            if reply.score is None:  # the event was applied before, and the member was removed after it
                raise UnknownMember(board.shards.name, member)
        return replies
    raise BoardChanged(boards[0].shards.name)


def _change(board: Target, op: Op, member: str, value: Decimal, event: str) -> Change:
    field = "reward" if op is Op.ADD else "score"
    try:
        units = to_units(value, field, board.shards.places)
    except InvalidValue:  # it may be right for the board's real form
        thought = board.shards.places
        if board.shards.load_form().places == thought:
            raise
        units = to_units(value, field, board.shards.places)
    return Change(op, member, units, event)


@with_form  # it may be replaced by another board since the change
def _answer(board: Target, reply: Reply, places: int, member: str, order: Order | None) -> tuple[Standing, Code]:
    if board.shards.places != places:  # in which the score is
        raise BoardChanged(board.shards.name)
    score, rank, size = cast(int, reply.score), cast(int, reply.rank), cast(int, reply.size)
    is_kept = reply.code is not Code.DROPPED
    if len(board.shards) > 1 or not is_kept:
        [found] = board.shards.of(member).read(board.shards.form, Find(member))
        name = found.name if found else board.shards.form.last(member)
        replies = board.shards.ask(At(score, name), AskInfo())
        rank, size = sum(at for at, _ in replies), sum(info.size for _, info in replies)
        if not is_kept and (order or board.shards.form.order) is Order.DESC:
            rank -= 1  # it is not one of `size`: its rank is how many are better
    return board.standing_of(member, score, rank, size, order), reply.code
