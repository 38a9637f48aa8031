"""The boards of a service, by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from ..settings import Settings
from ..store import Redis
from ..store.client import boards_client, unchecked_boards_client
from ..store.clock import machine_now
from ..store.scripts import ScriptClient
from . import directory, everywhere
from .answers import Standing
from .board import Board
from .changes import checked_member
from .fanout import try_all
from .periods import resolve
from .queries import AskInfo, Find
from .scores import StaleShard
from .shards import Shards, StaleBoard, UnknownBoard, UnknownMember

#: Shards that are kept in memory, of the boards that were used last: about a kilobyte each.
KEPT = 4096


class Boards:
    """Makes a `Board` from its name; `points@day` names the board of today. `remember` is explained at `Board`.

    `shards` is the number of parts that each board is split into; it must be the same in every process, and never
    changes. A board is made once and kept, with what this process has learnt of it, while it is among the last used.
    """

    def __init__(self, client: ScriptClient, shards: int = 1, remember: float = Settings.remember_events) -> None:
        self.client = client
        self.shards = shards
        self.remember = remember
        self._board = lru_cache(max(1, KEPT // shards))(self._make)

    @classmethod
    def from_settings(cls, settings: Settings) -> Boards:
        """Return the boards of these settings. Raises `InvalidSetting` if they have another number of shards."""
        return cls(boards_client(settings), settings.board_shards, settings.remember_events)

    @classmethod
    def unchecked(cls, settings: Settings) -> Boards:
        """Return the boards of these settings, and send nothing to Redis, except to find the nodes of a cluster.

        The process must have called `boards_client`, which checks the number of shards, before it uses a board.
        """
        return cls(unchecked_boards_client(settings), settings.board_shards, settings.remember_events)

    def __getitem__(self, name: str) -> Board:
        """Return the board, which may be empty. Sends nothing to Redis. Raises `InvalidValue` for an invalid name."""
        return self.at(name, machine_now()) if "@" in name else self._board(name, 0)

    def at(self, name: str, moment: datetime) -> Board:
        """Return the board that a name is of at another time than now, UTC."""
        return self._board(*resolve(name, moment))

    def _make(self, name: str, expires: int) -> Board:
        return Board(Shards(self.client, name, self.shards), remember=self.remember, expires=expires)

    def names(self, prefix: str = "", most_keys: int = directory.MOST_KEYS) -> directory.Names:
        """Return the names of the boards that there are: see directory.py for what it costs."""
        return directory.names(self.client, self.shards, prefix, most_keys)

    def listed(self, names: Sequence[str]) -> list[directory.Listed]:
        """Return what a list shows of these boards, in one round; those that are gone are left out."""
        return directory.listed([self[name].shards for name in names])

    def page(
        self, prefix: str = "", after: str = "", limit: int = 100, most_keys: int = directory.MOST_KEYS
    ) -> directory.Listing:
        """Return up to `limit` boards whose names begin with `prefix` and come after `after`. As dear as `names`."""
        found = self.names(prefix, most_keys)
        names = [name for name in found.names if name > after]
        more = names[limit - 1] if len(names) > limit else None
        return directory.Listing(self.listed(names[:limit]), more, found.complete)

    def of_member(self, member: str, most_keys: int = directory.MOST_KEYS) -> everywhere.OfMember:
        """Return what all boards know of a member. O(keys in Redis + boards). Raises what `Board.standing` does."""
        found = self.names(most_keys=most_keys)
        known = list(everywhere.find([self[name] for name in found.names], checked_member(member)))
        standings = self.standings(member, [board.name for board, _, _ in known])
        boards = [
            everywhere.Known(board.name, standing, features, segments)
            for (board, features, segments), (_, standing) in zip(known, standings, strict=True)
        ]
        return everywhere.OfMember(member, boards, found.complete)

    def erase(self, member: str, most_keys: int = directory.MOST_KEYS) -> everywhere.Erased:
        """Remove a member from all boards, with features and segments, with a score or without.

        It can be repeated, for instance after an outage. A board that refuses, since it is stale, is named. Work that
        was begun before and reads a board, such as a copy, may put the member back: erase it again afterwards. The log
        of a board that is followed has its last changes until the log ends.
        """
        found = self.names(most_keys=most_keys)
        return everywhere.erase([self[name] for name in found.names], checked_member(member), found.complete)

    def standings(self, member: str, names: Sequence[str]) -> list[tuple[Board, Standing | None]]:
        """Return a member's standing on several boards, None where it has no score. One round, if no board is split."""
        boards = [self[name] for name in names]
        if self.shards > 1:
            return [(board, _standing_or_none(board, member)) for board in boards]
        replies = try_all([board.shards[0] for board in boards], [Find(member), AskInfo()])
        found: list[tuple[Board, Standing | None]] = []
        for board, reply in zip(boards, replies, strict=True):
            if isinstance(reply, StaleShard):
                raise StaleBoard(board.name, str(reply)) from reply
            if isinstance(reply, Exception):
                raise reply
            place, info = reply
            if info.form is not None:
                board.shards.form = info.form
            found.append((board, board.standing_of(member, place.score, place.rank, info.size) if place else None))
        return found

    def are_in(self, client: Redis) -> bool:
        """Say whether a transaction of this client can write to these boards."""
        return self.client is client and self.shards == 1 and isinstance(client, Redis)


def _standing_or_none(board: Board, member: str) -> Standing | None:
    try:
        return board.standing(member)
    except (UnknownBoard, UnknownMember):
        return None
