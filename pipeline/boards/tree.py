"""The bytes of a tree, written and read as a whole: for `rebuild`, which writes them, and `check`, which compares them.

tree.lua describes the layout, change.lua updates the tree, one score at a time, and read.lua adds up with it.
tests/boards/reference_tree.py does the same as all of them, as a plain Python class.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import accumulate, islice, pairwise

from .form import FIRST_COME, LOWEST_FIRST, Form, Order, Ties
from .totals import Totals

#: A leaf with more scores gets a page of 16 children; a page with at most MERGE scores becomes a leaf.
SPLIT, MERGE = 1280, 640

#: The runs of leaves above this level have no sums, which would not fit into 6 bytes.
SUMS_TO_LEVEL = 10

#: Bytes; the header has the roots in it, which are nodes 14 and 15. Page p begins with node 16 p.
HEAD_SIZE, NODE_SIZE = 64, 51
PAGE_SIZE = 16 * NODE_SIZE
HEADER_SIZE = HEAD_SIZE + 2 * NODE_SIZE

_STEP = 40  # a sum is stored as hi * 2^40 + lo
_NODE = (5, 5, 6, 1, 7, 4, 5, 6, 6, 6)  # bytes of each number of a node


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
    free: int = 0
    pages: int = 0

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

#: The first bytes of the string, which say that this is its layout.
MAGIC = b"wzb2"
_HEADER = (6, 1, 1, 6, 4, 4, 6, 6, 4, 4)  # bytes of each field


@dataclass
class Node:
    """The scores in [cell * 16**level, (cell + 1) * 16**level). A leaf has no children.

    The cell is the smallest that has held all its scores so far.
    """

    level: int = 0
    cell: int = 0
    totals: Totals = Totals()  # noqa: RUF009 - a value that can't change
    children: list[Node] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.totals.count

    def covers(self, score: int) -> bool:
        """Say whether a score is in the node's cell."""
        return score >> 4 * self.level == self.cell


def build(scores: Sequence[int], first: int, end: int) -> Node:
    """Return the node, with all that is below it, of the ascending `scores[first:end]`, on one side of 0. O(n)."""
    if first == end:
        return Node()
    level, low, high = 0, scores[first], scores[end - 1]
    if low == high:
        return Node(0, low, _equal(low, end - first))
    while low != high:
        level, low, high = level + 1, low >> 4, high >> 4
    node = Node(level, low)
    if end - first <= SPLIT:
        node.totals = Totals.of(scores[first:end])
        return node
    for limit in child_limits(node, scores, first, end):
        node.children.append(build(scores, first, limit))
        node.totals += node.children[-1].totals
        first = limit
    return node


