"""A Fenwick tree: a cell for each score that there could be, with count and sum of a range."""

from questions import HIGHEST, ask


class Board:
    def __init__(self):
        self.scores = {}
        # Cell n is about the scores below n, and has as many of them as the lowest bit of n says.
        self.counts = [0] * (HIGHEST + 1)
        self.sums = [0] * (HIGHEST + 1)

    def set(self, member, score):
        if member in self.scores:
            self._add(self.scores[member], -1)
        self.scores[member] = score
        self._add(score, 1)

    def _add(self, score, count):
        cell = score + 1
        while cell <= HIGHEST:
            self.counts[cell] += count
            self.sums[cell] += count * score
            cell += cell & -cell

    def total(self):
        return self.sums[HIGHEST]

    def sum_to(self, rank):
        """Return the sum of the scores from rank 0, the best, to this one."""
        return self.total() - self._lowest(max(len(self.scores) - rank - 1, 0))

    def _lowest(self, wanted):
        """Return the sum of so many scores: pass ranges that fit, each half as long as the last."""
        cell = total = 0
        step = HIGHEST
        while step:
            if cell + step <= HIGHEST and self.counts[cell + step] <= wanted:
                cell += step
                wanted -= self.counts[cell]
                total += self.sums[cell]
            step //= 2
        return total + wanted * cell  # what is left are equal scores

    def rank(self, member):
        """Return how many have a higher score."""
        cell, higher = self.scores[member] + 1, len(self.scores)
        while cell:
            higher -= self.counts[cell]
            cell -= cell & -cell
        return higher


if __name__ == "__main__":
    board = Board()
    ask(board)
    print(f"cells: {len(board.counts):,}")
