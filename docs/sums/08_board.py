"""The board of this service, in Redis: the same questions.

PYTHONPATH=. python docs/sums/08_board.py REDIS_URL
"""

import sys
from decimal import Decimal

from pipeline.boards import Boards
from redis import Redis

from questions import ask

NAME = "tour-of-sums"


class Board:
    def __init__(self, redis):
        self.redis = redis
        self.board = Boards(redis)[NAME]
        self.board.configure(places=0)

    def set(self, member, score):
        self.board.set(member, Decimal(score))

    def total(self):
        return int(self.board.summary().sum)

    def sum_to(self, rank):
        return int(self.board.sum(rank).sum)

    def rank(self, member):
        return self.board.ranks(member).competition


if __name__ == "__main__":
    redis = Redis.from_url(sys.argv[1])
    board = Board(redis)
    ask(board)
    keys = [key.decode() for key in redis.scan_iter(f"*{NAME}*")]
    print(*(f"{key}: {redis.type(key).decode()}" for key in sorted(keys)), sep="\n")
    board.board.delete()
