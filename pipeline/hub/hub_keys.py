"""The names of one hub's Redis keys, made from the patterns in keys.py, and nowhere else."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

from ..store.keys import WORD
from . import keys


class PartitionKeys:
    """The names of a partition's keys."""

    def __init__(self, hub: str, partition: int) -> None:
        self._parts = {"NAME": hub, "P": str(partition)}
        self.events = keys.EVENTS.named(**self._parts)
        self.sequence = keys.SEQUENCE.named(**self._parts)
        self.stats = keys.STATS.named(**self._parts)
        self.relayed = keys.RELAYED.named(**self._parts)
        self.message_ids = keys.MESSAGE_IDS.named(**self._parts)
        self.older_message_ids = keys.OLDER_MESSAGE_IDS.named(**self._parts)
        self.batches = keys.BATCHES.named(**self._parts)
        self.offsets = keys.OFFSETS.named(**self._parts)
        self.attached = keys.ATTACHED.named(**self._parts)
        self.deadletters = keys.DEADLETTERS.named(**self._parts)
        self.redrive = keys.REDRIVE.named(**self._parts)
        self.relay = keys.RELAY.named(**self._parts)
        self.sent = keys.SENT.named(**self._parts)

    def lease(self, group: str) -> str:
        return keys.LEASE.named(**self._parts, GROUP=group)


class HubKeys(dict[int, PartitionKeys]):
    """The names of a hub's keys; `hub.keys[3]` has those of partition 3, made when they are first asked for."""

    def __init__(self, hub: str) -> None:
        super().__init__()
        self._parts = {"NAME": hub}
        self.id = keys.ID.named(**self._parts)
        self.groups = keys.GROUPS.named(**self._parts)
        self.upstream = keys.UPSTREAM.named(**self._parts)
        self.revoked = keys.REVOKED.named(**self._parts)
        self.throughput = keys.THROUGHPUT.named(**self._parts)
        self.intents = keys.INTENTS.named(**self._parts)
        self.idempotency_keys = keys.IDEMPOTENCY_KEYS.named(**self._parts)
        self.older_idempotency_keys = keys.OLDER_IDEMPOTENCY_KEYS.named(**self._parts)
        self.change = keys.CHANGE.named(**self._parts)

    def __missing__(self, partition: int) -> PartitionKeys:
        found = self[partition] = PartitionKeys(self._parts["NAME"], partition)
        return found

    def rule_throughput(self, rule: str) -> str:
        return keys.RULE_THROUGHPUT.named(**self._parts, RULE=rule)

    def publisher_throughput(self, publisher: str) -> str:
        return keys.PUBLISHER_THROUGHPUT.named(**self._parts, PUBLISHER=publisher)

    def workers(self, group: str) -> str:
        return keys.WORKERS.named(**self._parts, GROUP=group)

    def deleted_with_the_hub(self, partitions: int, groups: Iterable[str]) -> list[list[str]]:
        """Return all keys that a hub with these partitions and groups may have, a list for each slot of a cluster."""
        values = {"NAME": [self._parts["NAME"]], "P": list(map(str, range(partitions))), "GROUP": list(groups)}
        slots: dict[str, list[str]] = defaultdict(list)
        for key in keys.OF_HUB:
            words = WORD.findall(key.pattern)
            for parts in itertools.product(*(values[word] for word in words)):
                name = key(*parts)
                slots[name.partition("}")[0]].append(name)
        return list(slots.values())
