"""Events per second into the hub and from it to the upstream hub: this service and its like in Flask, in one run.

    python -m bench.hub             intake, single events and batches of 100; the relay by number of workers
    python -m bench.hub --json      the same as JSON
    python -m bench.hub --quick     shorter rounds, fewer of them

Intake: gunicorn with two processes and deploy/'s Redis, which for all contenders has each event on disk before it
answers; no nginx. All check the token and every item, hash the keys, and store the events in four partitions with a
sequence number each, a batch whole or not at all. The peers are Flask and redis-py without hiredis: one with a script,
which gives the same guarantees, one with MULTI, which guarantees less (bench/hub_peer.py). The goal is about the
former.

Each is measured twice: events a second, and processor time of gunicorn and Redis for an event. The load is a process on
the same cores, and takes a twentieth of the time; processor time includes neither it nor other programs.

The relay: `wz worker` processes with one request under way each, to an upstream that takes 20 ms for an answer, like a
distant one; the key changes every 20 events, and a batch has one key. So it measures how workers share the waiting.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import redis

from deploy import servers
from deploy.up import DEPLOY
from pipeline.hub import Event, Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay_status import status
from pipeline.hub.upstream_requests import BATCH_TYPE
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from tests import stack
from tests.upstream import Answer, Received, scripted_upstream

from .bulk import own_stdout
from .deployments import children, seconds
from .load import http_request, measure
from .side_by_side import Goal, Row, report, take_turns

BATCH = 100
BODY = json.dumps(
    {"eventid": "0123456789abcdef", "actionname": "offer_a", "reward": 0.25, "at": "2026-05-01T12:00:00Z"}
)
# deploy/gunicorn.conf.py's processes and threads, and as many connections: all of them wait for the disk.
FLAGS = ["--workers=2", "--worker-class=gthread", "--threads=16", "--keep-alive=35", "--log-level=error"]
CONNECTIONS = 32
PARTITIONS = 4
KEYS = 10
GOAL = 20_000.0
CONTENDERS = {
    "wz": "handlers.wsgi:app",
    "Flask": "bench.hub_peer:script()",
    "Flask, MULTI": "bench.hub_peer:transaction()",
}

WORKERS = (1, 2, 4)
LATENCY = 0.02  # seconds
RUN = 20  # events of a key in a row


def request(batch: int) -> bytes:
    """Return a whole HTTP request that sends a batch, or one event."""
    keys = [{"PartitionKey": f"key-{number % KEYS}"} for number in range(batch)]
    headers = {"Host": stack.HOST, "Authorization": stack.token(lifetime=3600), "User-Agent": "bench"}
    if batch == 1:
        body = BODY
        headers |= {"Content-Type": "application/json", "BrokerProperties": json.dumps(keys[0])}
    else:
        body = json.dumps([{"Body": BODY, "UserProperties": {"n": 3}, "BrokerProperties": key} for key in keys])
        headers |= {"Content-Type": BATCH_TYPE}
    return http_request("POST", "/events/messages", headers, body)


def intake(folder: Path, settings: Settings, rounds: int, seconds: float) -> list[Row]:
    rows = []
    client = redis_client(settings)
    with ExitStack() as running:
        contenders = {
            name: running.enter_context(contender(app, folder / f"{name}.sock", settings))
            for name, app in CONTENDERS.items()
        }
        for title, batch in (("single events", 1), (f"batches of {BATCH}", BATCH)):
            file = folder / f"request-{batch}"
            file.write_bytes(request(batch))
            costs: dict[str, list[float]] = {name: [] for name in contenders}

            def one_round(name: str, file: Path = file, batch: int = batch, costs: Any = costs) -> float:
                socket, master = contenders[name]
                client.flushall()  # memory is not what is measured
                before, begin = processor_seconds(client, master), time.perf_counter()
                rate = measure(socket, seconds, file, CONNECTIONS).rate * batch
                events = rate * min(seconds, time.perf_counter() - begin)
                costs[name].append((processor_seconds(client, master) - before) / events * 1e6)
                if stored(client) < events * 0.99:
                    raise SystemExit(f"{name} answered {events:.0f} events and stored {stored(client)}")
                return rate

            for socket, _ in contenders.values():
                measure(socket, 2.0, file, CONNECTIONS)  # imports, caches
            medians = take_turns({name: partial(one_round, name) for name in contenders}, rounds)
            goals = [Goal("wz", "the goal", 1), Goal("wz", "Flask", 3)] if batch > 1 else []
            given = {"the goal": GOAL} if batch > 1 else {}
            rows.append(Row(f"In: {title}", medians | given, "events/s", higher_is_better=True, goals=goals))
            spent = {name: statistics.median(costs[name]) for name in contenders}
            rows.append(Row(f"In: {title}: processor time of gunicorn and Redis, an event", spent))
    return rows


@contextmanager
def contender(app: str, socket: Path, settings: Settings) -> Iterator[tuple[Path, int]]:
    """Run it; yields its socket, and the process id of gunicorn's master."""
    command = [sys.executable, "-m", "gunicorn", *FLAGS, "--no-control-socket", "--bind", f"unix:{socket}", app]
    with stack.process(command, ready=socket.exists, env=environ(settings)) as master:
        yield socket, master.pid


