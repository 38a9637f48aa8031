"""Redis's disk is full: what is answered meanwhile is true, and what was acknowledged is there after a restart.

The disk is a limit on the length of Redis's files, which its writes meet as they would meet the end of the disk. What
Redis does then is for its `appendfsync` to say: with `always`, as deploy/redis.conf has it, it ends, and whoever starts
it again sees it end at its next write; with `everysec` it goes on, and refuses writes (MISCONF).
"""

from __future__ import annotations

import json
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pipeline.hub.namespace import Hubs

from .. import stack
from .filler import FILLER, Filler
from .run import events, read_log
from .senders import Sender
from .servers import PARTITIONS, Server, Service, settings

#: Half KiB of each of Redis's files, until the disk is free again.
LIMIT = 6_000

Fsync = Literal["always", "everysec"]
POLICIES: tuple[Fsync, ...] = get_args(Fsync)

#: Begins a program with this limit, or without one, and lets its writes fail instead of ending it.
_LIMITED = 'trap "" XFSZ; ulimit -S -f "$(cat "$0")"; exec "$@"'


@dataclass
class Report:
    """`seconds` are from when the disk was free until sends were taken; `faults` is what must not be."""

    fsync: Fsync
    seconds: float
    starts: int
    answers: Counter[str]
    acknowledged: int
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        healed = f"Redis began {self.starts} times, and sends were taken again after {self.seconds:.1f} s"
        lines = [f"a full disk, appendfsync {self.fsync}: {healed}"]
        lines += [f"  {count:>9,}  {name}" for name, count in sorted(self.answers.items())]
        lines += [f"  {self.acknowledged:>9,}  events acknowledged"]
        lines += ["FAULTS", *(f"  {fault}" for fault in self.faults)] if self.faults else ["no faults"]
        return "\n".join(lines)


def run(folder: Path, fsync: Fsync, seed: int, refusals: int = 20) -> Report:
    """Fill the disk, wait for so many refusals, free it, and restart Redis. Raises TimeoutError if it does not heal."""
    service = Service(folder / "test", settings(folder, "test", {"events": PARTITIONS, FILLER: 1}))
    limit = folder / "limit"
    limit.write_text(str(LIMIT))
    redis = service.redis
    redis.command = ["sh", "-c", _LIMITED, str(limit), *redis.command, "--appendfsync", fsync]
    servers = [redis, service.gunicorn, service.nginx]

    def until(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + stack.PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {one.name}\n{one.log.read_text()[-2000:]}" for one in servers)
                raise TimeoutError(f"{what} took more than {stack.PATIENCE:.0f} s; the logs:\n{logs}")
            for server in servers:
                server.tick()
            time.sleep(0.05)

    stop = threading.Event()
    try:
        until(lambda: stack.answers(service.address), "the service")
        sender, filler = Sender(0, service.address, seed, stop), Filler(service.address, stop)
        for thread in (sender, filler):
            thread.start()
        until(lambda: filler.answers.total() - filler.count(201) > refusals, "filling the disk")
        begin, before = time.monotonic(), filler.count(201)
        limit.write_text("unlimited")
        _lift(redis)
        until(lambda: filler.count(201) > before + 5, "taking events again")
        seconds = time.monotonic() - begin
        stop.set()
        until(lambda: not (sender.is_alive() or filler.is_alive()), "sending the last events")
        assert redis.process is not None
        redis.process.terminate()
        redis.process.wait(stack.ENDS)
        until(lambda: stack.answers(service.address), "the restart")
        starts = len(redis.sessions)
        faults = _faults(service.hubs, sender, filler)
    finally:
        stop.set()
        for server in reversed(servers):
            server.end()
    answers = filler.answers + sender.notes.answers
    count = filler.count(201) + len(sender.notes.acknowledged)
    return Report(fsync, seconds, starts, answers, count, faults)


def _lift(redis: Server) -> None:
    """Free the disk of the Redis that runs, too."""
    with suppress(ProcessLookupError):
        if redis.process is not None:
            _, hard = resource.prlimit(redis.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(redis.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def _faults(hubs: Hubs, sender: Sender, filler: Filler) -> list[str]:
    kept = Counter(json.loads(one.event.body)["n"] for one in read_log(hubs[FILLER], 0))
    names = Counter(name for log in events(hubs["events"]) for name in log)
    found: dict[str, Collection[object]] = {
        "large events acknowledged, but not kept": set(filler.numbers[201]) - kept.keys(),
        "large events kept twice": {n for n, times in kept.items() if times > 1},
        "large events kept, of which it was said that nothing was changed": kept.keys() & set(filler.numbers[503]),
        "events acknowledged, but not kept": set(sender.notes.acknowledged) - names.keys(),
        "events kept twice, though each was sent once": {
            name for name, times in names.items() if times > 1 + sender.notes.again[name]
        },
        "other answers": filler.answers.keys() - {"201", "502", "503"},
        "refusals that say nothing of what was changed": {
            text
            for status, texts in filler.texts.items()
            for text in texts
            if ("nothing was " if status == 503 else "may have been carried out") not in text
        },
    }
    return [f"{len(these):,} {what}: {sorted(map(str, these))[:3]}" for what, these in found.items() if these]
