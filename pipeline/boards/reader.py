"""How questions are put to the shards of a board: what `View` is made of."""

from __future__ import annotations

import functools
import heapq
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Concatenate, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from ..errors import InvalidValue
from . import select
from .answers import Order
from .cursor import Position
from .errors import BoardChanged, StaleBoard, UnknownBoard, UnknownSegment
from .fanout import ask_all
from .scripts import Client
from .shard import ALL, AskInfo, At, Lowest, Member, OtherPlaces, Query, Rows, Shard, StaleShard, Totals
from .units import PLACES, from_units

P = ParamSpec("P")
T = TypeVar("T")

#: How often a question of several rounds is asked again, because the board changed between two of them.
ATTEMPTS = 10

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,126}[A-Za-z0-9_])?")


def with_places(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Run a method again with the board's own places, if it thought of others; put the board's name into errors.

    A value that is refused may be right for the places that the board has in fact, which costs a question.
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS):
            try:
                return method(self, *args, **kwargs)
            except OtherPlaces as exc:
                self.places = exc.places
            except InvalidValue:
                thought = self.places
                if self.load_places() == thought:
                    raise
            except StaleShard as exc:
                raise StaleBoard(self.name, "another program wrote to it") from exc
        raise BoardChanged(self.name)

    return wrapper  # type: ignore[return-value]


class Found(NamedTuple):
    """Members in order, how many are before them with what sum, and how many there are in all."""

    rows: list[Member]
    before: Totals
    size: int


class Reader:
    """Asks every shard at once, and adds up.

    A place in a board is said by `skips`: how many members of each shard are before it, in the order of the list.
    """

    # The places of boards, as far as this process knows. Redis compares them in each call.
    _known_places: ClassVar[WeakKeyDictionary[Client, dict[str, int]]] = WeakKeyDictionary()

    def __init__(self, client: Client, name: str, shards: int = 1, segment: str | None = None) -> None:
        check_name(name, "board")
        if segment is not None:
            check_name(segment, "segment")
        self.client = client
        self.name = name
        self.segment_name = segment
        tags = [f"{{board:{name}}}"] if shards == 1 else [f"{{board:{name}:{n}}}" for n in range(shards)]
        self.shards = [Shard(client, tag, segment) for tag in tags]

    @property
    def places(self) -> int:
        return self._known_places.get(self.client, {}).get(self.name, PLACES)

    @places.setter
    def places(self, places: int) -> None:
        known = self._known_places.setdefault(self.client, {})
        if len(known) >= 10_000:  # time-boxed boards come and go
            known.clear()
        known[self.name] = places

    @property
    def knows_places(self) -> bool:
        return self.name in self._known_places.get(self.client, {})

    def load_places(self) -> int:
        """Ask for the places of the board, which are 6 if there is none."""
        [info] = self.shards[0].read(None, AskInfo())
        self.places = PLACES if info.places is None else info.places
        return self.places

    def _decimal(self, units: int) -> Decimal:
        return from_units(units, self.places)

    def _unknown(self) -> Exception:
        if self.segment_name is not None:
            return UnknownSegment(self.name, self.segment_name)
        return UnknownBoard(self.name)

    def _ask(self, *queries: Query) -> list[list[Any]]:
        """Ask all shards the same. Returns the answers by shard."""
        return ask_all(self.shards, self.places, [queries] * len(self.shards))

    def _ask_each(self, queries: Sequence[Sequence[Query]]) -> list[list[Any]]:
        """Ask each shard its own questions."""
        return ask_all(self.shards, self.places, queries)

    def _skips(self, count: int, order: Order) -> list[int]:
        """Return how many of the first `count` members in order are in each shard."""
        if len(self.shards) == 1:
            return [count]
        sizes = [info.size for [info] in self._ask(AskInfo())]
        count = min(count, sum(sizes))
        if order is Order.ASC:
            return select.cuts(self._ask_each, sizes, count)
        lowest = select.cuts(self._ask_each, sizes, sum(sizes) - count)
        return [size - cut for size, cut in zip(sizes, lowest, strict=True)]

    def _rows(self, skips: Sequence[int], order: Order, limit: int) -> Found:
        """Return up to `limit` members after those to skip. One round."""
        return self._found(self._ask_each([_page(skip, order, limit) for skip in skips]), order, limit)

    def _rows_after(self, position: Position, order: Order, limit: int) -> Found:
        """Return up to `limit` members after a position, whatever is written meanwhile. Two rounds, if it is quiet."""
        if order is Order.ASC:  # the next position that there could be: what is before that is to be skipped
            position = Position(position.score, position.member + b"\0")
        replies = self._ask(At(*position), AskInfo())
        for _ in range(ATTEMPTS):
            skips = [at if order is Order.ASC else info.size - at for at, info, *_ in replies]
            replies = self._ask_each([[At(*position), *_page(skip, order, limit)] for skip in skips])
            if skips == [at if order is Order.ASC else info.size - at for at, info, *_ in replies]:
                return self._found([answers for _, *answers in replies], order, limit)
        raise BoardChanged(self.name)

    def _found(self, replies: list[list[Any]], order: Order, limit: int) -> Found:
        size = sum(info.size for info, *_ in replies)
        if not size:
            raise self._unknown()
        before = sum((value(totals) for _, _, *totals in replies), Totals())
        rows = merge([rows for _, rows, *_ in replies], order)
        return Found(rows[:limit], before, size)


def _page(skip: int, order: Order, limit: int) -> list[Query]:
    """The questions for a shard's part of a page."""
    rows = Rows(skip, skip + limit - 1) if order is Order.ASC else Rows(-skip - limit, -skip - 1)
    return [AskInfo(), rows, *first(skip, order)]


def first(count: int, order: Order, *, full: bool = False) -> list[Query]:
    """The questions for the totals of a shard's first `count` members; `value` makes an answer of the answers."""
    if order is Order.ASC:
        return [Lowest(count, full)]
    return [Lowest(ALL, full), Lowest(-count if count else ALL, full)]


def value(answers: Sequence[Totals]) -> Totals:
    """The first without the others."""
    totals = answers[0]
    for other in answers[1:]:
        totals -= other
    return totals


def merge(lists: Sequence[list[Member]], order: Order) -> list[Member]:
    """Put the members of all shards, each list ascending, into one order."""
    if order is Order.DESC:
        lists = [rows[::-1] for rows in lists]
    return list(heapq.merge(*lists, key=Member.position, reverse=order is Order.DESC))


def check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} is no name for a {what}: 1 to 128 letters, digits and _ . : -, a letter, digit or _ at "
            "both ends",
            field=what,
        )
