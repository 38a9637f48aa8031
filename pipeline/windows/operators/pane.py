"""A pane: the partial results of the groups that have rows in a slice of time, in columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

import msgspec

from .aggregates import Aggregate
from .codec import pack, pack_plain, unpack
from .groups import Key, are_texts, columns_of, key_of

_PLAIN, _ANY = b"P", b"A"  # how a column is packed

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, int, list[bytes], list[bytes]])


class Pane:
    """Each group has a place, and each aggregate a column: a list with a partial result at each place.

        groups    {"a": 0, "b": 1, "c": 2}
        columns   [[   7,      1,      2],        COUNT(*)
                   [ 0.5,   None,    3.5]]        MAX(reward)

    `events` is the number of rows. `slots` and `left` belong to totals.py.
    """

    __slots__ = ("columns", "events", "groups", "left", "slots")

    def __init__(self, width: int) -> None:
        """`width` is the number of aggregates."""
        self.groups: defaultdict[Key, int] = defaultdict(count().__next__)
        self.columns: list[list[Any]] = [[] for _ in range(width)]
        self.events = 0
        self.slots: list[int] = []
        self.left: list[list[Any]] = []

    def places(self, keys: Iterable[Key]) -> list[int]:
        """Return the places of groups; one that is new gets the next place, without a value in the columns."""
        places = list(map(self.groups.__getitem__, keys))
        for column in self.columns:
            column += [None] * (len(self.groups) - len(column))
        return places

    def fold(self, aggregates: Sequence[Aggregate], keys: Sequence[Key], items: Iterable[Sequence[Any]]) -> None:
        """Add rows, given as their keys and a column of items for each aggregate."""
        places = self.places(keys)
        for aggregate, column, its_items in zip(aggregates, self.columns, items, strict=True):
            aggregate.fold(column, places, its_items)
        self.events += len(keys)

    def packed(self, aggregates: Sequence[Aggregate], size: int) -> Iterator[tuple[int, bytes]]:
        """Yield the number of groups and the bytes of each part, of `size` groups at most, for `merge`."""
        keys = iter(self.groups)
        for first in range(0, len(self.groups), size):
            some = list(islice(keys, size))
            _, values = columns_of(some)
            yield (
                len(some),
                _encoder.encode(
                    (
                        len(some),
                        0 if first else self.events,
                        [_packed(column, True) for column in values],
                        [
                            _packed(column[first : first + size], aggregate.restored is not None)
                            for aggregate, column in zip(aggregates, self.columns, strict=True)
                        ],
                    )
                ),
            )

    def merge(self, aggregates: Sequence[Aggregate], packed: bytes) -> None:
        """Add a part of another pane, as `packed` gave it."""
        groups, events, values, columns = _decoder.decode(packed)
        places = self.places(_keys([_unpacked(column) for column in values], groups))
        for aggregate, column, newer in zip(aggregates, self.columns, columns, strict=True):
            partials = _unpacked(newer)
            if newer[:1] == _PLAIN and aggregate.restored is not None:
                partials = aggregate.restored(partials)
            aggregate.merge(column, places, partials)
        self.events += events


def _keys(values: list[list[Any]], groups: int) -> Iterable[Key]:
    if not values:
        return [()] * groups
    if len(values) == 1 and are_texts(values[0]):
        return values[0]
    return map(key_of, zip(*values, strict=True))


def _packed(column: Sequence[Any], may_be_plain: bool) -> bytes:
    if may_be_plain:
        try:
            return _PLAIN + pack_plain(column)
        except (TypeError, OverflowError):  # an integer of more than 64 bits
            pass
    return _ANY + pack(list(column))


def _unpacked(packed: bytes) -> list[Any]:
    column: list[Any] = unpack(packed[1:])
    return column
