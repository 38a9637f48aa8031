"""Window workers are killed while events come in; the rows must be those of a run that nobody disturbed.

Workers are processes of their own, forked by a server that has imported everything, so that one is back within a few
hundredths of a second. Their leases are short and their state is saved often: many of the kills then fall into a
commit, a snapshot, a replay, or a time in which nobody has the task. Meanwhile some events are wrong, and the reference
data is replaced.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.reference import References
from pipeline.settings import Settings
from pipeline.store.client import hubs_client, redis_client
from pipeline.windows.jobs.definition import Definition, read_definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.language.ticks import TICKS_PER_SECOND, from_unix_ms, isoformat
from pipeline.work.worker import run as run_worker

from .. import cluster, stack
from ..windows.support.outboxes import delivery_status
from ..windows.support.running_jobs import closed, load, read_status
from ..windows.support.running_jobs import stop as close

WORKERS = 2
PARTITIONS = 3
KEYS = 12
PAUSE = (0.02, 0.4)  # seconds between two kills
LEASE = 0.3  # seconds
EVENTS = 500  # at least; a slow machine needs longer for them
SETTLED = 3 * TICKS_PER_SECOND  # after the last event every window has closed, and nothing can be late any more

VERSIONS = 8  # of the reference data, at most: each must still be there for the run that is not disturbed

# One that merges, on arrival times, one whose tasks need no other, on event times that are out of order, and one with
# what is inside an event and beside it, whose faults are rows as well.
JOBS: dict[str, tuple[str, str]] = {
    "merged": (
        """
        WITH Counted AS (
            SELECT g, COUNT(*) AS events, SUM(n) AS total, TopOne() OVER (ORDER BY n DESC) AS last
            FROM Input GROUP BY g, HoppingWindow(millisecond, 600, 200)
        )
        SELECT g, events, total, last.k AS k, last.n AS n INTO MergedWindows FROM Counted
        SELECT g, COUNT(*) AS events INTO MergedSliding FROM Input GROUP BY g, SlidingWindow(millisecond, 300)
            HAVING COUNT(*) > 2
        SELECT k, n INTO MergedRows FROM Input
        """,
        '[inputs.Input]\nhub = "events"\n',
    ),
    "parallel": (
        """
        SELECT k, COUNT(*) AS events, MIN(n) AS first, MAX(n) AS last
        INTO ParallelSessions FROM Input TIMESTAMP BY at
        GROUP BY k, SessionWindow(millisecond, 100, 1000) OVER (PARTITION BY k)
        SELECT k, n, LAG(n) OVER (PARTITION BY k LIMIT DURATION(second, 1)) AS before
        INTO ParallelRows FROM Input TIMESTAMP BY at
        """,
        '[inputs.Input]\nhub = "events"\npartition_key = "k"\n\n[time]\nlate_arrival = "1s"\nout_of_order = "200ms"\n',
    ),
    "enriched": (
        """
        SELECT i.n AS n, e.ArrayIndex AS place, e.ArrayValue AS element, r.version AS version,
            GetMetadataPropertyValue(i, 'EventHub.SequenceNumber') AS number,
            GetMetadataPropertyValue(i, '[User].[source]') AS source
        INTO EnrichedRows FROM Input i TIMESTAMP BY at CROSS APPLY GetArrayElements(i.list) AS e
            JOIN Rooms r ON i.g = r.g
        SELECT r.version AS version, e.ArrayValue AS element, COUNT(*) AS events, SUM(CAST(i.n AS bigint)) AS total
        INTO EnrichedWindows FROM Input i TIMESTAMP BY at OUTER APPLY GetArrayElements(i.list) AS e
            LEFT JOIN Rooms r ON i.g = r.g
        GROUP BY r.version, e.ArrayValue, TumblingWindow(millisecond, 500)
        """,
        'faults = "EnrichedFaults"\n[inputs.Input]\nhub = "events"\n[inputs.Rooms]\nreference = { name = "rooms" }\n'
        '[time]\nlate_arrival = "1s"\nout_of_order = "200ms"\n',
    ),
}
FAULTS = "EnrichedFaults"
OUTPUTS = (
    *("MergedWindows", "MergedSliding", "MergedRows", "ParallelSessions", "ParallelRows"),
    *("EnrichedRows", "EnrichedWindows", FAULTS),
)

#: Whose rows come in one order; those of several partitions do not.
ORDERED = ("MergedWindows", "EnrichedWindows")


@dataclass
class Report:
    """`faults` is what must not be, and empty after a good run."""

    seconds: float
    kills: int
    events: int
    rows: Counter[str]
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.kills} window workers killed in {self.seconds:.0f} s, {self.events:,} events"]
        lines += [f"  {count:>9,}  rows of {name}" for name, count in sorted(self.rows.items())]
        lines += ["FAULTS", *(f"  {fault}" for fault in self.faults)] if self.faults else ["no faults"]
        return "\n".join(lines)


def run(folder: Path, kills: int, seed: int, on_cluster: bool = False) -> Report:
    """Kill so many workers. Raises TimeoutError if the jobs do not finish."""
    with stored(folder, on_cluster) as settings:
        client = hubs_client(settings)
        hubs = Hubs(client, settings.hubs)
        hubs.declare()
        references = References(redis_client(settings))
        replace(references, 0)
        for name, (query, toml) in JOBS.items():
            write_job(folder / name, query, toml)
        begun = time.monotonic()
        kills, sent = disturb(folder, settings, hubs, references, kills, seed)
        seconds = time.monotonic() - begun
        undisturbed(folder, references.redis, hubs)
        return compare(client, seconds, kills, sent)


@contextmanager
def stored(folder: Path, on_cluster: bool) -> Iterator[Settings]:
    """Start a server. With `on_cluster` hubs and jobs are on a cluster, and the server has just the reference data."""
    with stack.redis_server(folder) as (_, url), ExitStack() as more:
        nodes = more.enter_context(cluster.running(folder)) if on_cluster else ()
        yield Settings(
            environment="test",
            redis_url=url,
            connection_string=stack.ROOT,
            hubs={"events": PARTITIONS},
            hubs_cluster=nodes,
        )


def replace(references: References, version: int) -> int:
    """Replace the table `rooms`, which has none for the last of the groups; return from when on it is valid, in ms."""
    table, _ = references.put("rooms", [{"g": g, "version": version} for g in range(4)])
    return table.versions[-1].valid_from or 0


def write_job(folder: Path, query: str, toml: str) -> None:
    folder.mkdir()
    (folder / "query.asaql").write_text(query)
    names = [name for name in OUTPUTS if f"INTO {name}" in query or f'faults = "{name}"' in toml]
    streams = "".join(f'[outputs.{name}]\ntype = "stream"\n' for name in names)
    (folder / "job.toml").write_text(toml + streams)


# -- the run that is disturbed ----------------------------------------------------------------------------------------


def disturb(
    folder: Path, settings: Settings, hubs: Hubs, references: References, kills: int, seed: int
) -> tuple[int, int]:
    """Send events and kill `kills` workers or more; then let the workers finish. Returns the number of both.

    Goes on until the first table that replaces another has been valid for a while.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    rnd = random.Random(seed)
    stop = threading.Event()
    slowness = stack.slowness()
    sender = Sender(hubs, seed, stop, 0.01 * slowness)

    def start() -> Any:
        process = context.Process(target=work, args=(folder, settings, LEASE * slowness), daemon=True)
        process.start()
        return process

    workers = [start() for _ in range(WORKERS)]
    try:
        wait_for(hubs.redis)
        sender.start()
        deadline = time.monotonic() + stack.PATIENCE
        killed, version = 0, 1
        since = replace(references, version) + 500  # ms

        def is_enough() -> bool:
            return killed >= kills and sender.sent >= EVENTS and hubs["events"].clock_ms() > since

        while not is_enough() and time.monotonic() < deadline:
            time.sleep(slowness * rnd.uniform(*PAUSE))
            place = rnd.randrange(WORKERS)
            workers[place].kill()
            workers[place].join()
            workers[place] = start()
            killed += 1
            if killed % 5 == 0 and version < VERSIONS:
                replace(references, version := version + 1)
        stop.set()
        sender.join()
        end = from_unix_ms(hubs["events"].clock_ms()) + SETTLED
        wait_for(hubs.redis, isoformat(end))
        stack.until(lambda: not any(waiting(hubs.redis, name) for name in JOBS))
    finally:
        stop.set()
        for process in workers:
            process.kill()
            process.join()
    return killed, sender.sent


