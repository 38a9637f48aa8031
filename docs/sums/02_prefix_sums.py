"""Scores are kept in order, with the sums from the lowest up to each of them."""

from bisect import bisect_left, bisect_right, insort
from itertools import accumulate

from questions import ask


class Board:
    def __init__(self):
        self.scores = {}
        self.ordered = []
        self.sums = [0]  # at n, the sum of the n lowest

    def set(self, member, score):
        if member in self.scores:
            del self.ordered[bisect_left(self.ordered, self.scores[member])]
        self.scores[member] = score
        insort(self.ordered, score)
        self.sums = [0, *accumulate(self.ordered)]

    def total(self):
        return self.sums[-1]

    def sum_to(self, rank):
        """Return the sum of the scores from rank 0, the best, to this one."""
        return self.total() - self.sums[max(len(self.ordered) - rank - 1, 0)]

    def rank(self, member):
        """Return how many have a higher score."""
        return len(self.ordered) - bisect_right(self.ordered, self.scores[member])


if __name__ == "__main__":
    ask(Board())
