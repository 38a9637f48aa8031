"""A hub on a Redis Cluster whose nodes and slots change under load: what is lost, and for how long senders wait.

    python -m bench.hub_cluster             about a minute
    python -m bench.hub_cluster --json      the same as JSON
    python -m bench.hub_cluster --quick     no primary is killed
    python -m bench.hub_cluster --replicas 1 --kills 5    only kills, of a service with WZ_HUBS_REPLICAS=1

The cluster has three primaries with a replica each, and a node counts as failed after two seconds (Redis's default is
fifteen: the pause after a kill grows by the difference). In front of it is the service under gunicorn, as deployed. Ten
clients send single events and batches, each one request at a time, and send again whatever is not answered 201.

Meanwhile one of these is done:

- a slot with a partition's keys is moved to another node, as `redis-cli --cluster reshard` does it;
- a primary's role is given to its replica (`CLUSTER FAILOVER`), as one does before an upgrade;
- a primary is killed (kill -9), and its replica takes over.

Then every partition is read, and compared with what each client was told. "Lost" was acknowledged and is not there;
"doubled" is there more than once, which is what a client that sends again must reckon with; "pause" is the longest time
from a request's first try until it was acknowledged.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click
import redis
from redis.cluster import ClusterNode, RedisCluster

from pipeline.hub import Hub
from pipeline.settings import Settings
from pipeline.store.client import cluster_client
from tests import cluster, stack
from tests.cluster import ask
from tests.crash.senders import Name, Sender

from .bulk import own_stdout
from .side_by_side import Goal, Row, report

PARTITIONS = 8
CLIENTS = 10
NODE_TIMEOUT = 2_000  # ms until a node that does not answer counts as failed
BEFORE, AFTER = 2.0, 3.0  # seconds of load


class TimedSender(Sender):
    """A client that knows for how long it had to try, seconds, at most."""

    longest = 0.0
    _begun: float | None = None

    def _post(self, names: list[Name], key: str) -> bool:
        self._begun = self._begun or time.perf_counter()
        done = super()._post(names, key)
        if done:
            self.longest = max(self.longest, time.perf_counter() - self._begun)
            self._begun = None
        return done


@dataclass
class Outcome:
    acknowledged: int
    lost: int
    doubled: int
    misplaced: int  # keys whose events are not in the order in which they were acknowledged
    pause: float
    answers: Counter[str]

    def rows(self, title: str) -> list[Row]:
        counts: dict[str, float] = {
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "doubled": self.doubled,
            "keys out of order": self.misplaced,
        }
        told = ", ".join(f"{count} x {answer}" for answer, count in sorted(self.answers.items()))
        goals = [Goal("lost", "acknowledged", 0), Goal("keys out of order", "acknowledged", 0)]
        return [
            Row(f"{title} ({told})", counts, "events", goals=goals),
            Row(f"{title}: the longest pause", {"a client": self.pause}, "s"),
        ]


def under_load(server: Any, hub: Hub, disturb: Callable[[], object]) -> Outcome:
    """Send to an empty hub, disturb it, go on sending, and compare."""
    client = cast("RedisCluster", hub.redis)
    client.flushall()
    stop = threading.Event()
    senders = [TimedSender(number, server, seed=7, stop=stop) for number in range(CLIENTS)]
    for sender in senders:
        sender.start()
    time.sleep(BEFORE)
    disturb()
    time.sleep(AFTER)
    stop.set()
    for sender in senders:
        sender.join()
    client.nodes_manager.initialize()  # this process has sent nothing meanwhile, and may know a node that is gone
    acknowledged = [name for sender in senders for name in sender.notes.acknowledged]
    by_partition = stored(hub)
    there = Counter(name for names in by_partition for name in names)
    return Outcome(
        acknowledged=len(acknowledged),
        lost=sum(there[name] == 0 for name in acknowledged),
        doubled=sum(count > 1 for count in there.values()),
        misplaced=sum(map(keys_out_of_order, by_partition)),
        pause=max(sender.longest for sender in senders),
        answers=sum((sender.notes.answers for sender in senders), Counter()),
    )


def stored(hub: Hub) -> list[list[Name]]:
    """Return the events of each partition, in order."""
    found: list[list[Name]] = []
    for partition in range(hub.partitions):
        names: list[Name] = []
        after = "0"
        while events := hub.read(partition, after, 1000):
            names += [cast("Name", tuple(json.loads(stored.event.body))) for stored in events]
            after = events[-1].offset
        found.append(names)
    return found


def keys_out_of_order(names: list[Name]) -> int:
    """Count the keys of which some event is first there after a later one."""
    last: dict[str, int] = {}
    seen: set[Name] = set()
    wrong: set[str] = set()
    for key, number in names:
        if "-" not in key or (key, number) in seen:  # without a key there is no order
            continue
        seen.add((key, number))
        if number < last.get(key, -1):
            wrong.add(key)
        last[key] = number
    return len(wrong)


#: A RedisCluster, whose methods for nodes have no types.
Cluster = Any

# -- what happens to the cluster ---------------------------------------------------------------------------------------


def move_slot(client: Cluster, key: str, target: ClusterNode | None = None) -> ClusterNode:
    """Move the slot that has this key to another primary, key by key. Returns the one that had it."""
    slot = client.keyslot(key)
    client.nodes_manager.initialize()
    source: ClusterNode = client.get_node_from_key(key)
    target = target or next(node for node in client.get_primaries() if node.name != source.name)
    giving, taking = client.get_redis_connection(source), client.get_redis_connection(target)
    giving_id, taking_id = (ask(node, "CLUSTER MYID").decode() for node in (giving, taking))
    ask(taking, "CLUSTER SETSLOT", slot, "IMPORTING", giving_id)
    ask(giving, "CLUSTER SETSLOT", slot, "MIGRATING", taking_id)
    while keys := ask(giving, "CLUSTER GETKEYSINSLOT", slot, 100):
        ask(giving, "MIGRATE", target.host, target.port, "", 0, 5_000, "KEYS", *keys)
    for node in (taking, giving):
        ask(node, "CLUSTER SETSLOT", slot, "NODE", taking_id)
    return source


def primary_of(client: Cluster, key: str) -> redis.Redis:
    client.nodes_manager.initialize()
    found: redis.Redis = client.get_redis_connection(client.get_node_from_key(key))
    return found


def give_role_away(client: Cluster, key: str) -> None:
    """Have the replica of the primary that has this key take over, without the loss of anything."""
    client.nodes_manager.initialize()
    replica: redis.Redis = client.get_redis_connection(client.get_node_from_key(key, replica=True))
    ask(replica, "CLUSTER FAILOVER")
    stack.until(lambda: bool(replica.info("replication")["role"] == "master"))


def kill_primary(client: Cluster, key: str, restart: Callable[[int], object]) -> None:
    """End the primary that has this key with kill -9, wait until its replica has taken over, and restart it.

    Then it follows the other one, as after systemd has started it again. `restart` is given its port.
    """
    client.nodes_manager.initialize()
    node, port = client.get_node_from_key(key, replica=True), client.get_node_from_key(key).port
    pid = primary_of(client, key).info("server")["process_id"]
    os.kill(pid, signal.SIGKILL)
    with closing(redis.Redis(node.host, node.port)) as replica:
        stack.until(lambda: bool(replica.info("replication")["role"] == "master"))
    restart(port)


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="No primary is killed.")
@click.option("--replicas", default=0, show_default=True, help="WZ_HUBS_REPLICAS of the service.")
@click.option("--kills", default=0, help="Do nothing but kill a primary, so often, each time in a new cluster.")
def main(as_json: bool, quick: bool, replicas: int, kills: int) -> None:
    with own_stdout():
        rows = [row for _ in range(kills or 1) for row in measure(quick, replicas, only_kills=bool(kills))]
        notes = [f"{os.cpu_count()} cores, which the load shares; cluster-node-timeout {NODE_TIMEOUT} ms"]
        report(rows, [], notes, as_json=as_json)


def measure(quick: bool, replicas: int, only_kills: bool) -> list[Row]:
    """Run a cluster with the service before it, disturb it, and return what was found."""
    rows: list[Row] = []
    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        nodes = folder / "nodes"
        nodes.mkdir()
        options: dict[str, object] = {"cluster_node_timeout": NODE_TIMEOUT, "appendonly": "yes"}
        if replicas:  # so that a send to a primary that has lost its replica is refused, not stored without an answer
            options |= {"min_replicas_to_write": replicas, "repl_diskless_sync_delay": 0}
        with (
            stack.redis_server(folder) as (_, url),
            cluster.running(nodes, replicas=True, **options) as urls,
            ExitStack() as restarted,
        ):

            def restart(port: int) -> None:
                command = cluster.command(port, nodes, {**options, "appenddirname": f"restarted-{port}"})
                restarted.enter_context(stack.process(command, ready=lambda: True))

            settings = Settings(
                environment="test",
                redis_url=url,
                connection_string=stack.ROOT,
                hosts=frozenset({stack.HOST}),
                hubs={"events": PARTITIONS},
                hubs_cluster=urls,
                hubs_replicas=replicas,
            )
            client = cluster_client(urls, "test")
            hub = Hub(client, "events", PARTITIONS)
            with stack.gunicorn(folder, settings) as server:
                disturbances: dict[str, Callable[[], object]] = {
                    "A partition's slot is moved": lambda: move_slot(client, hub.keys[0].events),
                    "The slot of what batches record is moved": lambda: move_slot(client, hub.keys.intents),
                    "A primary gives its role to its replica": lambda: give_role_away(client, hub.keys[1].events),
                }
                if only_kills:
                    disturbances.clear()
                if not quick:
                    disturbances["A primary is killed (-9)"] = lambda: kill_primary(client, hub.keys[2].events, restart)
                for title, disturb in disturbances.items():
                    rows += under_load(server, hub, disturb).rows(title)
    return rows


if __name__ == "__main__":
    main()
