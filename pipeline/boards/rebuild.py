"""Make all that is derived from a board's scores anew: what `Board.rebuild` does."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ..errors import InvalidValue
from ..store.clock import machine_time
from .build import new_generation, replace_board
from .lifecycle import build, caught_up, header_of
from .scores import PLACES
from .shard import Shard
from .shards import BoardChanged, Progress, Shards, attempts
from .snapshot import read_all
from .tree import KEPT, MAGIC, Header

#: Members that an error names.
_NAMED = 20


class InvalidMembers(InvalidValue):
    def __init__(self, board: str, faults: list[str]) -> None:
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        super().__init__(
            f"the board {board!r} has members that no board can have: {'; '.join(faults[:_NAMED])}{more}. Change them, "
            f"or let `wz board rebuild {board} --remove-invalid` remove them",
            field="score",
        )


def rebuild(shards: Shards, remove_invalid: bool, progress: Progress | None = None) -> list[str]:
    removed: dict[bytes, str] = {}
    for _ in attempts():
        if _rebuild(shards, remove_invalid, removed, progress):
            return list(removed.values())
    raise BoardChanged(shards.name)


def _rebuild(shards: Shards, remove_invalid: bool, removed: dict[bytes, str], progress: Progress | None) -> bool:
    """Returns whether it was done: not if another program added or removed members meanwhile."""
    with ExitStack() as stack:
        snapshots = read_all(shards, stack, progress)
        faults = [fault for snapshot in snapshots for fault in snapshot.invalid.values()]
        if faults and not remove_invalid:
            raise InvalidMembers(shards.name, faults)
        header = header_of(snapshots)
        if not header.version:
            there = _header_without_sums(shards)
            if there is None:
                return True
            header = there
        parts = build(shards, replace(header, generation=new_generation()), snapshots, stack, progress)
        with caught_up(shards, parts, snapshots):
            for snapshot in snapshots:
                if snapshot.invalid:
                    _send(snapshot.shard, "ZREM", *snapshot.invalid)
                    removed |= snapshot.invalid
            pairs = zip(shards, parts, strict=True)
            if any(_send(shard, "ZCARD") != _send(part.shard, "ZCARD") for shard, part in pairs):
                return False
            replace_board(shards, parts, True, keeps_scores=True)
    return True


def _send(shard: Shard, command: str, *args: bytes) -> Any:
    return shard.client.execute_command(command, shard.keys[0], *args)


def _header_without_sums(shards: Shards) -> Header | None:
    """The settings of a set that another program made; or of a board of an old layout, whose string has them at 14.

    None if there is neither.
    """
    for shard in shards:
        old: bytes = shard.client.execute_command("GETRANGE", shard.keys[1], 0, 25)
        if len(old) == 26 and not old.startswith(MAGIC):
            fields = old[14:15], old[15:16], old[16:22], old[22:26]
            places, flags, expires, sample = (int.from_bytes(field, "little") for field in fields)
            return Header(places=places, flags=flags & KEPT, expires=expires, sample=sample)
    for shard in shards:
        if _send(shard, "EXISTS"):
            ms_left = max(0, _send(shard, "PTTL"))
            return Header(places=PLACES, expires=ms_left and int(machine_time() * 1000) + ms_left)
    return None