def processor_seconds(client: Any, master: int) -> float:
    """What gunicorn's workers and Redis have used so far: unlike a rate, it hardly depends on other programs."""
    cpu = client.info("cpu")
    return float(seconds(*children(master)) + cpu["used_cpu_user"] + cpu["used_cpu_sys"])


def stored(client: Any) -> int:
    """Count the events in Redis, of this service or of a peer, which has a database of its own."""
    total = 0
    for database in (client, redis.Redis(unix_socket_path=client.connection_pool.connection_kwargs["path"], db=15)):
        total += sum(int(database.get(key) or 0) for key in database.scan_iter(match="*:sequence"))
    return total


def relay(settings: Settings, count: int) -> Row:
    """Time until the upstream has all of `count` events in the log; the workers are ready before."""
    hub = Hubs.from_settings(settings, redis_client(settings))["events"]

    def slowly(received: Received) -> Answer:
        time.sleep(LATENCY)
        return Answer()

    rates = {}
    with scripted_upstream() as upstream:
        upstream.answer = slowly
        for workers in WORKERS:
            hub.redis.flushall()
            env = environ(settings) | {"WZ_UPSTREAM": f"{upstream.target}", "WZ_RELAYS": "1"}
            with ExitStack() as running:
                for _ in range(workers):
                    command = [sys.executable, "-m", "wz", "worker"]
                    running.enter_context(stack.process(command, ready=lambda: True, env=env))
                wait_until(lambda workers=workers: is_shared(hub, workers))
                for partition in range(PARTITIONS):
                    events = [Event(BODY.encode(), f"key-{n // RUN}") for n in range(count // PARTITIONS)]
                    hub.append(events, partition=partition)
                start = time.perf_counter()
                wait_until(lambda: sum(one.relay.events for one in status(hub)) == count)
                rates[f"{workers} worker" + "s" * (workers > 1)] = count / (time.perf_counter() - start)
    goals = [Goal("2 workers", "1 worker", 1.7), Goal("4 workers", "1 worker", 3)]
    return Row(f"Up: {PARTITIONS} partitions", rates, "events/s", higher_is_better=True, goals=goals)


def is_shared(hub: Hub, workers: int) -> bool:
    owners = [one.relay.worker for one in status(hub)]
    return None not in owners and len(set(owners)) == workers


def wait_until(condition: object, seconds: float = 120.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the relay has not finished")
        time.sleep(0.02)


def environ(settings: Settings) -> dict[str, str]:
    return {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(settings.root),
        "WZ_HUBS": f"events:{PARTITIONS}",
    }


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Shorter rounds, fewer of them.")
def main(as_json: bool, quick: bool) -> None:
    with own_stdout(), TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        socket = folder / "redis.sock"
        command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", folder]
        with stack.process(command, ready=socket.exists):
            settings = Settings(environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT)
            rows = intake(folder, settings, *((3, 1.0) if quick else (7, 3.0)))
            rows.append(relay(settings, 4_000 if quick else 20_000))
        notes = [f"{os.cpu_count()} cores, which the load shares; appendonly yes, appendfsync always"]
        report(rows, ["Flask", "1 worker"], notes, as_json=as_json)


if __name__ == "__main__":
    main()
