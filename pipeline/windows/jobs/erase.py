"""Takes a deleted job away: from its hubs, and its keys from Redis."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

import msgspec

from ...hub.consumer_group import ConsumerGroup
from ...hub.namespace import Hubs, UnknownHub
from ...store import Redis, WatchError, transaction, while_full
from ...store.clock import clock_ms
from . import keys
from .record import JobRecord

#: Milliseconds from a job's deletion until no worker can be about to begin it.
SETTLE_MS = 10_000


class Deleted(msgspec.Struct, frozen=True):
    """A field of `keys.DELETED`; `ms` is when the job was deleted."""

    ms: int
    job: JobRecord


def is_run(client: Redis, name: str) -> bool:
    """Return whether a worker has run the job within the last five seconds."""
    return bool(client.exists(keys.workers(name)))


def clean(hubs: Hubs) -> None:
    """Erase deleted jobs once more when no worker can run them: one may have begun while it was deleted."""
    found = cast("dict[bytes, bytes]", hubs.redis.hgetall(keys.DELETED))
    for name, data in found.items():
        deleted = msgspec.json.decode(data, type=Deleted)
        if clock_ms(hubs.redis) - deleted.ms < SETTLE_MS or is_run(hubs.redis, name.decode()):
            continue
        erase(hubs, name.decode(), deleted.job, data)
        hubs.redis.hdel(keys.DELETED, name)


def erase(hubs: Hubs, name: str, job: JobRecord, entry: bytes) -> None:
    """Erase a deleted job, unless a new one has its name: it would have taken `entry` away before it began."""
    key = keys.job(name)
    with transaction(hubs.redis, key) as pipe:
        pipe.watch(key)  # type: ignore[no-untyped-call]
        begun = {"version": cast("bytes | None", pipe.hget(key, "version"))}
        if hubs.redis.hget(keys.DELETED, name) != entry:
            return
        for hub, group in job.groups:
            detach(hubs, name, hub, group)
        pipe.multi()
        pipe.unlink(*keys.of_job(name, job.tasks, job.outboxes))
        with suppress(WatchError):
            while_full.execute(hubs.redis, pipe, key, begun)


def detach(hubs: Hubs, name: str, hub: str, group: str) -> None:
    """Let a hub keep no more events for a job, and delete the consumer group if it is the job's own."""
    try:
        its_group = ConsumerGroup(hubs[hub], group)
    except UnknownHub:
        return
    its_group.detach()
    if group == keys.group_of(name):
        for partition in range(its_group.hub.partitions):
            its_group.store(partition, None)
