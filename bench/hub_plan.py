"""What to plan a hub with: what an event costs, what an idle partition does, and how soon a dead worker is replaced.

    python -m bench.hub_plan            some 40 seconds
    python -m bench.hub_plan --json     the same as JSON
    python -m bench.hub_plan --quick    without the worker that is killed

docs/scaling-hubs.md plans with these figures. Memory is that of the keys (MEMORY USAGE). Processor time is that of this
process and of Redis, which depends less on other programs than a rate does; nothing is written to disk, except
where a worker is killed. Rates are in `python -m bench.hub`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click
import redis
from redis.cluster import RedisCluster
from redis.connection import AbstractConnection

from deploy import servers
from deploy.up import DEPLOY
from handlers import create_app
from pipeline.hub import Event, Hub
from pipeline.hub.description import HubSettings
from pipeline.hub.relay import Relay
from pipeline.hub.relay_status import status
from pipeline.hub.retention import trim_all
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings
from pipeline.store.client import hubs_client, redis_client
from tests import cluster, stack
from tests.upstream import scripted_upstream
from wz.testing import Client

from .bulk import own_stdout
from .hub import BODY, PARTITIONS, environ, request, wait_until
from .side_by_side import Goal, Row, report

EVENTS = 20_000
IDLE = 1_000
TURNS = 20
SENDS = 300
BATCH = 100
RELAYED = 2_000
RUN = 100  # events that are read at once, and are sent together if their key is the same


# -- memory ------------------------------------------------------------------------------------------------------------


def memory(client: redis.Redis) -> list[Row]:
    """The memory of an event in Redis, how many of its bytes count for a hub's size, and the cost of dropping it."""
    kinds = {
        "100 bytes": Event(b"x" * 100),
        "100 bytes, a key, 3 properties": Event(b"x" * 100, "device-17", None, {"n": 3, "unit": "C", "ok": True}),
        "1,000 bytes": Event(b"x" * 1000),
    }
    found: dict[str, float] = {}
    dropped: dict[str, float] = {}
    for name, event in kinds.items():
        client.flushdb()
        hub = Hub(client, "events", PARTITIONS, HubSettings(PARTITIONS, retention_ms=1))
        for _ in range(EVENTS // BATCH):
            hub.append([event] * BATCH)
        found[name] = used(client) / EVENTS
        found[f"{name}: what counts"] = event.size
        theirs = redis_seconds(client)
        trim_all(hub)
        dropped[name] = (redis_seconds(client) - theirs) / EVENTS * 1e6
    return [Row("Memory of an event", found, "bytes"), Row("Dropping an event: processor time of Redis", dropped)]


def used(client: redis.Redis) -> int:
    """Bytes of all keys: unlike `used_memory`, without buffers."""
    return sum(cast("int", client.memory_usage(key, samples=0)) for key in client.scan_iter("{hub:*", count=1000))


# -- partitions that have nothing to do --------------------------------------------------------------------------------


def idle(client: redis.Redis) -> list[Row]:
    """What a thousand idle partitions cost: each had an event, which was relayed and dropped."""
    client.flushdb()
    hub = Hub(client, "events", IDLE, HubSettings(IDLE, retention_ms=1))
    with scripted_upstream() as upstream:
        relay = Relay(hub, Upstream(upstream.target), beat=3600.0)
        for partition in range(IDLE):
            hub.append([Event(b"x")], partition=partition)
        while any(one.relay.group is None or one.relay.group.lag for one in status(hub)):
            relay.step()
        trim_all(hub)
        each = used(client) / IDLE

        def look() -> None:
            relay._next_look = 0.0  # for which a worker waits, here for a second
            relay.step()

        work: dict[str, Callable[[], object]] = {
            "relay, a look, each second": look,
            "relay, its leases, each second": relay.share.balance,
            "retention, every 5 seconds": lambda: trim_all(hub),
            "/metrics or wz hub status": lambda: status(hub),
        }
        costs = {name: cost(client, step, TURNS) for name, step in work.items()}
        relay.stop()
    title = f"{IDLE:,} idle partitions of one worker"
    return [
        Row(f"{title}: memory of each", {"Redis": each}, "bytes"),
        Row(f"{title}: round trips", {name: trips for name, (trips, _, _) in costs.items()}, ""),
        Row(f"{title}: processor time of Redis", {name: theirs / 1000 for name, (_, theirs, _) in costs.items()}, "ms"),
        Row(f"{title}: of the worker", {name: ours / 1000 for name, (_, _, ours) in costs.items()}, "ms"),
    ]


def cost(client: redis.Redis, step: Callable[[], object], times: int) -> tuple[float, float, float]:
    """Return round trips, one after the other, and microseconds of Redis's and of this process's time, of a call."""
    step()  # imports, scripts
    theirs, ours = redis_seconds(client), time.thread_time()
    with round_trips() as trips:
        for _ in range(times):
            step()
    ours = time.thread_time() - ours
    theirs = redis_seconds(client) - theirs
    return trips.waits / times, theirs / times * 1e6, ours / times * 1e6


class Trips(list[object]):
    """The connections into which something was sent, in order; `waits` is how many times answers were waited for.

    A pipeline on a cluster is sent to several nodes before it is waited for, all in the time of one round trip.
    """

    waits = 0


@contextmanager
def round_trips(threads: Sequence[threading.Thread] = ()) -> Iterator[Trips]:
    """Record each time that something is sent to Redis by the main thread, or by one of `threads`.

    A pipeline is sent as a whole, on a cluster to each node.
    """
    counted = threads or [threading.main_thread()]  # another renews the leases now and then
    sent = Trips()
    has_read: dict[threading.Thread, bool] = {}
    send, read = AbstractConnection.send_packed_command, AbstractConnection.read_response

    def noting(self: AbstractConnection, *args: Any, **options: Any) -> None:
        if (thread := threading.current_thread()) in counted:
            sent.append(self)
            sent.waits += has_read.get(thread, True)
            has_read[thread] = False
        send(self, *args, **options)  # type: ignore[no-untyped-call]

    def reading(self: AbstractConnection, *args: Any, **options: Any) -> Any:
        has_read[threading.current_thread()] = True
        return read(self, *args, **options)

    AbstractConnection.send_packed_command = noting  # type: ignore[method-assign]
    AbstractConnection.read_response = reading  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        AbstractConnection.send_packed_command = send  # type: ignore[method-assign]
        AbstractConnection.read_response = read  # type: ignore[method-assign]


def redis_seconds(client: redis.Redis) -> float:
    nodes: list[Any] = [client]
    if isinstance(client, RedisCluster):
        nodes = [client.get_redis_connection(node) for node in client.get_primaries()]
    return float(sum(cpu["used_cpu_user"] + cpu["used_cpu_sys"] for cpu in (node.info("cpu") for node in nodes)))


# -- sends -------------------------------------------------------------------------------------------------------------


def sends(settings: Settings, clustered: Settings) -> list[Row]:
    """What a send costs app and Redis, on one server and on a cluster; without the servers in front of the app."""
    rows = []
    for title, batch in (("single events", 1), (f"batches of {BATCH} over {PARTITIONS} partitions", BATCH)):
        times: dict[str, float] = {}
        trips: dict[str, float] = {}
        for place, its in (("one server", settings), ("a cluster", clustered)):
            client = hubs_client(its)
            client.flushdb()
            app = Client(create_app(its))
            trips[place], theirs, ours = cost(client, partial(send, app, batch), SENDS)
            times |= {f"app, {place}": ours / batch, f"Redis, {place}": theirs / batch}
        rows.append(Row(f"In: {title}: processor time of an event", times))
        goals = [Goal("a cluster", "the goal", 1)]
        rows.append(Row(f"In: {title}: round trips", trips | {"the goal": 1 if batch == 1 else 4}, "", goals=goals))
    return rows


def send(app: Client, batch: int) -> None:
    head, _, body = request(batch).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    answer = app.post("/events/messages", data=body, headers=headers)
    assert answer.status_code == 201, answer.text


# -- workers -----------------------------------------------------------------------------------------------------------


def up(client: redis.Redis) -> Row:
    """What relaying costs a worker and Redis, by the number of events in a request."""
    found: dict[str, float] = {}
    for title, keys in {"an event a request": 2, f"{RUN} events a request": 1}.items():
        client.flushdb()
        hub = Hub(client, "events", 1)
        batch = [Event(BODY.encode(), f"key-{number % keys}") for number in range(RUN)]
        hub.append(batch)  # the first request makes the connection
        with scripted_upstream() as upstream:
            relay = Relay(hub, Upstream(upstream.target), beat=3600.0)
            relay.step()
            for _ in range(RELAYED // RUN):
                hub.append(batch)
            theirs, ours = redis_seconds(client), time.thread_time()
            while relay.step():
                pass
            found[f"worker, {title}"] = (time.thread_time() - ours) / RELAYED * 1e6
            found[f"Redis, {title}"] = (redis_seconds(client) - theirs) / RELAYED * 1e6
            relay.stop()
    return Row("Up: processor time of an event", found)


def takeover(settings: Settings) -> Row:
    """Seconds from kill -9 of a worker until another has all of its partitions."""
    hub = Hub(redis_client(settings), "events", PARTITIONS)
    hub.redis.flushdb()
    command = [sys.executable, "-m", "wz", "worker"]
    with scripted_upstream() as upstream, ExitStack() as running:
        env = environ(settings) | {"WZ_UPSTREAM": f"{upstream.target}"}
        dying, other = (running.enter_context(stack.process(command, ready=lambda: True, env=env)) for _ in range(2))
        wait_until(lambda: processes(hub) == {dying.pid, other.pid})
        dying.kill()
        start = time.perf_counter()
        wait_until(lambda: processes(hub) == {other.pid})
        seconds = time.perf_counter() - start
    goals = [Goal("taken over after", "the promise", 1)]
    return Row("A worker is killed (-9)", {"taken over after": seconds, "the promise": 10}, "s", goals=goals)


def processes(hub: Hub) -> set[int | None]:
    """Return the process ids of the workers that hold the partitions; None for a partition without one."""
    owners = [one.relay.worker for one in status(hub)]
    return {int(owner.split("-")[1]) if owner else None for owner in owners}


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="No worker is killed.")
def main(as_json: bool, quick: bool) -> None:
    with own_stdout(), TemporaryDirectory(prefix="bench-") as name, ExitStack() as running:
        folder = Path(name)
        socket, nodes = folder / "redis.sock", folder / "nodes"
        nodes.mkdir()
        command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", folder]
        running.enter_context(stack.process(command, ready=socket.exists))
        urls = running.enter_context(cluster.running(nodes))
        settings = Settings(environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT)
        clustered = Settings(
            environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT, hubs_cluster=urls
        )
        client = redis_client(settings)
        client.config_set("appendonly", "no")
        rows = [*memory(client), *idle(client), *sends(settings, clustered), up(client)]
        client.config_set("appendonly", "yes")
        if not quick:
            rows.append(takeover(settings))
        info = client.info("server")
        version = info.get("valkey_version") or info["redis_version"]
        notes = [f"{os.cpu_count()} cores; {info.get('server_name', 'redis')} {version}"]
        report(rows, [], notes, as_json=as_json)


if __name__ == "__main__":
    main()
