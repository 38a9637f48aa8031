"""A run: send and kill, heal, wait for the relay, and compare what was acknowledged, what is kept and what went up."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from pipeline.hub import StoredEvent
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.log import Hub
from pipeline.hub.relay_status import status

from .. import stack
from .senders import Name, Sender
from .servers import Service, World

SENDERS = 4
PAGE = 1000


@dataclass
class Report:
    """What was counted; `faults` is what must not be, and empty after a good run."""

    seconds: float
    kills: Counter[str]
    answers: Counter[str]
    counts: dict[str, int]
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.seconds:.0f} s of killing"]
        lines += [f"  {count:>9,}  {name}" for name, count in sorted(self.kills.items())]
        lines += ["answers to the clients", *(f"  {count:>9,}  {name}" for name, count in sorted(self.answers.items()))]
        lines += ["events", *(f"  {count:>9,}  {name}" for name, count in self.counts.items())]
        lines += ["FAULTS", *(f"  {fault}" for fault in self.faults)] if self.faults else ["no faults"]
        return "\n".join(lines)


def run(folder: Path, seconds: float, seed: int, kills: int = 0, acknowledged: int = 0) -> Report:
    """Kill for so long, and on until there are so many kills and so many events that were acknowledged.

    A machine that is slow has longer pauses between two kills: it would do nothing but start what was killed. Raises
    TimeoutError if the service does not come back, or the relay does not finish.
    """
    stop = threading.Event()
    with World(folder, seed) as world:
        senders = [Sender(number, world.home.address, seed, stop) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        begin = time.monotonic()

        def is_enough() -> bool:
            done = sum(len(sender.notes.acknowledged) for sender in senders)
            return world.kills.total() >= kills and done >= acknowledged

        while (passed := time.monotonic() - begin) < seconds or not is_enough():
            if passed > seconds + stack.PATIENCE:
                raise TimeoutError(f"{world.kills.total()} kills in {passed:.0f} s; the logs:\n{world.logs()}")
            world.strike()
            pause = time.monotonic() + world.slowness * world.rnd.uniform(0.05, 0.9)
            while time.monotonic() < pause:
                world.tick()
                time.sleep(0.02)
        stop.set()
        world.heal()
        world.wait_until(lambda: not any(sender.is_alive() for sender in senders), "sending the last events")
        world.wait_until(lambda: is_relayed(world.home), "relaying the last events")
        return compare(world, senders, passed)


def is_relayed(home: Service) -> bool:
    try:
        groups = [one.relay.group for one in status(home.hubs["events"])]
    except redis.RedisError:
        return False
    return all(group is not None and group.lag == 0 for group in groups)


def compare(world: World, senders: list[Sender], seconds: float) -> Report:
    home, upstream = world.home.hubs["events"], world.upstream.hubs["events"]
    kept, above = events(home), events(upstream)
    relays = [one.relay for one in status(home)]
    acknowledged = [name for sender in senders for name in sender.notes.acknowledged]
    again = sum((sender.notes.again for sender in senders), Counter())
    count, count_above = (Counter(name for names in log for name in names) for log in (kept, above))
    doubled = {name: n for name, n in count.items() if n > 1}

    report = Report(seconds, world.kills, sum((sender.notes.answers for sender in senders), Counter()), {})
    report.counts = {
        "acknowledged": len(acknowledged),
        "in the log": count.total(),
        "of these twice, since a client had to send them again": sum(doubled.values()) - len(doubled),
        "requests that were sent again with a key": sum(sender.notes.with_key for sender in senders),
        "upstream": count_above.total(),
        "tries of the relay that failed": sum(relay.retries for relay in relays),
        "in requests that the relay had taken": sum(relay.events for relay in relays),
    }
    sent = {(key, n) for sender in senders for key, count in sender.next.items() for n in range(count)}
    found: dict[str, Collection[object]] = {
        "sent, but never acknowledged": sent - set(acknowledged),
        "acknowledged, but not in the log": set(acknowledged) - count.keys(),
        "in the log twice, though each was sent once": {n for n, times in doubled.items() if times > 1 + again[n]},
        "in the log, but not upstream": count.keys() - count_above.keys(),
        "more often upstream than in the log": {n for n, times in count_above.items() if times > count[n]},
        "less often upstream than in the log": {n for n, times in count_above.items() if times < count[n]},
        "in another order than sent": out_of_order(kept),
        "in another order upstream": {key for key, _ in by_key(kept).items() ^ by_key(above).items()},
        "dead letters": {letter.id for letter in DeadLetters(home).read()},
    }
    report.faults = [f"{len(these):,} {what}: {sorted(map(str, these))[:5]}" for what, these in found.items() if these]
    return report


def events(hub: Hub) -> list[list[Name]]:
    """Return the names of the events of each partition, in its order."""
    partitions = (read_log(hub, partition) for partition in range(hub.partitions))
    return [[(key, number) for key, number in (json.loads(one.event.body) for one in log)] for log in partitions]


def read_log(hub: Hub, partition: int) -> Iterator[StoredEvent]:
    """Read all that a partition has."""
    after = "0"
    while page := hub.read(partition, after, PAGE):
        yield from page
        after = page[-1].offset


def by_key(log: list[list[Name]]) -> dict[str, tuple[int, ...]]:
    """Return the numbers of each key, in the order of its partition; without the events that have no key."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for names in log:
        for key, number in names:
            if "-" in key:
                numbers[key].append(number)
    return {key: tuple(found) for key, found in numbers.items()}


def out_of_order(log: list[list[Name]]) -> set[str]:
    """Return the keys whose events, each at its first place, do not count 0, 1, 2 ..."""
    return {key for key, found in by_key(log).items() if list(dict.fromkeys(found)) != list(range(max(found) + 1))}
