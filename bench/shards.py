"""The figures of docs/scaling-boards.md: bytes per member, and the cost of a call on one shard and on eight.

    python -m bench.shards             a million members: some four minutes
    python -m bench.shards --json      the same as JSON
    python -m bench.shards --quick     20,000 members
    python -m bench.shards --large     only ten million members on eight shards: 3 GB of memory

Memory is what MEMORY USAGE shows for each key, and the total that INFO shows. For the calls, a board of one shard is on
a server of its own, on a unix socket, one of 8 shards on a cluster of three on loopback. Server time is that of the
scripts on all nodes together, by INFO commandstats; in a round, each shard that is asked runs one script.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import redis
from redis.cluster import RedisCluster

from deploy import servers
from pipeline.boards import Board, Boards, BulkChange, Order, keys
from pipeline.boards.scores import from_units
from pipeline.boards.shard import shard_of
from pipeline.settings import Settings
from pipeline.store.client import cluster_client
from tests import cluster
from tests.stack import ROOT, process

from .side_by_side import Round, Row, report, take_turns

Client = redis.Redis | RedisCluster

DRAWS: dict[str, Callable[[random.Random], int]] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "binary": lambda rnd: rnd.randrange(2) * 10**6,
}


def member(number: int, length: int) -> str:
    return f"{number:0{length}d}"


def load(board: Board, size: int, length: int, draw: str) -> float:
    """Fill a board as fast as possible: sorted sets first, then the sums. Returns the processor seconds of the sums."""
    rnd = random.Random(size)
    for first in range(0, size, 10_000):
        parts: list[dict[str, int]] = [{} for _ in board.shards]
        for number in range(first, min(first + 10_000, size)):
            name = member(number, length)
            parts[shard_of(name, len(parts))][name] = DRAWS[draw](rnd)
        for shard, part in zip(board.shards, parts, strict=True):
            if part:
                shard.client.zadd(shard.keys[0], part)  # type: ignore[attr-defined]
    start = time.process_time()
    board.rebuild()
    return time.process_time() - start


def memory(folder: Path, size: int, length: int, draw: str) -> Iterator[Row]:
    with server(folder) as client:  # a new server, because a flushed one frees its memory at some later time
        empty = used(client)
        board = Boards(client)["bench"]
        seconds = load(board, size, length, draw)
        usage: list[Any] = [client.memory_usage(key, samples=0) or 0 for key in board.shards[0].keys]
        usage.append(used(client) - empty)
    names = ["set", "tree", "all, by INFO"]
    title = f"names of {length} bytes, {draw} scores, n = {size:,}"
    yield Row(title, {name: total / size for name, total in zip(names, usage, strict=True)}, "bytes")
    yield Row(f"{title}: rebuild", {"rebuild": size / seconds}, "members/s", higher_is_better=True)


def extras(folder: Path, size: int) -> Row:
    """What features cost a member, an event whose id is remembered, and a segment, which has sums of its own, too."""
    with server(folder) as client:
        board = Boards(client)["bench"]
        names = [member(number, 16) for number in range(size)]
        for name in names:
            board.set_features(name, {"age": 30, "gender": "f", "weight": Decimal("61.5")})
        client.sadd("segment", *names)
        rewards = (BulkChange(name, reward=Decimal(1), event=f"order-{name[6:]}") for name in names)
        for outcome in board.apply(rewards):
            assert outcome.error is None
        events = keys.name(keys.EVENTS, board.shards[0].tag)
        features = keys.name(keys.FEATURES, board.shards[0].tag)
        medians = {
            "three features": (client.memory_usage(features, samples=0) or 0) / size,
            "an event's id of 16 bytes": (client.memory_usage(events, samples=0) or 0) / size,
            "a segment's set of names": (client.memory_usage("segment", samples=0) or 0) / size,
        }
    return Row("names of 16 bytes, beside the scores", medians, "bytes")


def used(client: redis.Redis) -> int:
    info: Any = client.info("memory")
    return int(info["used_memory"])


class Calls:
    """One board, and its queries. Ranks and members are drawn at random each time."""

    def __init__(self, client: Client, shards: int, size: int) -> None:
        self.client, self.size = client, size
        self.rnd = random.Random(size)
        self.board = Boards(client, shards)["calls"]
        self.rebuilding = load(self.board, size, 16, "uniform")  # seconds of this process
        self.ways: dict[str, Callable[[], object]] = {
            "total sum": lambda: self.board.summary(),
            "rank of a member": lambda: self.board.standing(self.member()),
            "sum to rank k": lambda: self.board.sum(self.rnd.randrange(self.size), Order.DESC),
            "page of 100": lambda: self.board.members(*self.hundred(), Order.DESC),
            "which rank reaches 80 %": lambda: self.board.reach(Decimal("0.8"), Order.DESC),
            "set a score": lambda: self.board.set(self.member(), from_units(self.rnd.randrange(10**9))),
        }

    def member(self) -> str:
        return member(self.rnd.randrange(self.size), 16)

    def hundred(self) -> tuple[int, int]:
        first = self.rnd.randrange(self.size - 100)
        return first, first + 99

    def whole(self, way: str, calls: int) -> Round:
        """Microseconds of a call."""

        def run() -> float:
            start = time.perf_counter()
            for _ in range(calls):
                self.ways[way]()
            return (time.perf_counter() - start) / calls * 1e6

        return run

    def scripts(self, way: str, calls: int) -> tuple[float, float]:
        """Microseconds of all servers together, and scripts run, of a call."""
        nodes = self.nodes()
        for node in nodes:
            node.config_resetstat()
        for _ in range(calls):
            self.ways[way]()
        stats: list[Any] = [node.info("commandstats") for node in nodes]
        found = [each["cmdstat_evalsha"] for each in stats if "cmdstat_evalsha" in each]
        return sum(each["usec"] for each in found) / calls, sum(each["calls"] for each in found) / calls

    def nodes(self) -> list[redis.Redis]:
        if isinstance(self.client, RedisCluster):
            return [node.redis_connection for node in self.client.get_primaries()]  # type: ignore[no-untyped-call]
        return [self.client]


def compare(one: Calls, eight: Calls, calls: int) -> Iterator[Row]:
    boards = {"1 shard": one, "8 shards": eight}
    for way in one.ways:
        whole = take_turns({name: board.whole(way, calls) for name, board in boards.items()}, rounds=5)
        yield Row(f"{way}: whole calls", whole)
        server = {name: board.scripts(way, calls) for name, board in boards.items()}
        yield Row(f"{way}: server time, all nodes", {name: us for name, (us, _) in server.items()})
        yield Row(f"{way}: scripts run", {name: count for name, (_, count) in server.items()}, "calls")


def large(folder: Path, size: int, calls: int) -> Iterator[Row]:
    """A board that no test has: its memory, its rebuild and its calls."""
    with cluster.running(folder) as urls:
        settings = Settings(connection_string=ROOT, boards_cluster=urls, board_shards=cluster.SHARDS)
        nodes = cluster_client(urls, settings.environment)
        clients = [node.redis_connection for node in nodes.get_primaries()]  # type: ignore[no-untyped-call]
        empty = sum(map(used, clients))
        eight = Calls(nodes, cluster.SHARDS, size)
        name = "8 shards"
        title = f"names of 16 bytes, n = {size:,}"
        yield Row(title, {name: (sum(map(used, clients)) - empty) / size}, "bytes")
        yield Row(f"{title}: rebuild", {name: size / eight.rebuilding}, "members/s", higher_is_better=True)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # of this process
        yield Row(f"{title}: memory of the rebuild, for each member of a shard", {name: most * 8 / size}, "bytes")
        for way in eight.ways:
            yield Row(f"{way}: whole calls", take_turns({name: eight.whole(way, calls)}, rounds=5))
            server, count = eight.scripts(way, calls)
            yield Row(f"{way}: server time, all nodes", {name: server})
            yield Row(f"{way}: scripts run", {name: count}, "calls")
        nodes.close()


@contextmanager
def server(folder: Path) -> Iterator[redis.Redis]:
    socket = folder / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with (
        process([*command, "--loglevel", "warning"], ready=socket.exists),
        redis.Redis(unix_socket_path=str(socket)) as client,
    ):
        yield client


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Small boards and few calls.")
@click.option("--large", "is_large", is_flag=True, help="Ten million members on eight shards, and nothing else.")
def main(as_json: bool, quick: bool, is_large: bool) -> None:
    if is_large:
        with TemporaryDirectory(prefix="bench-") as name:
            report(list(large(Path(name), 10_000_000, 100)), [], [], as_json=as_json)
        return
    size, calls = (20_000, 50) if quick else (1_000_000, 300)
    rows: list[Row] = []
    with TemporaryDirectory(prefix="bench-") as name:
        for length, draw in ((8, "uniform"), (16, "uniform"), (36, "uniform"), (16, "binary")):  # a UUID has 36 bytes
            rows += memory(Path(name), size, length, draw)
        rows.append(extras(Path(name), min(size, 100_000)))
    with TemporaryDirectory(prefix="bench-") as name, server(Path(name)) as client:
        with cluster.running(Path(name)) as urls:
            settings = Settings(connection_string=ROOT, boards_cluster=urls, board_shards=cluster.SHARDS)
            nodes = cluster_client(urls, settings.environment)
            rows += compare(Calls(client, 1, size), Calls(nodes, cluster.SHARDS, size), calls)
            nodes.close()
        info: Any = client.info("server")
    version = info.get("valkey_version") or info["redis_version"]
    report(rows, ["set", "1 shard"], [f"server: {info.get('server_name', 'redis')} {version}"], as_json=as_json)


if __name__ == "__main__":
    main()
