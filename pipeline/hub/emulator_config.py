"""The `Config.json` of Microsoft's Event Hubs emulator: which hubs there are to be, with their consumer groups.

    {"UserConfig": {"NamespaceConfig": [{"Type": "EventHub", "Name": "emulatorNs1", "Entities": [
        {"Name": "eh1", "PartitionCount": "2", "ConsumerGroups": [{"Name": "cg1"}]}]}],
      "LoggingConfig": {"Type": "File"}}}

Of these, the name of the namespace and the logging mean nothing here.

Source: Microsoft's "Test locally by using the Azure Event Hubs emulator", and the files in public repositories, which
write the number of partitions as a text and as a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from ..errors import InvalidValue, PipelineError
from ..units import counted
from .description import Description, hub_name
from .group_registry import DEFAULT, ConsumerGroups, GroupExists, check_group_name
from .namespace import HubExists, Hubs


class InvalidConfig(PipelineError):
    """The file is not a Config.json, or says what can't be made; each line of the message is one reason."""


@dataclass(frozen=True)
class Wanted:
    """A hub that is to be, its name in lower case, and its groups besides `$Default`."""

    name: str
    partitions: int
    groups: tuple[str, ...]


class _Pascal(msgspec.Struct, rename="pascal"):
    pass


class _Group(_Pascal):
    name: str


class _Entity(_Pascal):
    name: str
    partition_count: int | Annotated[str, msgspec.Meta(pattern="^[0-9]{1,9}$")]
    consumer_groups: list[_Group] = []


class _Namespace(_Pascal):
    entities: list[_Entity]
    type: str = "EventHub"


class _UserConfig(_Pascal):
    namespace_config: list[_Namespace]


class _Config(_Pascal):
    user_config: _UserConfig


def read_config(text: bytes) -> list[Wanted]:
    """Read a Config.json. Raises `InvalidConfig` if it is none, or if no hub can be as it says."""
    try:
        namespaces = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=_Config).user_config.namespace_config
    except (ValueError, RecursionError) as exc:
        raise InvalidConfig(f"it is not the emulator's Config.json: {exc}") from exc
    reasons = []
    if len(namespaces) != 1:
        reasons.append(f"it has {len(namespaces)} namespaces, and this service is one")
    reasons += [
        f"a namespace has the Type {one.type!r}, not 'EventHub'" for one in namespaces if one.type != "EventHub"
    ]
    wanted = []
    seen: set[str] = set()
    for entity in (entity for one in namespaces for entity in one.entities):
        try:
            wanted.append(_wanted(entity))
        except InvalidValue as exc:
            reasons.append(f"hub {entity.name!r}: {exc}")
        if entity.name.lower() in seen:
            reasons.append(f"hub {entity.name!r}: it is there twice; names ignore case")
        seen.add(entity.name.lower())
    if reasons:
        raise InvalidConfig("\n".join(reasons))
    return wanted


def _wanted(entity: _Entity) -> Wanted:
    name, partitions = hub_name(entity.name), int(entity.partition_count)
    Description(partitions=partitions).check()
    groups = {group.name.lower(): group.name for group in entity.consumer_groups}
    if len(groups) < len(entity.consumer_groups):
        raise InvalidValue("a consumer group is there twice; names ignore case", "ConsumerGroups")
    groups.pop(DEFAULT.lower(), None)
    for group in groups.values():
        check_group_name(group)
    return Wanted(name, partitions, tuple(groups.values()))


def apply(hubs: Hubs, wanted: Sequence[Wanted]) -> Iterator[str]:
    """Make the hubs and groups that are not there; yields a line for each hub and each group, as it is made or kept.

    Those that are there stay as they are, also what the file does not name. Raises `InvalidConfig`, before anything is
    made, if a hub is there with another number of partitions.
    """
    there = hubs.list()
    if other := [one for one in wanted if one.name in there and there[one.name].partitions != one.partitions]:
        raise InvalidConfig(
            "\n".join(
                f"hub {one.name!r} is there with {there[one.name].partitions} partitions, not {one.partitions}, and "
                "their number can't change: delete it first, or change the file"
                for one in other
            )
        )
    for one in wanted:
        word = "kept"
        if one.name not in there:
            try:
                hubs.create(one.name, Description(partitions=one.partitions))
                word = "made"
            except HubExists:  # meanwhile
                pass
        yield f"{word} hub {one.name}, {counted(one.partitions, 'partition')}"
        groups = ConsumerGroups(hubs[one.name])
        known = {name.lower() for name in groups.list()}
        for group in one.groups:
            word = "kept"
            if group.lower() not in known:
                try:
                    groups.create(group)
                    word = "made"
                except GroupExists:
                    pass
            yield f"{word} group {group} of {one.name}"
