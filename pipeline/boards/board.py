"""A board: members ranked by exact decimal scores, with counts and sums."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec
import redis
from redis.client import Pipeline
from redis.commands.core import Script

from ..errors import InvalidValue, PipelineError
from . import tree

#: Digits after the point that a score may have.
PLACES = 6

#: A Redis score is a double: integers are exact below this many units.
LIMIT = 2**53

#: Most members in one answer.
PAGE = 1000

#: Scores read at once by what reads all of them.
READ = 10_000

# 16 digits hold every score in range; a longer one is InvalidOperation, one with more places Inexact.
_EXACT = Context(prec=16, traps=[Inexact, InvalidOperation])
_UNIT = Decimal(1).scaleb(-PLACES)

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,126}[A-Za-z0-9_])?")
_MEMBER_BYTES = 512


def _script(name: str) -> str:
    """Return a Lua script with what all of them share, tree.lua, before it."""
    folder = files(__package__)
    return (folder / "tree.lua").read_text() + (folder / name).read_text()


_UPDATE = _script("update.lua")
_SUM = _script("sum.lua")


@lru_cache(maxsize=8)
def _scripts(client: redis.Redis) -> tuple[Script, Script]:
    """Return update and sum, registered once for each client: a board is made for each request."""
    return client.register_script(_UPDATE), client.register_script(_SUM)


class UnknownMember(PipelineError, LookupError):
    def __init__(self, board: str, member: str) -> None:
        super().__init__(f"{member!r} has no score on the board {board!r}")
        self.board, self.member = board, member


class UnknownBoard(PipelineError, LookupError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is no board {board!r}, or it has no members")
        self.board = board


class StaleBoard(PipelineError):
    """The sums don't belong to the scores: something else wrote to the sorted set, or made it."""

    def __init__(self, board: str, what: str) -> None:
        super().__init__(
            f"the sums of the board {board!r} are not those of its scores ({what}): Board.rebuild() mends it"
        )
        self.board = board


class BoardChanged(PipelineError):
    """The board was written to while all of it was read. Ask again when it is quiet."""


class Order(StrEnum):
    """From the lowest score or from the highest; ties by the member's bytes, reversed with the order."""

    ASC = "asc"
    DESC = "desc"


class Standing(msgspec.Struct, frozen=True):
    """Where a member stands: `rank` counts from the lowest score, `reverse_rank` from the highest, both from 0."""

    member: str
    score: Decimal
    rank: int
    reverse_rank: int


class Row(msgspec.Struct, frozen=True):
    """A member in a list; `rank` counts in the order of the list."""

    member: str
    score: Decimal
    rank: int


class Sum(msgspec.Struct, frozen=True):
    """The sum of the first `count` members: those of rank 0 to `rank`, fewer if the board ends before."""

    rank: int
    order: Order
    count: int
    sum: Decimal


class SumBelow(msgspec.Struct, frozen=True):
    """The sum of the `count` members whose score is less than `score`."""

    score: Decimal
    count: int
    sum: Decimal


class Summary(msgspec.Struct, frozen=True):
    """A whole board. `min` and `max` are its lowest and highest score; `places` the digits that scores may have."""

    board: str
    places: int
    count: int
    sum: Decimal
    min: Decimal
    max: Decimal


