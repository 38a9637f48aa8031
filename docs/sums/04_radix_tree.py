"""A radix tree: the same sums by the digits of a score, and only where there are scores."""

from questions import ask

DIGITS = [15, 10, 5, 0]  # where each digit of 5 bits begins


class Node:
    """All scores that begin with some digits. With digits left, it has a page of 32 children."""

    def __init__(self):
        self.count = self.sum = 0
        self.page = []

    def child(self, digit):
        if not self.page:
            self.page = [Node() for _ in range(32)]
        return self.page[digit]


class Board:
    def __init__(self):
        self.scores = {}
        self.root = Node()

    def set(self, member, score):
        if member in self.scores:
            self._add(self.scores[member], -1)
        self.scores[member] = score
        self._add(score, 1)

    def _add(self, score, count):
        node = self.root
        for shift in [*DIGITS, None]:
            node.count += count
            node.sum += count * score
            if shift is not None:
                node = node.child(score >> shift & 31)

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
                return total + wanted * (node.sum // node.count)  # equal scores
        return total

    def rank(self, member):
        """Return how many have a higher score."""
        higher, node = 0, self.root
        for shift in DIGITS:
            digit = self.scores[member] >> shift & 31
            higher += sum(child.count for child in node.page[digit + 1 :])
            node = node.page[digit]
        return higher


def pages(node):
    return bool(node.page) + sum(map(pages, node.page))


if __name__ == "__main__":
    board = Board()
    ask(board)
    print(f"pages: {pages(board.root):,}")
