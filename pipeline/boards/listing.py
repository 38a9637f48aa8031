"""Members in order: where a list begins in each shard, and what is in it.

A place in a board is given as `skips`: how many members of each shard are before it, in the order of the list.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import select
from .answers import Order
from .cursor import Position
from .queries import ALL, AskInfo, At, ByRank, Lowest, Member, Query
from .scores import StaleShard
from .shards import BoardChanged, Shards, attempts
from .totals import Totals


class Listed(NamedTuple):
    """Members in order, the totals of those before them, and how many there are in all."""

    rows: list[Member]
    before: Totals
    size: int


def skips(shards: Shards, count: int, order: Order) -> list[int]:
    """Return how many of the first `count` members in order are in each shard."""
    if len(shards.all) == 1:
        return [count]
    sizes = [info.size for [info] in shards.ask(AskInfo())]
    count = min(count, sum(sizes))
    if order is Order.ASC:
        return select.cuts(shards.ask_each, sizes, count)
    lowest = select.cuts(shards.ask_each, sizes, sum(sizes) - count)
    return [size - cut for size, cut in zip(sizes, lowest, strict=True)]


def rows(shards: Shards, skipped: Sequence[int], order: Order, limit: int) -> Listed:
    """Return up to `limit` members after those to skip. One round. Raises `UnknownBoard` or `UnknownSegment`."""
    replies = shards.ask_each([_page(skip, order, limit) for skip in skipped])
    return _listed(shards, replies, order, limit)


def rows_after(shards: Shards, position: Position, order: Order, limit: int) -> Listed:
    """Return up to `limit` members after a position, whatever is written meanwhile. Two rounds, if nothing is.

    Raises `BoardChanged` if the board changes during each attempt, and what `rows` raises.
    """
    if order is Order.ASC:  # the next position that there could be: skip what is before it
        position = Position(position.score, position.member + b"\0")
    replies = shards.ask(At(*position), AskInfo())
    for _ in attempts():
        skipped = [at if order is Order.ASC else info.size - at for at, info, *_ in replies]
        replies = shards.ask_each([[At(*position), *_page(skip, order, limit)] for skip in skipped])
        if skipped == [at if order is Order.ASC else info.size - at for at, info, *_ in replies]:
            return _listed(shards, [answers for _, *answers in replies], order, limit)
    raise BoardChanged(shards.name)


def first(count: int, order: Order) -> list[Query]:
    """The questions for the totals of a shard's first `count` members; `value` makes one answer from their answers."""
    if order is Order.ASC:
        return [Lowest(count)]
    return [Lowest(ALL), Lowest(-count if count else ALL)]


def value(answers: Sequence[Totals]) -> Totals:
    """The first question's answer alone."""
    totals = answers[0]
    for other in answers[1:]:
        totals -= other
    return totals


def _page(skip: int, order: Order, limit: int) -> list[Query]:
    """The questions for a shard's part of a page: its members, the totals before it, and those at its end."""
    if order is Order.ASC:
        return [AskInfo(), ByRank(skip, skip + limit - 1), *first(skip, order), Lowest(skip + limit)]
    return [AskInfo(), ByRank(-skip - limit, -skip - 1), *first(skip, order), Lowest(-skip - limit)]


def _listed(shards: Shards, replies: list[list[Any]], order: Order, limit: int) -> Listed:
    size = sum(info.size for info, *_ in replies)
    if not size:
        raise shards.unknown()
    before = Totals()
    for _, found, *totals, end in replies:
        before += value(totals)
        page = end - totals[-1] if order is Order.ASC else totals[-1] - end
        if (page.count, page.sum) != (len(found), sum(row.score for row in found)):
            raise StaleShard("the scores of some members do not add up to them")
    return Listed(_merged([found for _, found, *_ in replies], order)[:limit], before, size)


def _merged(lists: Sequence[list[Member]], order: Order) -> list[Member]:
    """Merge the members of all shards, whose lists are ascending, into one order."""
    if order is Order.DESC:
        lists = [found[::-1] for found in lists]
    return list(heapq.merge(*lists, key=Member.position, reverse=order is Order.DESC))
