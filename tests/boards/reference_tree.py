"""The tree of tree.lua as a plain Python class, which does the same as the scripts, one score at a time: the reference.

Tests run both and compare them. docs/boards.md explains the tree with it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.boards import tree
from pipeline.boards.totals import Totals
from pipeline.boards.tree import Node, build, divide


class Tree:
    """Counts and sums of scores, in O(log n). `scores` plays the sorted set.

    `roots` are the root of the scores below 0, and the root of the others.
    """

    def __init__(self, scores: Sequence[int] = ()) -> None:
        """Build from ascending scores, in O(n)."""
        self.scores = list(scores)
        middle = bisect_left(self.scores, 0)
        self.roots = build(self.scores, 0, middle), build(self.scores, middle, len(self.scores))

    def add(self, score: int) -> None:
        change = self._change(score)
        for node in _path(self._root_of(score), score):
            _cover(node, score)
            if not node.children and node.count >= tree.SPLIT and node.bits > 0:
                first = bisect_left(self.scores, node.cell << node.bits)
                divide(node, self.scores, first, first + node.count)
            node.totals += change
        insort(self.scores, score)

    def remove(self, score: int) -> None:
        """Remove one such score, which must be there."""
        del self.scores[bisect_left(self.scores, score)]
        change = self._change(score)
        for node in list(_path(self._root_of(score), score)):
            node.totals -= change
            if node.children and node.count <= tree.MERGE:
                first = bisect_left(self.scores, _lowest(node))
                vars(node).update(vars(build(self.scores, first, first + node.count)))
            if not node.count:
                node.bits = node.cell = 0

    def move(self, before: int, after: int) -> None:
        if before != after:
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
                total += node.totals.sum
            elif node.children:
                nodes = list(node.children)
            else:
                return total + sum(self.scores[passed:count])
        return total

    def sum_below(self, score: int) -> int:
        return self.sum_lowest(bisect_left(self.scores, score))

    def _root_of(self, score: int) -> Node:
        return self.roots[score >= 0]

    def _change(self, score: int) -> Totals:
        """Add one more score to the totals of each node above it; `scores` are those without it."""
        place = bisect_left(self.scores, score)
        return Totals.of([score])._replace(distinct=self.scores[place : place + 1] != [score])


def _path(node: Node, score: int) -> Iterator[Node]:
    """The nodes whose cells hold `score`, from this one to the leaf."""
    yield node
    while node.children:
        node = node.children[node.child_of(score)]
        yield node


def _lowest(node: Node) -> int:
    """The first unit of the lowest leaf. A node with a page may have a cell that has scores of its neighbours, too."""
    while node.children:
        node = next(child for child in node.children if child.count)
    return node.cell << node.bits


def _cover(node: Node, score: int) -> None:
    """Make the cell large enough. A node that is not a leaf, or is too full for one, becomes a child."""
    if not node.count:
        node.bits, node.cell = 0, score
    if node.covers(score):
        return
    old = replace(node)
    while not node.covers(score):
        node.bits, node.cell = node.bits + 1, node.cell >> 1
    if old.children or old.count > tree.SPLIT:
        node.octaves = old.cell == 0
        node.bits = max(node.bits, old.bits + (31 if node.octaves else 5))
        first = old.cell << old.bits
        node.cell = first >> node.bits
        node.children = [Node() for _ in range(32)]
        node.children[0 if node.octaves else node.child_of(first)] = old
