"""Cells that grow: nobody says before which scores there will be."""

from bisect import bisect_left, bisect_right, insort
from copy import copy

from questions import ask, fill

FULL = 64  # scores in a leaf


class Node:
    """The scores of a cell: without their last `bits` they are `cell`. It has held all so far."""

    def __init__(self):
        self.bits = self.cell = self.count = self.sum = 0
        self.scores = []
        self.page = []

    def digit(self, score):
        return score >> self.bits - 5 & 31

    def add(self, score):
        self.grow(score)
        self.count += 1
        self.sum += score
        if self.page:
            self.page[self.digit(score)].add(score)
            return
        insort(self.scores, score)
        if self.count > FULL and self.bits:
            self.divide()

    def grow(self, score):
        """Make the cell large enough for a score. What had a page becomes a child of it."""
        if not self.count:
            self.bits, self.cell = 0, score
        if score >> self.bits == self.cell:
            return
        old = copy(self)
        while score >> self.bits != self.cell:
            self.bits, self.cell = self.bits + 1, self.cell >> 1
        if old.page:
            self.give_page(max(self.bits, old.bits + 5))
            self.page[self.digit(old.cell << old.bits)] = old

    def give_page(self, bits):
        self.cell = self.cell << self.bits >> bits
        self.bits = bits
        self.page = [Node() for _ in range(32)]

    def divide(self):
        scores, self.scores = self.scores, []
        self.give_page(max(self.bits, 5))
        for score in scores:
            self.page[self.digit(score)].add(score)

    def remove(self, score):
        self.count -= 1
        self.sum -= score
        if self.page:
            self.page[self.digit(score)].remove(score)
        else:
            del self.scores[bisect_left(self.scores, score)]


class Board:
    def __init__(self):
        self.scores = {}
        self.below, self.rest = Node(), Node()  # no cell has scores on both sides of 0

    def root(self, score):
        return self.below if score < 0 else self.rest

    def set(self, member, score):
        if member in self.scores:
            self.root(self.scores[member]).remove(self.scores[member])
        self.scores[member] = score
        self.root(score).add(score)

    def total(self):
        return self.below.sum + self.rest.sum

    def sum_to(self, rank):
        """Return the sum of the scores from rank 0, the best, to this one."""
        return self.total() - self._lowest(max(len(self.scores) - rank - 1, 0))

    def _lowest(self, wanted):
        """Return the sum of so many scores: pass nodes that fit, go into the first that doesn't."""
        total, nodes = 0, [self.below, self.rest]
        while nodes:
            node = nodes.pop(0)
            if node.count <= wanted:
                wanted -= node.count
                total += node.sum
            elif node.page:
                nodes = list(node.page)
            else:
                return total + sum(node.scores[:wanted])
        return total

    def rank(self, member):
        """Return how many have a higher score."""
        score = self.scores[member]
        higher, node = self.rest.count if score < 0 else 0, self.root(score)
        while node.page:
            digit = node.digit(score)
            higher += sum(child.count for child in node.page[digit + 1 :])
            node = node.page[digit]
        return higher + node.count - bisect_right(node.scores, score)


def pages(node):
    return bool(node.page) + sum(map(pages, node.page))


class Shifted(Board):
    """The same scores, each higher by as much."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def set(self, member, score):
        super().set(member, score + self.by)


if __name__ == "__main__":
    ask(Board())
    for by in (0, 10**15, -(10**15), -(2**19)):
        board = Shifted(by)
        fill(board)
        print(f"higher by {by:,}: {pages(board.below) + pages(board.rest)} pages")