def work(folder: Path, settings: Settings, lease: float) -> None:
    """A worker that runs all jobs until it is killed."""
    client, hubs = redis_client(settings), Hubs(hubs_client(settings), settings.hubs)
    pacing = Pacing(batch=40, snapshot_seconds=0.2, snapshot_events=400)
    jobs = [load(folder / name, client, hubs, pacing=pacing, beat=lease / 6, ttl=lease) for name in JOBS]
    run_worker(lambda: [each for job in jobs for each in job.workers], threading.Event())


class Sender(threading.Thread):
    """Sends batches of events until `stop`: to some keys more than to others, with times that are not in order."""

    def __init__(self, hubs: Hubs, seed: int, stop: threading.Event, pause: float) -> None:
        super().__init__(daemon=True)
        self._pause = pause  # seconds
        self.hub = hubs["events"]
        self.sent = 0
        self._rnd = random.Random(seed)
        self._ending = stop

    def run(self) -> None:
        while not self._ending.wait(self._pause):
            now = from_unix_ms(self.hub.clock_ms())
            count = self._rnd.choice([1, 5, 20])
            self.hub.append([self._event(now) for _ in range(count)])

    def _event(self, now: int) -> Event:
        key = f"k{min(self._rnd.randrange(KEYS), self._rnd.randrange(KEYS))}"
        late = self._rnd.choice([0.0, 0.05, 0.15, 0.15, 1.5])  # seconds; the last is out of order, and late
        time_ = isoformat(now - round(late * TICKS_PER_SECOND))
        body = {"k": key, "g": self._rnd.randrange(5), "n": self.sent, "at": time_}
        body["list"] = self._rnd.choice([[], [1], [1, 2, "three"], None])
        self.sent += 1
        wrong = self._rnd.randrange(50)
        if wrong == 0:
            return Event(b"not JSON %d" % self.sent, key)
        if wrong == 1:
            body["n"] = f"no number {self.sent}"
        return Event(json.dumps(body).encode(), key, properties={"source": self._rnd.randrange(3)})


