"""What each step is asked: 5,000 members get a score, 500 of them another, then come questions."""

import random

HIGHEST = 2**20  # scores are whole numbers below it


def fill(board, members=5_000):
    chance = random.Random(13)
    for number in [*range(members), *chance.sample(range(members), members // 10)]:
        board.set(f"m{number}", chance.randrange(HIGHEST))


def ask(board):
    fill(board)
    print(f"all: {board.total():,}")
    print(f"the best 100: {board.sum_to(99):,}")
    print(f"better than m42: {board.rank('m42'):,}")
