"""The bytes of a tree, written and read as a whole: for `rebuild`, which writes them, and `check`, which compares them.

tree.lua describes the layout, change.lua updates the tree, one score at a time, and read.lua adds up with it.
tests/boards/reference_tree.py does the same as all of them, as a plain Python class.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import accumulate, pairwise

from .form import FIRST_COME, LOWEST_FIRST, Form, Order, Ties
from .totals import Totals

#: A leaf with more scores gets a page of 32 children; a page with at most MERGE scores becomes a leaf.
SPLIT, MERGE = 2048, 1024

#: What is below a node; LEAF + r is a leaf of 2**r runs.
EQUAL, DIGITS, OCTAVES, LEAF = range(4)

#: Wider runs have no sums, which would not fit into 6 bytes.
SUMS_TO_BITS = 37

#: Bytes, and where the areas begin. The roots are at the end of the header.
HEAD_SIZE, NODE_SIZE, AREAS_AT = 64, 50, 168
HEADER_SIZE = HEAD_SIZE + 2 * NODE_SIZE

#: The first bytes of the string, which say that this is its layout.
MAGIC = b"wzb2"
_HEADER = (6, 1, 1, 6, 4, 4, 6, 6, 4)  # bytes of each field

_STEP = 40  # a sum is stored as hi * 2^40 + lo
_NODE = (4, 5, 6, 4, 6, 6, 6, 1, 4, 1, 7)  # bytes of each number of a node
_RUN = (2, 2, 6)


class BrokenTree(Exception):
    """The tree does not agree with the sorted set."""


@dataclass(frozen=True)
class Header:
    """The fields at the string's beginning; tree.lua explains each."""

    version: int = 0
    places: int = 0
    flags: int = 0
    expires: int = 0
    sample: int = 0
    generation: int = 0
    most: int = 0
    logged: int = 0
    search: int = 0

    @classmethod
    def read(cls, packed: bytes) -> Header:
        """Read a header; of a string that does not begin with one, all fields are 0."""
        if not packed.startswith(MAGIC):
            return cls()
        limits = pairwise(accumulate(_HEADER, initial=len(MAGIC)))
        return cls(*(int.from_bytes(packed[first:end], "little") for first, end in limits))

    @property
    def form(self) -> Form:
        """What callers assume of a board with this header."""
        ties = Ties.FIRST if self.flags & FIRST_COME else Ties.NAME
        return Form(self.places, Order.ASC if self.flags & LOWEST_FIRST else Order.DESC, ties, self.generation)

    def pack(self) -> bytes:
        return (MAGIC + b"".join(map(_pack, astuple(self), _HEADER))).ljust(HEAD_SIZE, b"\0")


#: Of the flags: the board is kept when it is empty, and it has segments.
KEPT, SEGMENTED = 1, 2


@dataclass
class Node:
    """The scores in [cell * 2**bits, (cell + 1) * 2**bits), which is the cell that has held all its scores so far.

    A leaf has no children. Those of a page are by digits or by `octaves`.
    """

    bits: int = 0
    cell: int = 0
    totals: Totals = Totals()  # noqa: RUF009 - a value that can't change
    children: list[Node] = field(default_factory=list)
    octaves: bool = False

    @property
    def count(self) -> int:
        return self.totals.count

    def covers(self, score: int) -> bool:
        """Say whether a score is in the node's cell."""
        return score >> self.bits == self.cell

    def child_of(self, score: int) -> int:
        """Return the number of the child that the score belongs to."""
        if self.octaves:
            return max(score.bit_length() + 31 - self.bits, 0)
        return (score >> self.bits - 5) & 31


def build(scores: Sequence[int], first: int, end: int) -> Node:
    """Return the node, with all that is below it, of the ascending `scores[first:end]`, on one side of 0. O(n)."""
    if first == end:
        return Node()
    low, high = scores[first], scores[end - 1]
    bits = (low ^ high).bit_length()
    node = Node(bits, low >> bits)
    if low == high:
        node.totals = _equal(low, end - first)
    elif end - first <= SPLIT:
        node.totals = Totals.of(scores[first:end])
    else:
        divide(node, scores, first, end)
        node.totals = sum((child.totals for child in node.children), Totals())
    return node


