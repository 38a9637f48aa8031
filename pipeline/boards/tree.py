"""How a sorted set learns to sum: the tree that tree.lua keeps beside a board's scores, as a plain Python class.

This is the reference: tests drive both and compare them, `Board.check` reads with it what is in Redis, and
`Board.rebuild` writes with it. tree.lua draws the layout.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

#: A leaf of more scores gets a page of 16 children; a page of at most MERGE scores is given up.
SPLIT, MERGE = 128, 64

ENTRY_SIZE = 28
PAGE_SIZE = 16 * ENTRY_SIZE
HEADER_SIZE = 64 + 2 * ENTRY_SIZE

_STEP = 40  # a sum is stored as hi * 2^40 + lo


@dataclass(frozen=True)
class Header:
    """What is at the head of the string; see tree.lua."""

    free: int = 0
    pages: int = 0
    version: int = 0
    places: int = 6
    flags: int = 0
    expires: int = 0
    sample: int = 0

    @classmethod
    def read(cls, packed: bytes) -> Header:
        numbers = []
        for first, size in pairwise((0, 4, 8, 14, 15, 16, 22, 26)):
            numbers.append(int.from_bytes(packed[first:size], "little"))
        return cls(*numbers)

    def pack(self) -> bytes:
        sizes = (4, 4, 6, 1, 1, 6, 4)
        numbers = (self.free, self.pages, self.version, self.places, self.flags, self.expires, self.sample)
        return b"".join(n.to_bytes(size, "little") for n, size in zip(numbers, sizes, strict=True)).ljust(64, b"\0")


class BrokenTree(Exception):
    """The tree does not say what the sorted set says."""


@dataclass
class Node:
    """The scores in [cell * 16**level, (cell + 1) * 16**level): how many, and their sum. A leaf has no children.

    The cell is the smallest that held all these scores so far.
    """

    level: int = 0
    cell: int = 0
    count: int = 0
    sum: int = 0
    children: list[Node] = field(default_factory=list)

    def covers(self, score: int) -> bool:
        return score >> 4 * self.level == self.cell

    def child(self, score: int) -> Node:
        """The child whose part of the cell `score` is in."""
        return self.children[(score >> 4 * (self.level - 1)) & 15]

    def cover(self, score: int) -> None:
        """Make the cell large enough. What is no leaf, or too full for one, becomes a child."""
        if not self.count:
            self.level, self.cell = 0, score
        if self.covers(score):
            return
        old = replace(self)
        while not self.covers(score):
            self.level, self.cell = self.level + 1, self.cell >> 4
        if old.children or old.count > SPLIT:
            self.children = [Node() for _ in range(16)]
            self.children[(old.cell >> 4 * (self.level - 1 - old.level)) & 15] = old

    def path(self, score: int) -> Iterator[Node]:
        """The nodes whose cells hold `score`, from this one to the leaf."""
        node = self
        yield node
        while node.children:
            node = node.child(score)
            yield node


class Tree:
    """Counts and sums of scores, in O(log n). `scores` plays the sorted set."""

    def __init__(self, scores: Sequence[int] = ()) -> None:
        """Build from ascending scores, in O(n)."""
        self.scores = list(scores)
        middle = bisect_left(self.scores, 0)
        sums = [0, *accumulate(self.scores)]
        self.roots = self._build(sums, 0, middle), self._build(sums, middle, len(self.scores))

    def _build(self, sums: list[int], first: int, end: int) -> Node:
        if first == end:
            return Node()
        level, low, high = 0, self.scores[first], self.scores[end - 1]
        while low != high:
            level, low, high = level + 1, low >> 4, high >> 4
        node = Node(level, low, end - first, sums[end] - sums[first])
        if node.count > SPLIT and level > 0:
            for limit in _child_limits(node, self.scores, first, end):
                node.children.append(self._build(sums, first, limit))
                first = limit
        return node

    def root_of(self, score: int) -> Node:
        return self.roots[score >= 0]

    def add(self, score: int) -> None:
        root = self.root_of(score)
        self._make_room(root, score)
        insort(self.scores, score)
        for node in root.path(score):
            node.count += 1
            node.sum += score

    def _make_room(self, root: Node, score: int) -> None:
        for node in root.path(score):
            node.cover(score)
            if not node.children and node.count >= SPLIT and node.level > 0:
                self._split(node)

    def _split(self, leaf: Node) -> None:
        leaf.children = [Node() for _ in range(16)]
        first = bisect_left(self.scores, leaf.cell << 4 * leaf.level)
        for score in self.scores[first : first + leaf.count]:
            child = leaf.child(score)
            child.cover(score)
            child.count += 1
            child.sum += score

    def remove(self, score: int) -> None:
        """Take out one such score, which must be there."""
        del self.scores[bisect_left(self.scores, score)]
        root = self.root_of(score)
        for node in list(root.path(score)):
            node.count -= 1
            node.sum -= score
            if node.count <= MERGE:
                node.children = []
            if not node.count:
                node.level = node.cell = 0

    def move(self, before: int, after: int) -> None:
        """Change a score, as update.lua does: room is made first, while the old score is still there."""
        if before != after:
            self._make_room(self.root_of(after), after)
            self.remove(before)
            self.add(after)

    def sum_lowest(self, count: int) -> int:
        """Return the sum of the `count` lowest scores: descend by counts, adding the children passed."""
        total = passed = 0
        nodes = list(self.roots)
        while nodes:
            node = nodes.pop(0)
            if passed + node.count <= count:
                passed += node.count
                total += node.sum
            elif node.children:
                nodes = list(node.children)
            else:
                return total + sum(self.scores[passed:count])
        return total

    def sum_below(self, score: int) -> int:
        return self.sum_lowest(bisect_left(self.scores, score))

    def pack(self, header: Header) -> tuple[bytes, dict[bytes, bytes]]:
        """Return the string and the leaves that Redis holds; all of `header` but its pages is kept."""
        pages: list[bytes] = []
        roots = b"".join([_pack_entry(root, _pack_pages(root, pages)) for root in self.roots])
        return replace(header, free=0, pages=len(pages)).pack() + roots + b"".join(pages), {}


def _pack_pages(node: Node, pages: list[bytes]) -> int:
    """Append the pages of a node and of those below it. Returns the number of its own, 0 for none."""
    if not node.children:
        return 0
    pages.append(b"")
    number = len(pages)
    pages[number - 1] = b"".join([_pack_entry(child, _pack_pages(child, pages)) for child in node.children])
    return number


def _pack_entry(node: Node, page: int) -> bytes:
    high, low = divmod(node.sum, 1 << _STEP)
    return (
        node.level.to_bytes(1, "little")
        + node.cell.to_bytes(7, "little", signed=True)
        + node.count.to_bytes(5, "little")
        + low.to_bytes(5, "little")
        + high.to_bytes(6, "little", signed=True)
        + page.to_bytes(4, "little")
    )


class Reader:
    """Reads the string that Redis holds. `roots` are the two. Raises `BrokenTree` if pages are lost or used twice."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed or bytes(HEADER_SIZE)
        self.unread = set(range(1, self._number(4, 4) + 1))
        if len(self.packed) < HEADER_SIZE + len(self.unread) * PAGE_SIZE:
            raise BrokenTree(f"the tree is cut short at {len(self.packed)} bytes")
        self.roots = tuple(self._node(at) for at in (64, 64 + ENTRY_SIZE))
        free = self._number(0, 4)
        while free:
            free = self._number(self._page(free), 4)
        if self.unread:
            raise BrokenTree(f"{len(self.unread)} pages are neither used nor free")

    def _number(self, at: int, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.packed[at : at + size], "little", signed=signed)

    def _page(self, page: int) -> int:
        """Return where a page is."""
        if page not in self.unread:
            raise BrokenTree(f"page {page} is used twice, or there is none")
        self.unread.remove(page)
        return HEADER_SIZE + (page - 1) * PAGE_SIZE

    def _node(self, at: int) -> Node:
        level, cell = self.packed[at], self._number(at + 1, 7, signed=True)
        count, low = self._number(at + 8, 5), self._number(at + 13, 5)
        high, page = self._number(at + 18, 6, signed=True), self._number(at + 24, 4)
        node = Node(level, cell, count, (high << _STEP) + low)
        if page:
            first = self._page(page)
            node.children = [self._node(first + digit * ENTRY_SIZE) for digit in range(16)]
        return node


