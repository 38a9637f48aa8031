"""The consumer groups of a hub, as its users make them; how far each has come is in group.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import msgspec

from ..errors import InvalidValue, PipelineError
from .group import ConsumerGroup
from .log import Hub
from .runtime import runtime

#: The group that every hub has.
DEFAULT = "$Default"

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?")


class UnknownGroup(PipelineError, LookupError):
    def __init__(self, hub: str, name: str) -> None:
        super().__init__(f"hub {hub!r} has no consumer group {name!r}")
        self.name = name


class GroupExists(PipelineError):
    def __init__(self, hub: str, name: str) -> None:
        super().__init__(f"hub {hub!r} has a consumer group {name!r} already")
        self.name = name


class GroupInUse(PipelineError):
    """A worker reads for it. Without its offsets it would begin at the oldest event again."""

    def __init__(self, hub: str, name: str) -> None:
        super().__init__(f"a worker reads hub {hub!r} for {name!r}: stop it first, then try again in ten seconds")
        self.name = name


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is recorded of a group. Times are Redis's clock, ms since the Unix epoch."""

    name: str
    metadata: str | None = None
    created_ms: int = 0
    updated_ms: int = 0


class ConsumerGroups:
    """A hub's groups by name, in any case. `$Default` is always among them and can't be deleted.

    Redis key:
        {hub:NAME}:groups  hash, name in lower case -> Group as JSON

    The groups of the relay (`$relay`) and of the window jobs (`job:NAME`) are not recorded: they have offsets only.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.redis = hub.redis
        self.key = f"{{hub:{hub.name}}}:groups"

    def __getitem__(self, name: str) -> Group:
        """Raises `UnknownGroup`."""
        data = cast("bytes | None", self.redis.hget(self.key, name.lower()))
        if data is not None:
            return msgspec.json.decode(data, type=Group)
        if name.lower() == DEFAULT.lower():
            return Group(name=DEFAULT)
        raise UnknownGroup(self.hub.name, name)

    def list(self) -> Mapping[str, Group]:
        found = cast("Mapping[bytes, bytes]", self.redis.hgetall(self.key))
        groups = [Group(name=DEFAULT), *(msgspec.json.decode(data, type=Group) for data in found.values())]
        return {group.name: group for group in sorted(groups, key=lambda group: group.name.lower())}

    def reader(self, name: str) -> ConsumerGroup:
        """Return a group's offsets. Raises `UnknownGroup`."""
        return ConsumerGroup(self.hub, self[name].name)

    def create(self, name: str, metadata: str | None = None) -> Group:
        """Raises `InvalidValue` or `GroupExists`."""
        if name.lower() == DEFAULT.lower():
            raise GroupExists(self.hub.name, DEFAULT)
        if not _NAME.fullmatch(name):
            raise InvalidValue(
                f"{name!r}: a consumer group's name is 1 to 50 letters, digits and . - _, alphanumeric at both ends",
                "name",
            )
        if metadata is not None and len(metadata) > 1024:
            raise InvalidValue("the metadata of a consumer group has at most 1024 characters", "metadata")
        now = self.hub.clock_ms()
        made = Group(name=name, metadata=metadata, created_ms=now, updated_ms=now)
        if not self.redis.hsetnx(self.key, name.lower(), msgspec.json.encode(made)):
            raise GroupExists(self.hub.name, name)
        return made

    def delete(self, name: str) -> None:
        """Delete a group with its offsets, and detach it; also that of a relay or job that is no more.

        Raises `InvalidValue`, `GroupInUse` or `UnknownGroup`.
        """
        if name.lower() == DEFAULT.lower():
            raise InvalidValue(f"{DEFAULT!r} is always there", "name")
        recorded = cast("bytes | None", self.redis.hget(self.key, name.lower()))
        if recorded is not None:
            name = msgspec.json.decode(recorded, type=Group).name
        elif not any(group.name == name for partition in runtime(self.hub) for group in partition.groups):
            raise UnknownGroup(self.hub.name, name)
        reader = ConsumerGroup(self.hub, name)
        # A job's tasks have leases of their own, which are called as its group.
        tasks = [f"{name}:lease:{p}" for p in range(self.hub.partitions)] if name.startswith("job:") else []
        leases = [*(lease.key for lease in reader.leases), *tasks]
        if any(self.redis.exists(lease) for lease in leases):
            raise GroupInUse(self.hub.name, name)
        reader.detach()
        for partition in range(self.hub.partitions):
            reader.store(partition, None)
        self.redis.hdel(self.key, name.lower())
