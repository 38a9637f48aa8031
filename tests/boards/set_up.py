"""Settings of one shard alone, for tests of shards."""

from __future__ import annotations

from datetime import datetime

from pipeline.boards import configure
from pipeline.boards.configure import Setup
from pipeline.boards.shard import Shard


def set_up(shard: Shard, places: int | None = None, sample: int | None = None, expires: datetime | None = None) -> None:
    """Set what is not None."""
    configure.set_up([shard], [*Setup(places, sample=sample, expires=expires).args(), 0])
