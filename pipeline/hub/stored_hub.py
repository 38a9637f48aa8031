"""What a hub is: its name, partitions, settings and the names of its keys. What it does is in log.py."""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import cast

from ..errors import PipelineError
from ..store import Redis, RedisCluster, while_full, writes
from ..store.clock import clock_ms
from .description import HubSettings
from .hub_keys import HubKeys


class UnknownPartition(PipelineError, LookupError):
    def __init__(self, hub: StoredHub, partition: int) -> None:
        super().__init__(f"hub {hub.name!r} has the partitions 0 to {hub.partitions - 1}, not {partition}")
        self.partition = partition


class StoredHub:
    """A hub as the modules below log.py know it. `keys` are the names of its keys; `settings` may be replaced."""

    def __init__(
        self, client: Redis | RedisCluster, name: str, partitions: int, settings: HubSettings | None = None
    ) -> None:
        # The two clients have the same commands, but their types have nothing in common.
        self.redis = cast("Redis", client)
        self.name = name
        self.partitions = partitions
        self.settings = settings or HubSettings(partitions)
        self.keys = HubKeys(name)

    @cached_property
    def hop(self) -> str:
        """NAME@ID: what events that have been in it call it, see hops.py. The ID is random, and stays.

        Asks Redis once, and makes the ID if there is none yet.
        """
        if (found := self.redis.get(self.keys.id)) is None:
            with writes.uncounted():
                while_full.write(self.redis, "SET", self.keys.id, secrets.token_hex(6), "NX")
            found = self.redis.get(self.keys.id)
        return f"{self.name}@{cast('bytes', found).decode()}"

    def checked_partition(self, partition: int) -> int:
        """Return the partition's number, if the hub has it. Raises `UnknownPartition`."""
        if not 0 <= partition < self.partitions:
            raise UnknownPartition(self, partition)
        return partition

    def clock_ms(self) -> int:
        """Return Redis's time: no event will be stored at an earlier one, unless a fail-over sets the clock back."""
        return clock_ms(self.redis)
