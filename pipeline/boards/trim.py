"""Remove the last members of a board, or those on one side of a score, in chunks: what `Board.trim` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from ..errors import InvalidValue
from . import listing
from .bulk import CHUNK
from .changes import Change, Code, Op
from .form import Form, Order
from .queries import Above, AskInfo, Below, Member, Query, Under
from .scores import StaleShard, shown, to_units
from .shard import OtherForm
from .shards import ATTEMPTS, BoardChanged, Progress, Shards, StaleBoard


class Trimmed(Struct, frozen=True):
    """How many members were removed, and how many there are now."""

    board: str
    removed: int
    count: int


def trim(
    shards: Shards, keep: int | None, below: Decimal | None, above: Decimal | None, progress: Progress | None
) -> Trimmed:
    if (keep is not None) + (below is not None) + (above is not None) != 1:
        raise InvalidValue("exactly one of keep, below and above must say which members to remove", field="keep")
    if keep is not None and keep < 0:
        raise InvalidValue("keep must be a number of members, from 0 up", field="keep")
    try:
        form = shards.load_form()
        if below is not None:
            pages = _by_score(shards, to_units(below, "below", shards.places), None)
        elif above is not None:
            pages = _by_score(shards, None, to_units(above, "above", shards.places))
        else:
            pages = _last(shards, keep or 0)
        removed = in_vain = 0
        for members, left in pages:
            done = _remove(shards, form, members) if shards.form == form else 0  # else this process knows it changed
            removed, in_vain = removed + done, 0 if done else in_vain + 1
            if in_vain == ATTEMPTS or shards.form != form:
                raise BoardChanged(shards.name)
            if progress is not None:
                progress(removed, removed + left)
        return Trimmed(shards.name, removed, sum(info.size for [info] in shards.ask(AskInfo())))
    except OtherForm as exc:  # another board is in its place, or the best is now what was the last
        raise BoardChanged(shards.name) from exc
    except StaleShard as exc:
        raise StaleBoard(shards.name, str(exc)) from exc


def _last(shards: Shards, keep: int) -> Iterator[tuple[list[Member], int]]:
    """Yield the last members in the board's order until `keep` are left, and each time how many are still too many."""
    last_first = Order.ASC if shards.form.order is Order.DESC else Order.DESC
    while True:
        page = listing.rows(shards, [0] * len(shards), last_first, CHUNK)
        excess = page.size - keep
        if excess <= 0:
            return
        members = page.rows[:excess]
        yield members, excess - len(members)
        if excess == len(members) == page.size:
            return  # there is no board to ask any more


def _by_score(shards: Shards, below: int | None, above: int | None) -> Iterator[tuple[list[Member], int]]:
    """Yield the members below or above a score, and each time how many of them there are beside these."""
    ask: list[Query] = [AskInfo()]
    if below is not None:
        ask += [Under(below, CHUNK), Below(below)]
    elif above is not None:
        ask += [Above(above + 1, CHUNK), Below(above + 1)]
    is_there = False
    while True:
        replies = shards.ask(*ask)
        size = sum(info.size for info, *_ in replies)
        if not (is_there or size):
            raise shards.unknown()
        is_there = True
        members = [member for _, some, _ in replies for member in some]
        if not members:
            return
        lower = sum(totals.count for _, _, totals in replies)
        yield members, (lower if below is not None else size - lower) - len(members)


def _remove(shards: Shards, form: Form, members: Sequence[Member]) -> int:
    """Remove those that still have this score. Returns how many did."""
    by_shard: dict[int, list[Change]] = {}
    for stored, score in members:
        name = form.plain(stored)
        try:
            member = name.decode()
        except UnicodeDecodeError as exc:
            raise StaleShard(f"the name {shown(name)!r} is no UTF-8") from exc
        by_shard.setdefault(shards.number_of(member), []).append(Change(Op.REMOVE, member, score))
    replies = [shards[number].update(form, changes) for number, changes in by_shard.items()]
    return sum(reply.code is Code.OK for some in replies for reply in some)