class Board:
    """Members and scores under one name.

    A score is a decimal of at most 6 places, held as an integer number of units of 10^-6, of a magnitude below 2^53
    units (about 9.007 billion), so that every score and every sum is exact. A score that does not fit is
    `InvalidValue`, never rounded.

    Every update changes the scores and their sums together or not at all. What finds that another program wrote to the
    scores (the count is compared each time) raises `StaleBoard` and changes nothing.

    Redis keys:
        {board:NAME}:scores  sorted set, member -> units; any client may read it
        {board:NAME}:tree    string, counts and sums over the scores; see tree.lua
    """

    def __init__(self, client: redis.Redis, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidValue(
                f"{name!r} is no name for a board: 1 to 128 letters, digits and _ . : -, a letter, digit or _ at both "
                "ends",
                field="board",
            )
        self.redis = client
        self.name = name
        self.scores_key = f"{{board:{name}}}:scores"
        self.tree_key = f"{{board:{name}}}:tree"
        self._update, self._sum = _scripts(client)

    def set(self, member: str, score: Decimal) -> Standing:
        """Give `member` a score, in place of any that it has. O(log n)."""
        with self.redis.pipeline() as pipe:
            self.queue_set(pipe, member, score)
            self._queue_standing(pipe, member)
            return self._standing(member, self._execute(pipe)[1:])

    def add(self, member: str, reward: Decimal) -> Standing:
        """Add to the score of `member`, which begins at 0. The result must be in range, too, or nothing changes."""
        with self.redis.pipeline() as pipe:
            self.queue_add(pipe, member, reward)
            self._queue_standing(pipe, member)
            added, *standing = self._execute(pipe)
        if added is None:
            raise InvalidValue(f"the score of {member!r} would leave the range of a board", field="reward")
        return self._standing(member, standing)

    def queue_set(self, pipe: Pipeline, member: str, score: Decimal) -> None:
        """Put `set` into a transaction of the caller's. Raises `InvalidValue` at once; its reply says nothing."""
        self._queue_update(pipe, "set", _checked(member), to_units(score, "score"))

    def queue_add(self, pipe: Pipeline, member: str, reward: Decimal) -> None:
        """Put `add` into a transaction of the caller's. Its reply is None if the sum was out of range."""
        self._queue_update(pipe, "add", _checked(member), to_units(reward, "reward"), LIMIT)

    def standing(self, member: str) -> Standing:
        """Read score and ranks in one transaction, so they agree. Raises `UnknownMember`."""
        with self.redis.pipeline() as pipe:
            self._queue_standing(pipe, member)
            return self._standing(member, pipe.execute())

    def remove(self, member: str) -> None:
        """Take `member` off the board. Raises `UnknownMember`."""
        with self.redis.pipeline(transaction=False) as pipe:
            self._queue_update(pipe, "remove", member)
            if self._execute(pipe) == [None]:
                raise UnknownMember(self.name, member)

    def delete(self) -> None:
        """Delete the board. Raises `UnknownBoard`."""
        if not self.redis.delete(self.scores_key, self.tree_key):
            raise UnknownBoard(self.name)

    def summary(self) -> Summary:
        """Return count, sum, lowest and highest score. O(1). Raises `UnknownBoard`."""
        with self.redis.pipeline() as pipe:
            self._queue_sum(pipe, Order.DESC, LIMIT)
            pipe.zrange(self.scores_key, 0, 0, withscores=True)
            pipe.zrange(self.scores_key, -1, -1, withscores=True)
            total, lowest, highest = self._execute(pipe)
        if not lowest:
            raise UnknownBoard(self.name)
        count, units = _total(total)
        return Summary(self.name, PLACES, count, from_units(units), from_units(lowest[0][1]), from_units(highest[0][1]))

    def members(self, first: int, last: int, order: Order = Order.ASC) -> list[Row]:
        """Return the members of rank `first` to `last`, both included, at most 1,000. Raises `UnknownBoard`."""
        if last - first >= PAGE:
            raise InvalidValue(f"a page has at most {PAGE} members: ask for fewer ranks at once", field="to")
        with self.redis.pipeline() as pipe:
            pipe.exists(self.scores_key)
            pipe.zrange(self.scores_key, first, last, desc=order is Order.DESC, withscores=True)
            exists, rows = pipe.execute()
        if not exists:
            raise UnknownBoard(self.name)
        return [Row(member.decode(), from_units(score), first + i) for i, (member, score) in enumerate(rows)]

    def sum(self, rank: int, order: Order = Order.ASC) -> Sum:
        """Return the sum of the scores of rank 0 to `rank`, both included. O(log n). Raises `UnknownBoard`."""
        count, units = self._total(order, rank)
        if not count:
            raise UnknownBoard(self.name)
        return Sum(rank, order, count, from_units(units))

    def sum_below(self, score: Decimal) -> SumBelow:
        """Return count and sum of the scores less than `score`. O(log n). No board has none of them."""
        count, units = self._total("below", to_units(score, "score"))
        return SumBelow(score, count, from_units(units))

    def check(self) -> None:
        """Compare all sums with the scores. O(n), read in pages. Raises `StaleBoard`, or `BoardChanged`."""
        with self._unchanged() as pipe:
            packed: Any = pipe.get(self.tree_key)
            units = self._all_units(pipe)
            pipe.multi()
        try:
            tree.check(packed or b"", units)
        except tree.BrokenTree as exc:
            raise StaleBoard(self.name, str(exc)) from exc

    def rebuild(self, progress: Callable[[int, int], object] | None = None) -> None:
        """Make the sums anew from the scores, whoever wrote them. O(n).

        The scores are read in pages, after each of which `progress` is called with the number read and their count.
        Readers see the old sums, or `StaleBoard`, until the new ones take their place at once. Nothing is changed if
        this raises: `BoardChanged`, or `InvalidValue` for a score that no board can have.
        """
        with self._unchanged() as pipe:
            packed = tree.Tree(self._all_units(pipe, progress)).pack()
            pipe.multi()
            pipe.delete(self.tree_key)
            if packed:
                pipe.set(self.tree_key, packed)

    @contextmanager
    def _unchanged(self) -> Iterator[Pipeline]:
        """A pipeline that reads at once, until `multi`. Raises `BoardChanged` and does nothing if others wrote."""
        with self.redis.pipeline() as pipe:
            pipe.watch(self.scores_key, self.tree_key)  # type: ignore[no-untyped-call]
            yield pipe
            try:
                pipe.execute()
            except redis.WatchError as exc:
                raise BoardChanged(f"the board {self.name!r} was written to meanwhile: try again") from exc

    def _all_units(self, pipe: Pipeline, progress: Callable[[int, int], object] | None = None) -> list[int]:
        """Read all scores, ascending, with a pipeline that watches. Raises `InvalidValue`."""
        units: list[int] = []
        size: Any = pipe.zcard(self.scores_key)
        while len(units) < size:
            rows: Any = pipe.zrange(self.scores_key, len(units), len(units) + READ - 1, withscores=True)
            if not rows:  # the set became shorter
                break
            for member, score in rows:
                if not (abs(score) < LIMIT and score.is_integer()):
                    raise InvalidValue(f"{member!r} has {score!r}, which is no whole number below 2^53", field="score")
                units.append(int(score))
            if progress is not None:
                progress(len(units), size)
        return units

    def _total(self, what: str, limit: int) -> tuple[int, int]:
        with self.redis.pipeline(transaction=False) as pipe:
            self._queue_sum(pipe, what, limit)
            return _total(self._execute(pipe)[0])

    def _queue_sum(self, pipe: Pipeline, what: str, limit: int) -> None:
        self._sum(keys=[self.scores_key, self.tree_key], args=[what, limit], client=pipe)

    def _queue_update(self, pipe: Pipeline, *args: str | int) -> None:
        self._update(keys=[self.scores_key, self.tree_key], args=args, client=pipe)

    def _execute(self, pipe: Pipeline) -> list[Any]:
        """Return the replies. Raises `StaleBoard`, or the first other error."""
        replies = pipe.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, redis.ResponseError) and str(reply).startswith("STALE"):
                raise StaleBoard(self.name, "another program wrote to it")
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _queue_standing(self, pipe: Pipeline, member: str) -> None:
        pipe.zscore(self.scores_key, member)
        pipe.zrank(self.scores_key, member)
        pipe.zrevrank(self.scores_key, member)

    def _standing(self, member: str, replies: Sequence[Any]) -> Standing:
        score, rank, reverse_rank = replies
        if score is None:
            raise UnknownMember(self.name, member)
        return Standing(member, from_units(score), rank, reverse_rank)


