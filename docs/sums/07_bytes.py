"""The tree as one string of bytes, of which a walk reads a few: the walk in read.lua.

PYTHONPATH=. python docs/sums/07_bytes.py
"""

from pipeline.boards import tree

from questions import ask


class Board:
    def __init__(self):
        self.scores = {}
        self.text = None
        self.bytes_read = 0

    def set(self, member, score):
        self.scores[member] = score
        self.text = None

    def get(self, at, size):
        """Read a part of the string: GETRANGE."""
        if self.text is None:  # made at once, by what `wz board rebuild` makes it with
            self.text = tree.pack(sorted(self.scores.values()), tree.Header())
        self.bytes_read += size
        return self.text[at : at + size]

    def total(self):
        return self._lowest(len(self.scores))

    def sum_to(self, rank):
        """Return the sum of the scores from rank 0, the best, to this one."""
        return self.total() - self._lowest(max(len(self.scores) - rank - 1, 0))

    def _lowest(self, wanted):
        """Return the sum of so many scores: pass nodes that fit, go into the first that doesn't."""
        total, nodes = 0, self.get(64, 2 * 50)  # the two roots
        while nodes:
            node, nodes = nodes[:50], nodes[50:]
            count = number(node, 0, 4)
            if count <= wanted:
                wanted -= count
                total += number(node, 4, 5) + (number(node, 9, 6, signed=True) << 40)
                continue
            below, area, bits = (number(node, at, size) for at, size in BELOW)
            cell = number(node, 43, 7, signed=True)
            if below == tree.EQUAL:
                return total + wanted * cell
            if below >= tree.LEAF:
                r = below - tree.LEAF
                return total + self._lowest_of_leaf(area * 8 + 2, r, bits, cell, wanted)
            nodes = self.get(area * 8 + 2, 32 * 50)
        return total

    def _lowest_of_leaf(self, at, r, bits, cell, wanted):
        """A leaf is 2**r runs, by the next r bits. What scores have above their run is stored."""
        total, width = 0, bits - r
        size = (width + 7) // 8
        entries = self.get(at, 10 << r)
        for run in range(1 << r):
            start, count, above = (number(entries, run * 10 + place, n) for place, n in RUN)
            first = ((cell << r) + run) << width
            if count > wanted:
                break
            wanted -= count
            total += count * first + above
        offsets = self.get(at + (10 << r) + 2 + start * size, wanted * size)
        return total + wanted * first + sum(number(offsets, n * size, size) for n in range(wanted))

    def rank(self, member):
        """Return how many have a higher score: no question to the tree, the sorted set counts."""
        return sum(score > self.scores[member] for score in self.scores.values())


BELOW = (37, 1), (38, 4), (42, 1)  # of a node: what is below it, its area and its bits
RUN = (0, 2), (2, 2), (4, 6)  # where its scores begin, how many, the sum of what is above


def number(text, at, size, signed=False):
    return int.from_bytes(text[at : at + size], "little", signed=signed)


if __name__ == "__main__":
    board = Board()
    ask(board)
    board.bytes_read = 0
    board.sum_to(99)
    print(f"the best 100: {board.bytes_read:,} of {len(board.text):,} bytes were read")
