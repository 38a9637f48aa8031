"""A run: load and disturbances, and what the service has at the end against what each client was told."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.boards import Boards

from ..crash.run import read_log
from .clients import BOARD, HUB, Client, Outcome, Sent, Work
from .world import FAIL_OVER, QUIET, World

CLIENTS = {Work.REWARD: 3, Work.KEYED: 2, Work.EVENTS: 3, Work.READ: 2}

#: Disturbances during which no request may fail.
HARMLESS = {"reload"}

FIRST = "first"
LAG = 1.0  # seconds

#: Answers that a client can act upon.
EXPECTED = {"200", "201", "502", "503", "504"}


@dataclass
class During:
    """What was answered while a disturbance lasted; `failed` by status, or by the name of the exception."""

    times: int = 0
    requests: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0  # seconds


@dataclass
class Report:
    """`lost` is what a fail-over may lose; `faults` is what must not be, and empty after a good run."""

    seconds: float
    during: dict[str, During]
    perhaps: int = 0
    perhaps_done: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.during.values())

    @property
    def failed(self) -> int:
        return sum(one.failed.total() for one in self.during.values())

    def __str__(self) -> str:
        width = max(map(len, self.during))
        lines = [f"{'while':{width}}  {'times':>6}  {'requests':>9}  {'failed':>7}  {'slowest':>8}"]
        for name, one in self.during.items():
            kinds = ", ".join(f"{count} x {answer}" for answer, count in sorted(one.failed.items()))
            numbers = f"{one.times:>6}  {one.requests:>9,}  {one.failed.total():>7,}  {one.slowest:>6.2f} s"
            lines.append(f"{name:{width}}  {numbers}  {kinds}".rstrip())
        lines.append(f"{self.perhaps:,} were told that it may have been done, and of {self.perhaps_done:,} it was")
        lines.append(
            f"{self.lost:,} that were done were lost by a fail-over: a replica gets a write after its client's answer"
        )
        lines += [f"FAULT: {fault}" for fault in self.faults]
        lines.append(self.summary)
        return "\n".join(lines)

    @property
    def summary(self) -> str:
        return f"{self.seconds:.0f} s, {self.requests:,} requests, {self.failed:,} failed, {len(self.faults)} faults"

    def document(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "seconds": self.seconds,
            "requests": self.requests,
            "failed": self.failed,
            "during": {name: vars(one) for name, one in self.during.items()},
            "perhaps": self.perhaps,
            "perhaps_done": self.perhaps_done,
            "lost_by_fail_over": self.lost,
            "faults": self.faults,
        }


def run(folder: Path, seconds: float, seed: int, say: Callable[[str], None] = lambda line: None) -> Report:
    """Disturb for so long, and until each disturbance has been there once; `say` is told how far it is.

    Raises TimeoutError if the service does not come back.
    """
    stop = threading.Event()
    with World(folder, seed) as world:
        Boards.from_settings(world.service.settings)[BOARD].set(FIRST, Decimal(1))  # reads are 404 without a member
        kinds = [work for work, count in CLIENTS.items() for _ in range(count)]
        clients = [Client(n, work, world.service.address, seed, stop) for n, work in enumerate(kinds)]
        for client in clients:
            client.start()
        begin = time.monotonic()
        rest = min(2.0, seconds / 20) * world.slowness
        count = 0
        while not count or time.monotonic() - begin < seconds:
            for name in world.rnd.sample(list(world.disturbances), len(world.disturbances)):
                world.rest(world.rnd.uniform(0.5, 1.5) * rest)
                say(f"{time.monotonic() - begin:4.0f} s, {sum(len(c.sent) for c in clients):,} requests: {name}")
                world.disturb(name)
                count += 1
        world.rest(rest)
        stop.set()
        world.wait_until(lambda: not any(client.is_alive() for client in clients), "the last requests")
        sent = [one for client in clients for one in client.sent]
        return compare(time.monotonic() - begin, world.periods, sent, {**scores(world), **events(world)})


def by_disturbance(periods: list[tuple[float, str]], sent: list[Sent]) -> dict[str, During]:
    found: dict[str, During] = defaultdict(During)
    for _, name in periods:
        found[name].times += 1
    for one in sent:
        during = found[disturbance_of(periods, one)]
        during.requests += 1
        during.slowest = max(during.slowest, one.end - one.begin)
        if one.outcome is not Outcome.DONE:
            during.failed[one.answer] += 1
    return dict(found)


def disturbance_of(periods: list[tuple[float, str]], one: Sent) -> str:
    """Return what a request met: the last disturbance that was there between its begin and its end."""
    place = max(0, bisect_right(periods, one.end, key=lambda period: period[0]) - 1)
    began, name = periods[place]
    return periods[place - 1][1] if name == QUIET and place and one.begin < began else name


def compare(
    seconds: float, periods: list[tuple[float, str]], sent: list[Sent], there: Mapping[str, Decimal | int]
) -> Report:
    """Hold what is there, and how often, against what the clients were told."""
    report = Report(seconds, by_disturbance(periods, sent))
    told: dict[str, set[Outcome]] = defaultdict(set)  # a reward with a key was told several times
    for one in sent:
        for name in one.names if one.work is not Work.READ else ():
            told[name].add(one.outcome)
    done = {name for name, outcomes in told.items() if Outcome.DONE in outcomes}
    refused = {name for name, outcomes in told.items() if outcomes == {Outcome.REFUSED}}
    perhaps = told.keys() - done - refused
    lost = (done - there.keys()) & replicating(periods, sent)
    report.lost = len(lost)
    report.perhaps, report.perhaps_done = len(perhaps), len(perhaps & there.keys())
    keyed = {name for one in sent if one.work is Work.KEYED for name in one.names}
    odd = [one for one in sent if one.answer.isdigit() and one.answer not in EXPECTED]
    hurt = [one for one in sent if one.outcome is not Outcome.DONE and disturbance_of(periods, one) in HARMLESS]
    found = {
        "answered with a success, but not there": done - there.keys() - lost,
        "refused, but carried out": refused & there.keys(),
        "carried out more than once": {name for name, times in there.items() if times != 1},
        "there, but never sent": there.keys() - told.keys(),
        "with a key, but never answered with a success": keyed - done,
        "answered as nothing should be": {f"{one.answer} ({disturbance_of(periods, one)})" for one in odd},
        "failed where nothing should": {f"{one.answer} ({disturbance_of(periods, one)})" for one in hurt},
    }
    report.faults = [f"{len(these):,} {what}: {sorted(these)[:5]}" for what, these in found.items() if these]
    return report


def replicating(periods: list[tuple[float, str]], sent: list[Sent]) -> set[str]:
    """Return what was done at a time from which a fail-over may lose it: the replica is up to `LAG` behind."""
    begins = [(begin, end) for (begin, name), (end, _) in pairwise(periods) if name == FAIL_OVER]
    return {name for one in sent if any(a - LAG <= one.end <= b for a, b in begins) for name in one.names}


def scores(world: World) -> dict[str, Decimal | int]:
    """Return the score of each member, which is how often its reward was applied."""
    board = Boards.from_settings(world.service.settings)[BOARD]
    page = board.page(limit=1000)
    rows = page.members
    while page.next:
        page = board.page(limit=1000, cursor=page.next)
        rows += page.members
    return {row.member: row.score for row in rows if row.member != FIRST}


def events(world: World) -> Counter[str]:
    """Return how often each event is in the log."""
    hub = world.service.hubs[HUB]
    return Counter(
        stored.event.body.decode() for partition in range(hub.partitions) for stored in read_log(hub, partition)
    )
