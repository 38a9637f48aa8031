"""Boards: ranks, counts and exact sums over a Redis sorted set."""

from .answers import Order as Order
from .answers import Standing as Standing
from .answers import Sum as Sum
from .answers import SumBelow as SumBelow
from .answers import Summary as Summary
from .board import Board as Board
from .bulk import BulkChange as BulkChange
from .bulk import Outcome as Outcome
from .errors import BoardChanged as BoardChanged
from .errors import StaleBoard as StaleBoard
from .view import View as View
