"""Scores in a dict, put in order for each question."""

from questions import ask


class Board:
    def __init__(self):
        self.scores = {}

    def set(self, member, score):
        self.scores[member] = score

    def total(self):
        return sum(self.scores.values())

    def sum_to(self, rank):
        """Return the sum of the scores from rank 0, the best, to this one."""
        return sum(sorted(self.scores.values(), reverse=True)[: rank + 1])

    def rank(self, member):
        """Return how many have a higher score."""
        return sum(score > self.scores[member] for score in self.scores.values())


if __name__ == "__main__":
    ask(Board())