def wait_for(client: redis.Redis, watermark: str = "", seconds: float = stack.PATIENCE) -> None:
    """Wait until the jobs report, and have come so far."""
    deadline = time.monotonic() + seconds
    for name in JOBS:
        while (status := read_status(client, name)) is None or (watermark and (status.watermark or "") < watermark):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the job {name} is not ready after {seconds:.0f} s: {status}")
            time.sleep(0.05)


def waiting(client: redis.Redis, job: str) -> int:
    """Return how many rows a job has made that are not in its outputs yet, as those on a cluster may be."""
    return sum(delivery_status(client, job, output).waiting for output in OUTPUTS)


# -- the run that is not ----------------------------------------------------------------------------------------------


def undisturbed(folder: Path, client: redis.Redis, hubs: Hubs) -> None:
    """Run the same queries over the same log in this process, into outputs of other names."""
    until = from_unix_ms(hubs["events"].clock_ms())
    for name in JOBS:
        definition = read_definition(folder / name)
        query, document = definition.query, dict(definition.document)
        for output in OUTPUTS:
            query = query.replace(f"INTO {output} ", f"INTO {again(output)} ")
        if "faults" in document:
            document["faults"] = again(document["faults"])
        document["outputs"] = {again(output): table for output, table in document["outputs"].items()}
        job = Job.of(again(name), Definition(query, document), client, hubs)
        while sum(each.step() for each in job.workers) or any(closed(task) < until for task in job.tasks):
            pass
        close(job)


def again(name: str) -> str:
    return f"{name}Undisturbed"


def compare(client: redis.Redis, seconds: float, kills: int, sent: int) -> Report:
    report = Report(seconds, kills, sent, Counter())
    for output in OUTPUTS:
        rows, expected = rows_of(client, output), rows_of(client, again(output))
        report.rows[output] = len(expected)
        if output not in ORDERED:
            rows.sort()
            expected.sort()
        if rows != expected:
            lost, doubled = Counter(expected) - Counter(rows), Counter(rows) - Counter(expected)
            report.faults.append(
                f"{output}: {lost.total()} rows are missing, {doubled.total()} too many: "
                f"{sorted(lost)[:3]} {sorted(doubled)[:3]}"
            )
    return report


def rows_of(client: redis.Redis, output: str) -> list[tuple[str, str]]:
    """Each row's JSON, after its window's end; a fault's is without the time at which it was found."""
    stream = StreamOutput(client, output)
    rows: list[tuple[str, str]] = []
    after = "0"
    while page := stream.read(after, 1000):
        rows += [(entry.window_end or "", text_of(output, bytes(entry.row))) for entry in page]
        after = page[-1].id
    return rows


def text_of(output: str, row: bytes) -> str:
    if output not in (FAULTS, again(FAULTS)):
        return row.decode()
    return json.dumps({name: value for name, value in json.loads(row).items() if name != "time"})
