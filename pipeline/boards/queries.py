"""The questions that read.lua answers: its arguments, and what its replies mean."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from .form import Form
from .scores import stored_units
from .totals import Totals

#: More scores than a shard can have.
ALL = 2**53


class Info(NamedTuple):
    """A shard's settings, as tree.lua explains them; `form` is None if it was never written to."""

    size: int
    version: int
    form: Form | None
    flags: int
    expires: int
    sample: int
    most: int
    logged: int

    @property
    def places(self) -> int | None:
        return None if self.form is None else self.form.places


class Found(NamedTuple):
    """`name` is the member's in the sorted sets, as in `Member`."""

    score: int
    rank: int
    name: bytes


class Member(NamedTuple):
    """A member with its units, under the name that it has in the sorted sets: see `Form.plain`."""

    name: bytes
    score: int

    def position(self) -> tuple[int, bytes]:
        """What Redis sorts by: units, then the name's bytes."""
        return self.score, self.name


class Query:
    """A question to `Shard.read`: its arguments for read.lua, and how to read the reply."""

    args: tuple[Any, ...]

    def parse(self, reply: Any) -> Any:
        """Raises `StaleShard` for a score that no board can have."""
        return reply


class _TotalsQuery(Query):
    def parse(self, reply: Any) -> Totals:
        # In parts, because a Lua number is a double.
        count, high, low, copies, score, *rest = map(int, struct.unpack(f"<{len(reply) // 8}d", reply))
        total = (high << 40) + low + copies * score
        if not rest:
            return Totals(count, total)
        distinct, a, b, c = rest
        return Totals(count, total, a + (b << 45) + (c << 90) + copies * score**2, distinct)


class Lowest(_TotalsQuery):
    """`Totals` of the `count` lowest scores; if it is negative, of all but the -count highest. O(log n).

    Squares and distinct are counted if the answer is to be `full`.
    """

    def __init__(self, count: int, full: bool = False) -> None:
        self.args = ("lowest", count, int(full))


class Below(_TotalsQuery):
    """`Totals` of the scores less than `score`. O(log n)."""

    def __init__(self, score: int, full: bool = False) -> None:
        self.args = ("below", score, int(full))


class Most(_TotalsQuery):
    """Count and sum of the most of the lowest non-negative scores whose sum does not exceed `limit`. O(log n)."""

    def __init__(self, limit: int) -> None:
        self.args = ("most", limit >> 40, limit & (1 << 40) - 1)


class _MembersQuery(Query):
    def parse(self, reply: Any) -> list[Member]:
        return [
            Member(member, stored_units(member, score)) for member, score in zip(reply[::2], reply[1::2], strict=True)
        ]


class ByRank(_MembersQuery):
    """The `Member`s of rank `first` to `last`, both included, from the lowest."""

    def __init__(self, first: int, last: int) -> None:
        self.args = ("rows", first, last)


class Above(_MembersQuery):
    """Up to `limit` `Member`s whose score is not less than `score`, the lowest first."""

    def __init__(self, score: int, limit: int) -> None:
        self.args = ("above", score, limit)


class Under(_MembersQuery):
    """Up to `limit` `Member`s whose score is less than `score`, the highest first."""

    def __init__(self, score: int, limit: int) -> None:
        self.args = ("under", score, limit)


class Find(Query):
    """A member's score and rank as `Found`, None if it has none."""

    def __init__(self, member: str) -> None:
        self.args = ("find", member)

    def parse(self, reply: Any) -> Found | None:
        return None if reply is None else Found(stored_units(self.args[1], reply[0]), *reply[1:])


class At(Query):
    """The number of members before a score and name, in the order of Redis. O(log n); among equal scores its square."""

    def __init__(self, score: int, member: bytes) -> None:
        self.args = ("at", score, member)


class Count(Query):
    """The number of scores less than `score`. O(log n), from the set alone."""

    def __init__(self, score: int) -> None:
        self.args = ("count", score)


class Different(Query):
    """Different scores from `first` on to `end`, neither included, and whether there are more than these some 2,000."""

    def __init__(self, first: int, end: int) -> None:
        self.args = ("distinct", first, end)

    def parse(self, reply: Any) -> tuple[list[int], bool]:
        more, *scores = reply
        return [stored_units("a member", score) for score in scores], bool(more)


class AskInfo(Query):
    """`Info`."""

    args = ("info",)

    def parse(self, reply: Any) -> Info:
        size, version, form, *rest = reply
        return Info(size, version, None if form == b"" else Form.of(form), *rest)


def read_args(form: Form | None, queries: Sequence[Query]) -> list[Any]:
    """Return the arguments of read.lua; with None for the form, any will do."""
    args: list[Any] = ["" if form is None else form.number]
    for query in queries:
        args += query.args
    return args


def read_answers(queries: Sequence[Query], reply: Any) -> list[Any]:
    """Return what read.lua's reply means."""
    answers = [reply] if isinstance(reply, bytes) else reply
    return [query.parse(answer) for query, answer in zip(queries, answers, strict=True)]
