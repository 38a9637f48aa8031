"""Hold a board for a moment, so that nobody else changes it while something takes several steps."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from . import keys
from .lua import BoardScript
from .shards import BoardChanged, Shards, attempts

_HOLD = BoardScript("tree.lua", "hold.lua")


@contextmanager
def held(shards: Shards) -> Iterator[None]:
    """Hold all shards, for `HOLD_SECONDS` at most. Other writers wait. Raises `BoardChanged` if one of them does so."""
    owner = secrets.token_hex(8)
    with ExitStack() as stack:
        for shard in shards:
            for _ in attempts():
                if _HOLD.call(shard.client, shard.keys, [owner, keys.HOLD_SECONDS * 1000]):
                    break
            else:
                raise BoardChanged(shards.name)
            stack.callback(_HOLD.call, shard.client, shard.keys, [owner, 0])
        yield