def pack(scores: Sequence[int], header: Header) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the string and the hash that Redis holds for ascending scores; `header` but for its numbers of pages."""
    middle = bisect_left(scores, 0)
    roots = build(scores, 0, middle), build(scores, middle, len(scores))
    pages: list[bytes] = []
    leaves: dict[bytes, bytes] = {}
    todo = iter(scores)

    def entry(node: Node, name: int) -> bytes:
        number = 0
        if node.children:
            pages.append(b"")
            number = len(pages)
            pages[number - 1] = page(node.children, number * 16)
        elif node.level:
            leaves[b"%d" % name] = _pack_leaf(node, list(islice(todo, node.count)))
        else:
            deque(islice(todo, node.count), maxlen=0)
        return _pack_node(node, number)

    def page(children: Sequence[Node], first: int) -> bytes:
        return b"".join([entry(child, number) for number, child in enumerate(children, first)])

    packed = page(roots, 14)
    return replace(header, free=0, pages=len(pages)).pack() + packed + b"".join(pages), leaves


def _equal(score: int, count: int) -> Totals:
    return Totals(count, score * count, score * score * count, 1)


def _pack_node(node: Node, page: int) -> bytes:
    totals = node.totals
    high, low = divmod(totals.sum, 1 << _STEP)
    upper, a = divmod(totals.squares, 1 << 45)
    c, b = divmod(upper, 1 << 45)
    numbers = (totals.count, low, high, node.level, node.cell, page, totals.distinct, a, b, c)
    return b"".join(map(_pack, numbers, _NODE))


def _pack_leaf(leaf: Node, scores: Sequence[int]) -> bytes:
    """Pack a leaf's scores, ascending."""
    in_run = (1 << 4 * (leaf.level - 1)) - 1
    offsets = [score & in_run for score in scores]
    head = b""
    for first, limit in pairwise([0, *child_limits(leaf, scores, 0, len(scores))]):
        total = sum(offsets[first:limit]) if leaf.level <= SUMS_TO_LEVEL else 0
        head += _pack(limit - first, 2) + _pack(total, 6)
    return head + b"".join([offset.to_bytes(leaf.level // 2, "little") for offset in offsets])


def _pack(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little", signed=number < 0)


def child_limits(node: Node, scores: Sequence[int], first: int, end: int) -> Iterator[int]:
    """Return where, in the node's `scores[first:end]`, those of each child end."""
    for digit in range(1, 17):
        yield bisect_left(scores, (node.cell * 16 + digit) << 4 * (node.level - 1), first, end)


class Unpacked:
    """A tree as Redis holds it. `roots` are its two roots. Raises `BrokenTree` if pages are lost or used twice."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed or bytes(HEADER_SIZE)
        self.header = Header.read(self.packed)
        self.leaves: list[tuple[int, Node]] = []  # leaves with their numbers, those that are in the hash
        self.unread = set(range(1, self.header.pages + 1))
        if len(self.packed) < HEADER_SIZE + len(self.unread) * PAGE_SIZE:
            raise BrokenTree(f"the tree is cut short at {len(self.packed)} bytes")
        self.roots = self._node(14), self._node(15)
        free = self.header.free
        while free:
            self._take(free)
            first = HEADER_SIZE + (free - 1) * PAGE_SIZE
            free = self._number(first, first + 4)
        if self.unread:
            raise BrokenTree(f"{len(self.unread)} pages are neither used nor free")

    def _number(self, first: int, end: int) -> int:
        return int.from_bytes(self.packed[first:end], "little")

    def _take(self, page: int) -> None:
        if page not in self.unread:
            raise BrokenTree(f"page {page} is used twice, or does not exist")
        self.unread.remove(page)

    def _node(self, number: int) -> Node:
        at = HEAD_SIZE + (number - 14) * NODE_SIZE
        limits = accumulate(_NODE, initial=at)
        numbers = [self._number(*ends) for ends in pairwise(limits)]
        count, low, high, level, cell, page, distinct, a, b, c = numbers
        high, cell = _signed(high, 6), _signed(cell, 7)
        totals = Totals(count, (high << _STEP) + low, (c << 90) + (b << 45) + a, distinct)
        node = Node(level, cell, totals)
        if page:
            self._take(page)
            node.children = [self._node(page * 16 + digit) for digit in range(16)]
        elif level:
            self.leaves.append((number, node))
        return node


def _signed(number: int, size: int) -> int:
    return number - (1 << 8 * size) if number >> 8 * size - 1 else number


def check(packed: bytes, leaves: Mapping[bytes, bytes], scores: Sequence[int]) -> None:
    """Compare all nodes and leaves with the set's ascending `scores`. Raises `BrokenTree` at the first difference."""
    unpacked = Unpacked(packed)
    below, rest = unpacked.roots
    middle = bisect_left(scores, 0)
    _check(below, scores, 0, middle)
    _check(rest, scores, middle, len(scores))
    for number, leaf in unpacked.leaves:
        first = bisect_left(scores, leaf.cell << 4 * leaf.level)
        if leaves.get(b"%d" % number) != _pack_leaf(leaf, scores[first : first + leaf.count]):
            raise BrokenTree(f"node {number} does not have the scores of {_name(leaf)}")
    if unknown := leaves.keys() - {b"%d" % number for number, _ in unpacked.leaves}:
        raise BrokenTree(f"there are scores of node {min(unknown).decode()}, which is not a leaf")


def _check(node: Node, scores: Sequence[int], first: int, end: int) -> None:
    if node.count != end - first:
        raise BrokenTree(f"{_name(node)} counts {node.count} scores, the set has {end - first}")
    if node.count and not (node.covers(scores[first]) and node.covers(scores[end - 1])):
        raise BrokenTree(f"{_name(node)} does not hold its scores, {scores[first]} to {scores[end - 1]}")
    if node.children and (node.count <= MERGE or node.level == 0):
        raise BrokenTree(f"{_name(node)} has a page for only {node.count} scores")
    if not node.children and node.level > 0 and node.count > SPLIT:
        raise BrokenTree(f"{_name(node)} has {node.count} scores, and no page")
    totals = Totals()
    if node.children:
        for child, limit in zip(node.children, child_limits(node, scores, first, end), strict=True):
            _check(child, scores, first, limit)
            totals += child.totals
            first = limit
    elif node.level:
        totals = Totals.of(scores[first:end])
    elif node.count:
        totals = _equal(node.cell, node.count)
    for what, found, right in zip(Totals._fields, node.totals, totals, strict=True):
        if found != right:
            raise BrokenTree(f"{_name(node)} has a {what} of {found}, the set of {right}")


def _name(node: Node) -> str:
    return f"the cell of {node.cell << 4 * node.level} at level {node.level}"
