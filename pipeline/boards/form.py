"""What a caller assumes of a board, and the scripts compare before they answer or change anything."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .scores import PLACES


class Order(StrEnum):
    """From the lowest score or from the highest; ties by the member's bytes, reversed with the order."""

    ASC = "asc"
    DESC = "desc"

    @property
    def opposite(self) -> Order:
        """The other one."""
        return Order.DESC if self is Order.ASC else Order.ASC


class Ties(StrEnum):
    """Which of the members with the same score is the better one: by name, or the one that had the score first."""

    NAME = "name"
    FIRST = "first"


# Bits of the `flags` in a board's header that are part of its form; tree.lua has all of them.
LOWEST_FIRST, FIRST_COME = 4, 8


#: Bytes before a member's name in the sorted sets of a board whose ties go to who came first: see arrivals.lua.
ARRIVAL_BYTES = 7


class Form(NamedTuple):
    """How to read a board's numbers: `places` after the point, its best-first `order`, its `ties`.

    `generation` is another number each time the board is replaced by a new one. So answers of several shards, or of
    several rounds, that were given for one form are all about one board.
    """

    places: int = PLACES
    order: Order = Order.DESC
    ties: Ties = Ties.NAME
    generation: int = 0

    @classmethod
    def of(cls, number: int) -> Form:
        """Return the form that a script names by this `number`."""
        rest, places = divmod(number, 16)
        generation, bits = divmod(rest, 4)
        return cls(places, Order.ASC if bits & 1 else Order.DESC, Ties.FIRST if bits & 2 else Ties.NAME, generation)

    @property
    def number(self) -> int:
        """The form as one number, below 2^38: 16 values for the places, 2 bits, and the generation."""
        bits = (self.order is Order.ASC) + 2 * (self.ties is Ties.FIRST)
        return (self.generation * 4 + bits) * 16 + self.places

    @property
    def flags(self) -> int:
        """Its bits of a header's `flags`."""
        return LOWEST_FIRST * (self.order is Order.ASC) + FIRST_COME * (self.ties is Ties.FIRST)

    def plain(self, name: bytes) -> bytes:
        """Return a member's name, from the one that is in the sorted sets."""
        return name[ARRIVAL_BYTES:] if self.ties is Ties.FIRST else name

    def last(self, member: str) -> bytes:
        """Return the name that a member would have in the sorted sets if it came last of those with its score."""
        if self.ties is Ties.NAME:
            return member.encode()
        return b"" if self.order is Order.DESC else b"\xff" * ARRIVAL_BYTES
