"""How long the console's pages take the service, with 100 partitions, 50 jobs and a board of 10^6 members.

    python -m bench.console             some two minutes, most of them for the board
    python -m bench.console --json      the same as JSON
    python -m bench.console --quick     a board of 10^4 members

Each page is asked for in process, with a Redis of the bench's own: the median of the time until all of it is there,
the processor time of service and Redis, which depends less on what else the machine does, and how often something is
sent to Redis. Servers in front of the app and the browser are not in it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
import msgspec

from deploy import servers
from deploy.up import DEPLOY
from handlers import create_app
from pipeline.boards import Boards
from pipeline.boards.bulk import BulkChange
from pipeline.console.history import Sample, hub_subject, job_subject, keep
from pipeline.console.history_task import History
from pipeline.console.keys import HISTORY_LEASE, PERIOD, SAMPLES
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store import Redis
from pipeline.store.client import redis_client
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.jobs.reports import TaskStatus, place_of
from tests import stack
from wz.testing import Client

from .hub_plan import redis_seconds, round_trips
from .side_by_side import Row, report

PARTITIONS, JOBS, MEMBERS, QUICK_MEMBERS = 100, 50, 1_000_000, 10_000

#: Events of each partition.
EVENTS = 20

TURNS = 21

#: The pages by name; `{...}` is what `build` returns.
PAGES: dict[str, str] = {
    "home": "/",
    "hubs": "/console/hubs",
    "a hub": "/console/hubs/{hub}",
    "an event": "/console/hubs/{hub}/events/0/{offset}",
    "jobs": "/console/jobs",
    "a job": "/console/jobs/{job}",
    "boards": "/console/boards",
    "a board": "/console/boards/{board}",
}

QUERY = "SELECT actionname, COUNT(*) AS n INTO Out{0} FROM Input GROUP BY actionname, TumblingWindow(minute, 1)"


def build(
    settings: Settings, partitions: int = PARTITIONS, jobs: int = JOBS, members: int = MEMBERS, samples: int = SAMPLES
) -> dict[str, str]:
    """Fill an empty database, as workers and senders would have; return what the addresses of pages need."""
    client = redis_client(settings)
    hubs = Hubs(client, {})
    hubs.create("big", Description(partitions=partitions, retention_bytes=partitions * 1024 * 1024))
    hub = hubs["big"]
    for partition in range(partitions):
        hub.append([Event(b'{"actionname": "a", "n": %d}' % n, "k") for n in range(EVENTS)], partition=partition)
    registry = JobRegistry(client, hubs, Boards(client))
    for number in range(jobs):
        _job(registry, f"job-{number:02}", number, partitions)
    _history(registry, samples)
    board = Boards(client)["points"]
    for _ in board.apply(_members(members)):
        pass
    return {"hub": "big", "job": "job-00", "board": "points", "offset": hub.read(0)[0].offset}


def _job(registry: JobRegistry, name: str, number: int, partitions: int) -> None:
    outputs = {f"Out{number}": {"type": "stream"}}
    inputs = {"Input": {"hub": "big", "partition_key": "actionname"}}
    registry.put(name, Definition(QUERY.format(number), {"inputs": inputs, "outputs": outputs}))
    hub, client = registry.hubs["big"], registry.redis
    group = ConsumerGroup(hub, keys.group_of(name))
    with client.pipeline(transaction=False) as pipe:
        for partition in range(partitions):
            pipe.sadd(hub.keys[partition].attached, group.name)
            pipe.hset(hub.keys[partition].offsets, group.name, hub.read(partition)[-2].offset)
            status = TaskStatus(
                reported="2026-05-01T12:00:00.0000000Z",
                watermark="2026-05-01T12:00:00.0000000Z",
                next={place_of("big", partition): EVENTS - 1},
                rows={f"Out{number}": 5},
                faults={"late_events": 1} if not number % 10 else {},
            )
            pipe.hset(keys.status(name), str(partition), msgspec.json.encode(status))
        pipe.zadd(keys.workers(name), {"worker": 1})
        pipe.execute()


def _history(registry: JobRegistry, samples: int) -> None:
    """Keep an hour of samples that rise to what is counted now, and say that a worker runs."""
    now = History(registry.hubs, registry).samples()
    for number in range(samples):
        ago = samples - number
        earlier = {
            subject: Sample(
                sample.at_ms - ago * PERIOD * 1000,
                {name: max(0, count - ago) for name, count in sample.counters.items()},
            )
            for subject, sample in now.items()
        }
        keep(registry.redis, earlier)
    registry.redis.set(HISTORY_LEASE.pattern, "worker")
    assert hub_subject("big") in now
    assert job_subject("job-00") in now


def _members(count: int) -> Iterator[BulkChange]:
    for number in range(count):
        yield BulkChange(f"member-{number:07}", score=Decimal(number * 7919 % 1_000_003) / 100)


class Looked(NamedTuple):
    """Milliseconds until a page is there (median), and of processor time of service and Redis; round trips, bytes."""

    took: float
    ours: float
    theirs: float
    trips: int
    size: int


def look(client: Client, redis: Redis, path: str, turns: int = TURNS) -> Looked:
    headers = {"Authorization": stack.token(), "Accept": "text/html"}

    def ask() -> int:
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200, f"{path}: {answer.status}"
        return len(answer.data)

    ask()  # templates, scripts
    with round_trips() as trips:
        size = ask()
    ours, theirs = time.thread_time(), redis_seconds(redis)
    took = statistics.median(timed(ask) for _ in range(turns))
    ours, theirs = time.thread_time() - ours, redis_seconds(redis) - theirs
    return Looked(took, ours * 1000 / turns, theirs * 1000 / turns, len(trips), size)


def timed(do: Callable[[], object]) -> float:
    """Return how many milliseconds it takes."""
    begun = time.perf_counter()
    do()
    return (time.perf_counter() - begun) * 1000


def measure(settings: Settings, places: dict[str, str]) -> list[Row]:
    client, redis = Client(create_app(settings)), redis_client(settings)
    found = {name: look(client, redis, path.format(**places)) for name, path in PAGES.items()}
    return [
        Row("A page: until it is there", {name: one.took for name, one in found.items()}, "ms"),
        Row("A page: processor time of the service", {name: one.ours for name, one in found.items()}, "ms"),
        Row("A page: processor time of Redis", {name: one.theirs for name, one in found.items()}, "ms"),
        Row("A page: round trips to Redis", {name: one.trips for name, one in found.items()}, ""),
        Row("A page: HTML", {name: one.size / 1024 for name, one in found.items()}, "KiB"),
    ]


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help=f"A board of {QUICK_MEMBERS:,} members.")
def main(as_json: bool, quick: bool) -> None:
    with TemporaryDirectory(prefix="bench-") as name:
        socket = Path(name) / "redis.sock"
        command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", name]
        with stack.process(command, ready=socket.exists, log=Path(name) / "redis.log"):
            settings = Settings(environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT)
            client: Redis = redis_client(settings)
            client.config_set("appendonly", "no")
            members = QUICK_MEMBERS if quick else MEMBERS
            rows = measure(settings, build(settings, members=members))
            notes = [f"{os.cpu_count()} cores; {PARTITIONS} partitions, {JOBS} jobs, {members:,} members"]
    report(rows, [], notes, as_json=as_json)


if __name__ == "__main__":
    main()