def _child_limits(node: Node, scores: Sequence[int], first: int, end: int) -> Iterator[int]:
    """Where, in the node's `scores[first:end]`, those of each child end."""
    for digit in range(1, 17):
        yield bisect_left(scores, (node.cell * 16 + digit) << 4 * (node.level - 1), first, end)


def check(packed: bytes, leaves: Mapping[bytes, bytes], scores: Sequence[int]) -> None:
    """Compare every node with the ascending `scores` of the set. Raises `BrokenTree` at the first that is wrong."""
    below, rest = Reader(packed).roots
    sums = [0, *accumulate(scores)]
    middle = bisect_left(scores, 0)
    _check(below, scores, sums, 0, middle)
    _check(rest, scores, sums, middle, len(scores))


def _check(node: Node, scores: Sequence[int], sums: list[int], first: int, end: int) -> None:
    cell = f"the cell of {node.cell << 4 * node.level} at level {node.level}"
    if node.count != end - first:
        raise BrokenTree(f"{cell} counts {node.count} scores, the set has {end - first}")
    if node.sum != sums[end] - sums[first]:
        raise BrokenTree(f"{cell} sums to {node.sum}, the set to {sums[end] - sums[first]}")
    if node.count and not (node.covers(scores[first]) and node.covers(scores[end - 1])):
        raise BrokenTree(f"{cell} does not hold its scores, {scores[first]} to {scores[end - 1]}")
    if node.children and (node.count <= MERGE or node.level == 0):
        raise BrokenTree(f"{cell} has a page for only {node.count} scores")
    if not node.children and node.level > 0 and node.count > SPLIT:
        raise BrokenTree(f"{cell} has {node.count} scores, and no page")
    if node.children:
        for child, limit in zip(node.children, _child_limits(node, scores, first, end), strict=True):
            _check(child, scores, sums, first, limit)
            first = limit
