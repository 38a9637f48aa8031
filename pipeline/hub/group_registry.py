"""The consumer groups of a hub, as its users make them; how far each has come is in consumer_group.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from ..errors import InvalidValue, PipelineError
from .consumer_group import ConsumerGroup
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
    """Raised when a group is to be deleted while a worker reads as this group.

    Without the group's offsets, the worker would begin at the oldest event again.
    """

    def __init__(self, hub: str, name: str) -> None:
        super().__init__(f"a worker reads hub {hub!r} as {name!r}: stop it first, then try again in ten seconds")
        self.name = name


class GroupDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of a group. Times are Redis's clock, ms since the Unix epoch."""

    name: str
    metadata: str | None = None
    created_ms: int = 0
    updated_ms: int = 0


def check_group_name(name: str) -> None:
    """Raise `InvalidValue` for what no group may be called."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r}: a consumer group's name is 1 to 50 letters, digits and . - _, alphanumeric at both ends", "name"
        )


class ConsumerGroups:
    """A hub's groups by name, in any case. `$Default` is always among them and can't be deleted.

    A group that no user made, such as the relay's, is not recorded: it has offsets only.

    Redis key: `groups`; see keys.py.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.redis = hub.redis
        self.key = hub.keys.groups

    def __getitem__(self, name: str) -> GroupDescription:
        """Raises `UnknownGroup`."""
        data = cast("bytes | None", self.redis.hget(self.key, name.lower()))
        if data is not None:
            return msgspec.json.decode(data, type=GroupDescription)
        if name.lower() == DEFAULT.lower():
            return GroupDescription(name=DEFAULT)
        raise UnknownGroup(self.hub.name, name)

    def list(self) -> Mapping[str, GroupDescription]:
        """Return all groups by name, sorted; `$Default` is always among them. One round trip."""
        found = cast("Mapping[bytes, bytes]", self.redis.hgetall(self.key))
        groups = [
            GroupDescription(name=DEFAULT),
            *(msgspec.json.decode(data, type=GroupDescription) for data in found.values()),
        ]
        return {group.name: group for group in sorted(groups, key=lambda group: group.name.lower())}

    def reader(self, name: str) -> ConsumerGroup:
        """Return a group's offsets. Raises `UnknownGroup`."""
        return ConsumerGroup(self.hub, self[name].name)

    def create(self, name: str, metadata: str | None = None) -> GroupDescription:
        """Raises `InvalidValue` or `GroupExists`."""
        if name.lower() == DEFAULT.lower():
            raise GroupExists(self.hub.name, DEFAULT)
        check_group_name(name)
        if metadata is not None and len(metadata) > 1024:
            raise InvalidValue("the metadata of a consumer group has at most 1024 characters", "metadata")
        now = self.hub.clock_ms()
        made = GroupDescription(name=name, metadata=metadata, created_ms=now, updated_ms=now)
        if not self.redis.hsetnx(self.key, name.lower(), msgspec.json.encode(made)):
            raise GroupExists(self.hub.name, name)
        return made

    def delete(self, name: str, leases: Iterable[str] = ()) -> None:
        """Delete a group and its offsets, and detach it. No worker may read as this group.

        A group that is not recorded, such as that of a relay that is gone, can be deleted as well. `leases` are keys of
        leases that the group's readers may hold in addition to those of the hub's partitions. Raises `InvalidValue`,
        `GroupInUse` or `UnknownGroup`.
        """
        if name.lower() == DEFAULT.lower():
            raise InvalidValue(f"{DEFAULT!r} is always there", "name")
        recorded = cast("bytes | None", self.redis.hget(self.key, name.lower()))
        if recorded is not None:
            name = msgspec.json.decode(recorded, type=GroupDescription).name
        elif not any(group.name == name for partition in runtime(self.hub) for group in partition.groups):
            raise UnknownGroup(self.hub.name, name)
        reader = ConsumerGroup(self.hub, name)
        held = [*(lease.key for lease in reader.leases), *leases]
        if any(self.redis.exists(lease) for lease in held):
            raise GroupInUse(self.hub.name, name)
        reader.detach()
        for partition in range(self.hub.partitions):
            reader.store(partition, None)
        self.redis.hdel(self.key, name.lower())
