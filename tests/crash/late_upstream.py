"""An upstream whose hub is made only after a while: its 404 is waited for, and then all events go up, in order."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pipeline.hub.description import Description

from .run import SENDERS, Report, compare, is_relayed
from .senders import Sender
from .servers import PARTITIONS, World


def run(folder: Path, seconds: float, seed: int) -> Report:
    """Send for so long before the hub is made, with relay workers killed; raises TimeoutError if it is not relayed."""
    stop = threading.Event()
    with World(folder, seed, upstream_hubs={}) as world:
        senders = [Sender(number, world.home.address, seed, stop) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        begin = time.monotonic()
        world.wait_until(lambda: failed_tries(world) > 0, "asking for a hub that is not there")
        while (passed := time.monotonic() - begin) < seconds:
            world.rnd.choice(world.relays).kill()
            world.kills["relay worker"] += 1
            pause = time.monotonic() + world.slowness * world.rnd.uniform(1.0, 3.0)
            while time.monotonic() < pause:
                world.tick()
                time.sleep(0.02)
        world.upstream.hubs.create("events", Description(partitions=PARTITIONS))
        stop.set()
        world.wait_until(lambda: not any(sender.is_alive() for sender in senders), "sending the last events")
        world.wait_until(lambda: is_relayed(world.home), "relaying what has waited")
        return compare(world, senders, passed)


def failed_tries(world: World) -> int:
    hub = world.home.hubs["events"]
    return sum(int(hub.redis.hget(hub.keys[p].relay, "retries") or 0) for p in range(PARTITIONS))
