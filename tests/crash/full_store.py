"""A store that is full heals itself: what was acknowledged is there, and what comes later is taken again.

Redis gets less memory than what is sent to it. Twice it fills up: while the upstream is cut off, so that nothing may be
dropped, which lasts until the upstream is back; and with events that are soon too old, which lasts until retention has
dropped them. Nobody does anything about it but time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec
import redis as redis_py

from pipeline.store.client import redis_client
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.erase import is_run
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.jobs.registry import JobRegistry

from .filler import FILLER, Filler
from .run import SENDERS, Report, compare, is_relayed
from .senders import Sender
from .servers import PARTITIONS, World

ROOM = 12_000_000  # bytes that Redis may have beyond those that it has at the start
RETENTION_MS = 3_000  # of the hub whose events fill the memory; a job reads it, and so does the relay

Reason = Literal["upstream cut", "events not old enough"]
REASONS: tuple[Reason, ...] = get_args(Reason)

#: Lines of a process's log about a store that is full: one when it begins, one for each ten seconds, one at its end.
LINES_PER_OUTAGE, SECONDS_PER_LINE = 2, 10


@dataclass
class Outage:
    """One time in which memory was full, until a send was taken again."""

    why: Reason
    seconds: float
    refused: int


def run(folder: Path, seed: int, reasons: Sequence[Reason] = REASONS, refusals: int = 20) -> Report:
    """Fill the store up for each of these reasons; with the upstream cut off, until so many sends were refused.

    Raises TimeoutError if it does not heal, or the relay or the job does not finish.
    """
    stop = threading.Event()
    with World(folder, seed, {"events": PARTITIONS, FILLER: 1}) as world:
        raw = _prepare(world)
        senders = [Sender(number, world.home.address, seed, stop) for number in range(SENDERS)]
        filler = Filler(world.home.address, stop)
        for thread in (*senders, filler):
            thread.start()
        begin = time.monotonic()
        outages = [_fill(world, filler, why, refusals) for why in reasons]
        seconds = time.monotonic() - begin
        stop.set()
        threads = [*senders, filler]
        world.wait_until(lambda: not any(thread.is_alive() for thread in threads), "sending the last events")
        raw.config_set("maxmemory", 0)
        world.wait_until(lambda: is_relayed(world.home), "relaying the last events")
        rows = StreamOutput(raw, "Rows")
        world.wait_until(lambda: len(_numbers(rows)) >= filler.count(201), "the job's last rows")
        report = compare(world, senders, seconds)
        report.answers += filler.answers
        report.kills = Counter(f"outages: {outage.why}" for outage in outages)
        report.counts["large events acknowledged"] = filler.count(201)
        report.counts["large events refused"] = filler.answers.total() - filler.count(201)
        report.counts["seconds of the longest outage"] = round(max(outage.seconds for outage in outages))
        report.faults += _faults(world, filler, Counter(_numbers(rows)), seconds)
        return report


def _prepare(world: World) -> redis_py.Redis:
    raw, hubs = redis_client(world.home.settings), world.home.hubs
    for its_hubs in (hubs, world.upstream.hubs):
        its_hubs.update(FILLER, lambda it: msgspec.structs.replace(it, retention_ms=RETENTION_MS))
    document = {
        "snapshot": "1s",
        "inputs": {"Input": {"hub": FILLER}},
        "outputs": {"Rows": {"type": "stream"}},
    }
    JobRegistry(raw, hubs).put("rows", Definition("SELECT n INTO Rows FROM Input", document))
    world.wait_until(lambda: is_run(raw, "rows"), "the job's beginning")
    raw.config_set("maxmemory", int(raw.info("memory")["used_memory"]) + ROOM)
    return raw


def _fill(world: World, filler: Filler, why: Reason, refusals: int) -> Outage:
    """Wait until a send is refused, and, with the upstream back if it was cut off, until one is taken again."""
    nginx = world.upstream.nginx
    if why == "upstream cut":
        nginx.down = True
        nginx.kill_all()
    refused = filler.count(503)
    world.wait_until(lambda: filler.count(503) > refused, "filling the memory")
    begin = time.monotonic()
    if nginx.down:
        world.wait_until(lambda: filler.count(503) > refused + refusals, "refusing while the upstream is away")
        nginx.down = False
    taken = filler.count(201)
    world.wait_until(lambda: filler.count(201) > taken + 5, f"healing ({why})")
    return Outage(why, time.monotonic() - begin, filler.count(503) - refused)


def _numbers(rows: StreamOutput) -> list[int]:
    found: list[int] = []
    after = "0"
    while page := rows.read(after, 1000):
        found += [msgspec.json.decode(row.row)["n"] for row in page]
        after = page[-1].id
    return found


def _faults(world: World, filler: Filler, rows: Counter[int], seconds: float) -> list[str]:
    faults = []
    if filler.answers.keys() - {"201", "503"}:
        faults.append(f"answers other than 201 and 503: {dict(filler.answers)}")
    if strange := [
        text for text in filler.texts[503] if "the store is full" not in text or "nothing was changed" not in text
    ]:
        faults.append(f"refused with another text: {strange[:3]}")
    if rows != Counter(filler.numbers[201]):
        faults.append(f"rows of the job: {len(rows)} of {filler.count(201)} events, or some twice")
    for server in world.servers:
        lines = server.log.read_text(errors="replace").splitlines() if server.log.exists() else []
        told = [line for line in lines if "OOM" in line]
        most = 2 * (seconds / SECONDS_PER_LINE + LINES_PER_OUTAGE * (1 + seconds / SECONDS_PER_LINE))
        if len(told) > most:
            faults.append(f"{len(told)} lines of {server.log.name} about the full store, such as {told[-1]}")
        if any("Traceback" in line for line in lines):
            faults.append(f"a traceback in {server.log.name}")
    return faults
