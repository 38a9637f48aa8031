"""Boards: ranks, counts and exact sums over a Redis sorted set.

>>> from pipeline.boards import Boards
>>> board = Boards(client)["points"]  # client = redis.Redis()
"""

from .answers import Order as Order
from .answers import RankKind as RankKind
from .answers import Standing as Standing
from .answers import Sum as Sum
from .answers import SumBelow as SumBelow
from .answers import Summary as Summary
from .board import Board as Board
from .build import BoardExists as BoardExists
from .bulk import BulkChange as BulkChange
from .bulk import Outcome as Outcome
from .by_name import Boards as Boards
from .configure import SettingsChanged as SettingsChanged
from .configure import WrongPlaces as WrongPlaces
from .form import Ties as Ties
from .sample import NoSample as NoSample
from .shards import BoardChanged as BoardChanged
from .shards import NotInSegment as NotInSegment
from .shards import StaleBoard as StaleBoard
from .shards import UnknownBoard as UnknownBoard
from .shards import UnknownMember as UnknownMember
from .shards import UnknownSegment as UnknownSegment
from .view import View as View
from .watch import Changed as Changed
from .watch import Changes as Changes
