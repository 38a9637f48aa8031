"""An upstream whose hub is made only after a while, and which then relays back, by mistake.

Its 404 is waited for, and all events go up, in order. The ring stops by itself: each of the two has every event once.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.description import Description
from pipeline.hub.log import Hub

from .run import SENDERS, Report, compare, events, is_relayed
from .senders import Sender
from .servers import PARTITIONS, Server, World, target


class Ring(World):
    """Its upstream has no hub at first, and a relay, which sends everything back."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed, upstream_hubs={})
        worker: list[object] = [sys.executable, "-m", "wz", "worker"]
        more = {"WZ_UPSTREAM": str(target(self.home)), "WZ_MAX_DEAD_LETTERS": "1000000"}
        self.back = self.upstream.server("relay-back", worker, **more)

    @property
    def servers(self) -> list[Server]:
        return [*super().servers, self.back]

    def strike_relays(self, seconds: float) -> None:
        """Kill one of the workers after the other for so long, and at least one."""
        end = time.monotonic() + seconds
        while True:
            name, server = self.rnd.choice([("relay worker", one) for one in self.relays] + [("back", self.back)])
            server.kill()
            self.kills[name] += 1
            pause = time.monotonic() + self.slowness * self.rnd.uniform(0.5, 2.0)
            while time.monotonic() < pause:
                self.tick()
                time.sleep(0.02)
            if time.monotonic() >= end:
                return


def run(folder: Path, seconds: float, seed: int, clients: int = SENDERS) -> Report:
    """Send and kill for so long before the hub is made, and for so long after.

    Raises TimeoutError if it is not relayed, or if the relays don't come to an end.
    """
    stop = threading.Event()
    with Ring(folder, seed) as world:
        senders = [Sender(number, world.home.address, seed, stop) for number in range(clients)]
        for sender in senders:
            sender.start()
        begin = time.monotonic()
        world.wait_until(lambda: failed_tries(world) > 0, "asking for a hub that is not there")
        world.strike_relays(seconds)
        world.upstream.hubs.create("events", Description(partitions=PARTITIONS))
        world.strike_relays(seconds)
        stop.set()
        passed = time.monotonic() - begin
        world.wait_until(lambda: not any(sender.is_alive() for sender in senders), "sending the last events")
        for service in (world.home, world.upstream):
            world.wait_until(partial(is_relayed, service), "the end of the ring")
        report = compare(world, senders, passed)
        report.faults += faults(world)
        return report


def failed_tries(world: World) -> int:
    hub = world.home.hubs["events"]
    return sum(int(hub.redis.hget(hub.keys[p].relay, "retries") or 0) for p in range(PARTITIONS))


def faults(world: World) -> list[str]:
    """Say which events of the upstream are not there as one dead letter each, or have another reason than the ring."""
    above = world.upstream.hubs["events"]
    kept = Counter(name for names in events(above) for name in names)
    letters = list(DeadLetters(above).all())
    found = {
        f"{kept.total():,} events upstream, and {len(letters):,} of them are dead letters": len(letters) - kept.total(),
        "dead letters of an event twice": len(letters) - len({(one.partition, one.stored.offset) for one in letters}),
        "dead letters with another reason": sum(
            ring(world.home.hubs["events"], above) not in one.reason for one in letters
        ),
    }
    return [f"{what}: {count}" for what, count in found.items() if count]


def ring(home: Hub, above: Hub) -> str:
    return f"{home.hop} -> {above.hop} -> {home.hop}"
