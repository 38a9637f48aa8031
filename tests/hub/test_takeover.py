"""Relay workers as processes of their own: one is killed, and another has its partitions within ten seconds."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.relay_status import status
from pipeline.hub.share import BEAT, GONE, TTL
from pipeline.settings import Settings
from pipeline.store.pace import IDLE

from .. import stack
from ..upstream import ScriptedUpstream

WORKERS = "{hub:events:workers}:$relay"


def test_what_a_killed_worker_had_is_taken_over(
    redis: redis_py.Redis, hub: Hub, settings: Settings, upstream: ScriptedUpstream
) -> None:
    env = {**stack.environ(settings), "WZ_UPSTREAM": str(upstream.target), "WZ_RELAYS": "1"}
    command = [sys.executable, "-m", "wz", "worker"]
    with ExitStack() as running:
        both = [
            running.enter_context(stack.process(command, ready=lambda: True, env=env, cwd=stack.REPOSITORY))
            for _ in range(2)
        ]
        dead = ""

        def is_shared() -> bool:
            """Say whether each of the two has some of the partitions, and remember what the first is called."""
            nonlocal dead
            names = {owner for owner in owners(hub) if owner is not None}
            first, second = ({name for name in names if f"-{each.pid}-" in name} for each in both)
            dead = min(first, default="")
            return len(names) == 2 and bool(first and second) and None not in owners(hub)

        stack.until(is_shared)
        both[0].kill()
        both[0].wait()
        its = [hub.keys[p].lease("$relay") for p, owner in enumerate(owners(hub)) if owner == dead]

        # Only its owner renews a lease, and the others look for free ones once a beat.
        assert all(0 < redis.pttl(lease) <= TTL * 1000 for lease in its)
        assert max(TTL, GONE) + BEAT + IDLE < 10
        for lease in its:
            redis.pexpire(lease, 1)  # as time would
        redis.zrem(WORKERS, dead)

        for partition in range(hub.partitions):
            hub.append([Event(str(partition).encode())], partition=partition)
        stack.until(lambda: len(upstream.received) == hub.partitions)
        assert len(set(owners(hub)) - {dead, None}) == 1

    bodies = [item["Body"] for received in upstream.received for item in json.loads(received.body)]
    assert sorted(bodies) == ["0", "1", "2", "3"]


def owners(hub: Hub) -> list[str | None]:
    return [one.relay.worker for one in status(hub)]
