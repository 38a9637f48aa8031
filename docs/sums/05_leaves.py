"""Leaves: a node with few scores has a list of them, and gets a page only when it is too long."""

from bisect import bisect_left, bisect_right, insort

from questions import ask

FULL = 64  # scores in a leaf


class Node:
    """All scores that begin with some digits; `bits` are left of each. A leaf has them in order."""

    def __init__(self, bits, scores=()):
        self.bits = bits
        self.count, self.sum = len(scores), sum(scores)
        self.scores = list(scores)
        self.page = []

    def digit(self, score):
        return score >> self.bits - 5 & 31

    def add(self, score):
        self.count += 1
        self.sum += score
        if self.page:
            self.page[self.digit(score)].add(score)
            return
        insort(self.scores, score)
        if self.count > FULL and self.bits:
            self.divide()

    def divide(self):
        parts = [[] for _ in range(32)]
        for score in self.scores:
            parts[self.digit(score)].append(score)
        self.page = [Node(self.bits - 5, part) for part in parts]
        self.scores = []

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
        self.root = Node(20)

    def set(self, member, score):
        if member in self.scores:
            self.root.remove(self.scores[member])
        self.scores[member] = score
        self.root.add(score)

    def total(self):
        return self.root.sum

    def sum_to(self, rank):
        """Return the sum of the scores from rank 0, the best, to this one."""
        return self.total() - self._lowest(max(len(self.scores) - rank - 1, 0))

    def _lowest(self, wanted):
        """Return the sum of so many scores: pass nodes that fit, go into the first that doesn't."""
        total, nodes = 0, [self.root]
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
        score, higher, node = self.scores[member], 0, self.root
        while node.page:
            digit = node.digit(score)
            higher += sum(child.count for child in node.page[digit + 1 :])
            node = node.page[digit]
        return higher + node.count - bisect_right(node.scores, score)


def pages(node):
    return bool(node.page) + sum(map(pages, node.page))


if __name__ == "__main__":
    board = Board()
    ask(board)
    print(f"pages: {pages(board.root):,}")
