"""Hold a board for a moment, so that nobody else changes it while something takes several steps."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..store.writes import uncounted
from . import keys
from .lua import BoardScript
from .shard import Shard
from .shards import BoardChanged, Shards, attempts

_HOLD = BoardScript("tree.lua", "hold.lua")


@contextmanager
def held(shards: Shards) -> Iterator[None]:
    """Hold all shards, for `HOLD_SECONDS` at most: other writers wait.

    Raises `BoardChanged` if one of them does so, and at the end if it was not held until then: it took too long, or a
    transaction of a window job, which can't wait, has changed the board. That it is held is no change of it: `writes`
    counts what is done meanwhile.
    """
    owner = secrets.token_hex(8)
    is_held = True

    @uncounted()
    def hold(shard: Shard, ms: int) -> bool:
        return bool(_HOLD.call(shard.client, shard.keys, [owner, ms]))

    def end(shard: Shard) -> None:
        nonlocal is_held
        is_held = hold(shard, 0) and is_held

    with ExitStack() as stack:
        for shard in shards:
            for _ in attempts():
                if hold(shard, keys.HOLD_SECONDS * 1000):
                    break
            else:
                raise BoardChanged(shards.name)
            stack.callback(end, shard)
        yield
    if not is_held:
        raise BoardChanged(shards.name)