def to_units(score: Decimal, field: str) -> int:
    """Return `score` in units of 10^-6. Raises `InvalidValue`, naming `field`, if that is not exact or too large."""
    if not score.is_finite():
        raise InvalidValue(f"{field} must be a number, not {score}", field)
    try:
        units = int(_EXACT.quantize(score, _UNIT).scaleb(PLACES, _EXACT))
    except Inexact:
        raise InvalidValue(
            f"{field} has more than {PLACES} digits after the point, and is not rounded", field
        ) from None
    except InvalidOperation:  # more digits than the context has
        units = LIMIT
    if abs(units) >= LIMIT:
        raise InvalidValue(f"{field} must be below {from_units(LIMIT)} in magnitude", field)
    return units


def from_units(units: float) -> Decimal:
    """Return units of 10^-6 as a decimal without trailing zeros; exact for an int of any size."""
    whole, part = divmod(abs(int(units)), 10**PLACES)
    digits = f"{whole}.{part:0{PLACES}}".rstrip("0").rstrip(".")
    return Decimal(f"-{digits}" if units < 0 else digits)


def _checked(member: str) -> str:
    if not 0 < len(member.encode()) <= _MEMBER_BYTES:
        raise InvalidValue(f"a member's name must have 1 to {_MEMBER_BYTES} bytes of UTF-8", field="member")
    return member


def _total(reply: Sequence[int]) -> tuple[int, int]:
    """sum.lua replies with the count and the sum in parts, because a Lua number is a double."""
    count, high, low, copies, score = reply
    return count, (high << 40) + low + copies * score
