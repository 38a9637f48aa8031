"""The state of a hub: what it holds, and how far its relay has come. For `/metrics` and `wz hub status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from .relay import GROUP
from .runtime import GroupRuntime, PartitionRuntime, runtimes
from .stored_hub import StoredHub


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """The relay's work on a partition. `retries` and `refused` count since the beginning, `deadletters` exist now.

    `dropped` are events that were refused and not kept, since the beginning. `ring` is the ring of hubs in which events
    have come back, as long as there are dead letters; see hops.py.

    `is_full` is true while it waits because there are as many dead letters as there may be. `group` is how far it has
    come, None if no relay was ever started; `worker` is the one that has the partition, `error` why it waits.
    """

    group: GroupRuntime | None
    worker: str | None
    error: str | None
    events: int
    bytes: int
    requests: int
    retries: int
    refused: int
    dropped: int
    deadletters: int
    redrives: int  # dead letters that are waiting to be sent again
    is_full: bool
    ring: str | None


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    log: PartitionRuntime
    relay: RelayStatus


def status(hub: StoredHub) -> list[PartitionStatus]:
    """Return every partition's status, in two round trips."""
    return statuses([hub])[0]


def statuses(hubs: Sequence[StoredHub]) -> list[list[PartitionStatus]]:
    """Return `status` of several hubs of one namespace, in their order: two round trips for all."""
    if not hubs:
        return []
    logs = runtimes(hubs)
    with hubs[0].redis.pipeline(transaction=False) as pipe:
        for hub in hubs:
            for partition in range(hub.partitions):
                keys = hub.keys[partition]
                pipe.hgetall(keys.relay)
                pipe.get(keys.lease(GROUP))
                pipe.xlen(keys.deadletters)
                pipe.llen(keys.redrive)
        answers = iter(pipe.execute())
    return [[PartitionStatus(log, _relay(log, *islice(answers, 4))) for log in its] for its in logs]


def has_lost_its_relay(hub: StoredHub) -> bool:
    """Say whether the hub keeps events for a relay that no worker runs."""
    found = [one.relay for one in status(hub)]
    return any(relay.group and relay.group.attached for relay in found) and not any(relay.worker for relay in found)


def _relay(
    log: PartitionRuntime, counters: dict[bytes, bytes], worker: bytes | None, deadletters: int, redrives: int
) -> RelayStatus:
    def count(name: bytes) -> int:
        return int(counters.get(name, 0))

    error, ring = counters.get(b"error"), counters.get(b"ring")
    return RelayStatus(
        group=next((group for group in log.groups if group.name == GROUP), None),
        worker=worker.decode() if worker else None,
        error=" ".join(error.decode(errors="replace").split()) if error else None,
        events=count(b"events"),
        bytes=count(b"bytes"),
        requests=count(b"requests"),
        retries=count(b"retries"),
        refused=count(b"refused"),
        dropped=count(b"dropped"),
        deadletters=deadletters,
        redrives=redrives,
        is_full=count(b"full") > 0,
        ring=ring.decode(errors="replace") if ring and deadletters else None,
    )