def divide(node: Node, scores: Sequence[int], first: int, end: int) -> None:
    """Give a node with these scores a page: by octaves if more than 3 in 4 would be in the first of 32 digits."""
    node.bits = max(node.bits, 5)
    node.cell = scores[first] >> node.bits
    if node.cell == 0 and scores[first + (end - first) * 3 // 4] < 1 << node.bits - 5:
        node.octaves = True
        node.bits = max(scores[first].bit_length() + 31, node.bits)
    limits = pairwise([first, *child_limits(node, scores, first, end)])
    node.children = [build(scores, *ends) for ends in limits]


def child_limits(node: Node, scores: Sequence[int], first: int, end: int) -> Iterator[int]:
    """Return where, in the node's `scores[first:end]`, those of each child end."""
    for child in range(1, 33):
        limit = 1 << node.bits - 32 + child if node.octaves else (node.cell * 32 + child) << node.bits - 5
        yield bisect_left(scores, limit, first, end)


def pack(scores: Sequence[int], header: Header) -> bytes:
    """Return the string that Redis holds for ascending scores; `header` but for what it says of areas."""
    middle = bisect_left(scores, 0)
    areas = bytearray()

    def area(content: bytes) -> int:
        at = AREAS_AT + len(areas)
        units = math.ceil((2 + len(content)) / 8)
        areas.extend((_pack(units * 2 + 1, 2) + content).ljust(units * 8, b"\0"))
        return at // 8

    def entry(node: Node, first: int) -> bytes:
        if node.children:
            firsts = accumulate((child.count for child in node.children), initial=first)
            page = b"".join(map(entry, node.children, firsts))
            return _pack_node(node, OCTAVES if node.octaves else DIGITS, area(page))
        if not node.bits:
            return _pack_node(node, EQUAL, 0)
        r = _runs_for(node)
        return _pack_node(node, LEAF + r, area(_pack_leaf(node, r, scores[first : first + node.count])))

    roots = entry(build(scores, 0, middle), 0) + entry(build(scores, middle, len(scores)), middle)
    return (replace(header, search=0).pack() + roots).ljust(AREAS_AT, b"\0") + areas


def _equal(score: int, count: int) -> Totals:
    return Totals(count, score * count, score * score * count, 1)


def _runs_for(leaf: Node) -> int:
    """Return of how many runs a leaf is made, as a power of 2."""
    return next(r for r in range(5) if r in (4, leaf.bits) or leaf.count <= 64 << r)


def _pack_node(node: Node, below: int, area: int) -> bytes:
    totals = node.totals
    high, low = divmod(totals.sum, 1 << _STEP)
    upper, a = divmod(totals.squares, 1 << 45)
    c, b = divmod(upper, 1 << 45)
    numbers = (totals.count, low, high, totals.distinct, a, b, c, below, area, node.bits, node.cell)
    return b"".join(map(_pack, numbers, _NODE))


def _pack_leaf(leaf: Node, r: int, scores: Sequence[int]) -> bytes:
    """Pack a leaf's scores, ascending, with room for one more score in 16, and for one more in each run."""
    width = leaf.bits - r
    size = math.ceil(width / 8)
    entries, slots, start, first = b"", b"", 0, 0
    for run in range(leaf.cell << r, leaf.cell + 1 << r):
        end = bisect_left(scores, run + 1 << width, first)
        offsets = [score - (run << width) for score in scores[first:end]]
        entries += _pack(start, 2) + _pack(len(offsets), 2) + _pack(sum(offsets) if width <= SUMS_TO_BITS else 0, 6)
        more = 1 + len(offsets) // 16
        slots += b"".join([offset.to_bytes(size, "little") for offset in offsets]) + bytes(more * size)
        start += len(offsets) + more
        first = end
    return entries + _pack(start, 2) + slots


def _pack(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little", signed=number < 0)


class Unpacked:
    """A tree as Redis holds it. `roots` are its two roots. Raises `BrokenTree` if areas are lost or used twice."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed or bytes(AREAS_AT)
        self.leaves: list[tuple[Node, list[int]]] = []  # each with its scores
        self.areas: dict[int, int] = {}  # where an area in use begins, and where it ends
        at, end = AREAS_AT, len(self.packed)
        while at < end:
            units, in_use = divmod(self._number(at, 2), 2)
            if not units or at + units * 8 > end:
                raise BrokenTree(f"the tree is cut short at {end} bytes")
            if in_use:
                self.areas[at] = at + units * 8
            at += units * 8
        self.roots = self._node(HEAD_SIZE), self._node(HEAD_SIZE + NODE_SIZE)
        if self.areas:
            raise BrokenTree(f"{len(self.areas)} areas are in use, but no node has them")

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self.packed[at : at + size], "little")

    def _numbers(self, at: int, sizes: Sequence[int]) -> list[int]:
        return [
            self._number(at + before, size) for before, size in zip(accumulate(sizes, initial=0), sizes, strict=False)
        ]

    def _node(self, at: int) -> Node:
        count, low, high, distinct, a, b, c, below, area, bits, cell = self._numbers(at, _NODE)
        totals = Totals(count, (_signed(high, 6) << _STEP) + low, (c << 90) + (b << 45) + a, distinct)
        node = Node(bits, _signed(cell, 7), totals, octaves=below == OCTAVES)
        if below != EQUAL:
            first = area * 8 + 2
            end = self.areas.pop(area * 8, None)
            if end is None:
                raise BrokenTree(f"the area of {_name(node)} is used twice, or not in use")
            if below >= LEAF:
                self.leaves.append((node, self._scores(node, below - LEAF, first, end)))
            else:
                node.children = [self._node(first + child * NODE_SIZE) for child in range(32)]
        return node

    def _scores(self, leaf: Node, r: int, at: int, end: int) -> list[int]:
        """Read the scores of a leaf. Raises `BrokenTree` if its runs are not as they have to be."""
        width = leaf.bits - r
        size = math.ceil(width / 8)
        slots = at + sum(_RUN) * 2**r + 2
        scores: list[int] = []
        for run in range(leaf.cell << r, leaf.cell + 1 << r):
            start, count, excess, limit = self._numbers(at, (*_RUN, 2))
            offsets = [self._number(slots + place * size, size) for place in range(start, start + count)]
            if start + count > limit or slots + limit * size > end:
                raise BrokenTree(f"{_name(leaf)} has a run that is too long")
            if excess != (sum(offsets) if width <= SUMS_TO_BITS else 0):
                raise BrokenTree(f"{_name(leaf)} has a run whose sum is not that of its scores")
            scores += [(run << width) + offset for offset in offsets]
            at += sum(_RUN)
        return scores


def _signed(number: int, size: int) -> int:
    return number - (1 << 8 * size) if number >> 8 * size - 1 else number


def check(packed: bytes, scores: Sequence[int]) -> None:
    """Compare all nodes and leaves with the set's ascending `scores`. Raises `BrokenTree` at the first difference."""
    if packed and not packed.startswith(MAGIC):
        raise BrokenTree("they are in an old layout")
    unpacked = Unpacked(packed)
    below, rest = unpacked.roots
    middle = bisect_left(scores, 0)
    _check(below, scores, 0, middle)
    _check(rest, scores, middle, len(scores))
    for leaf, found in unpacked.leaves:
        first = bisect_left(scores, leaf.cell << leaf.bits)
        if found != list(scores[first : first + leaf.count]):
            raise BrokenTree(f"{_name(leaf)} does not have the scores of the set")


def _check(node: Node, scores: Sequence[int], first: int, end: int) -> None:
    if node.count != end - first:
        raise BrokenTree(f"{_name(node)} counts {node.count} scores, the set has {end - first}")
    if node.count and not (node.covers(scores[first]) and node.covers(scores[end - 1])):
        raise BrokenTree(f"{_name(node)} does not hold its scores, {scores[first]} to {scores[end - 1]}")
    if node.children and (node.count <= MERGE or node.bits < 5):
        raise BrokenTree(f"{_name(node)} has a page for only {node.count} scores")
    if not node.children and node.bits > 0 and node.count > SPLIT:
        raise BrokenTree(f"{_name(node)} has {node.count} scores, and no page")
    totals = Totals()
    if node.children:
        for child, limit in zip(node.children, child_limits(node, scores, first, end), strict=True):
            _check(child, scores, first, limit)
            totals += child.totals
            first = limit
    elif node.bits:
        totals = Totals.of(scores[first:end])
    elif node.count:
        totals = _equal(node.cell, node.count)
    for what, found, right in zip(Totals._fields, node.totals, totals, strict=True):
        if found != right:
            raise BrokenTree(f"{_name(node)} has a {what} of {found}, the set of {right}")


def _name(node: Node) -> str:
    return f"the cell of {node.cell << node.bits} with {node.bits} bits"
