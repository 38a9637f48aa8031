"""Boards: ranks, counts and exact sums over a Redis sorted set."""

from .board import Board as Board
from .board import BoardChanged as BoardChanged
from .board import Order as Order
from .board import StaleBoard as StaleBoard
from .board import Standing as Standing
from .board import Sum as Sum
from .board import SumBelow as SumBelow
from .board import Summary as Summary
