"""What the sums of a board cost, compared with ZRANK and ZADD (the minimum) and with what programs use without them.

    python -m bench.boards            n = 1,000 to 1,000,000; the tables, with the goals and whether they are reached
    python -m bench.boards --json     the same as JSON
    python -m bench.boards --large    up to 10,000,000
    python -m bench.boards --quick    up to 10,000, few rounds; no goals

Server time is what INFO commandstats shows for the commands of a round, which are sent one by one; whole calls are
timed here, through redis-py, and include the server's time. Ranks and members are drawn at random each time. Before
anything is timed, all ways of adding up are compared. Redis is a server of the bench's own, on a unix socket. SQLite is
Python's, in memory, with an index on the score; PostgreSQL is compared if psycopg is installed and BENCH_POSTGRES says
where a server is.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click
import redis

from deploy import servers
from pipeline.boards import tree
from pipeline.boards.changes import Change, Op
from pipeline.boards.form import Form
from pipeline.boards.queries import Below, Lowest
from pipeline.boards.scores import LIMIT, PLACES
from pipeline.boards.shard import Shard

from .side_by_side import Goal, Round, Row, report, take_turns
from .sql import Table, left_out, tables

Draw = Callable[[random.Random], int]

DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "binary": lambda rnd: rnd.randrange(2) * 10**6,
    "Pareto": lambda rnd: min(int(rnd.paretovariate(1.2) * 10**6), LIMIT - 1),
    "narrow band": lambda rnd: 2**52 + rnd.randrange(10**6),
    "all equal": lambda rnd: 10**6,
}
GOALS_AT = 1_000_000

# What programs use without a tree, made exact: high * 2^40 + low. O(k).
LOOP = """
local STEP = 2 ^ 40
local last = tonumber(ARGV[1])
local high, low = 0, 0
for first = 0, last, 1000 do
  local rows = redis.call('ZRANGE', KEYS[1], first, math.min(first + 999, last), 'WITHSCORES')
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    low = low + score % STEP
    high = high + math.floor(score / STEP) + math.floor(low / STEP)
    low = low % STEP
  end
end
return {high, low}
"""


BATCH = 100  # changes in a call
LOAD = 200


class Subject:
    """A board of n members, and the calls that are compared on it."""

    def __init__(self, client: redis.Redis, name: str, size: int) -> None:
        self.redis = client
        self.size = size
        self.rnd = random.Random(size)
        self.draw = DISTRIBUTIONS[name]
        self.shard = Shard(client, "{board:bench}")
        self.key, self.tree_key = self.shard.keys
        self.bare = "bare"  # the same set without a tree, filled in the same order: a COPY has its members side by side
        self.loop = client.register_script(LOOP)
        client.flushall()
        units: list[int] = []
        for first in range(0, size, 10_000):
            rows = {f"member:{n}": self.draw(self.rnd) for n in range(first, min(first + 10_000, size))}
            units += rows.values()
            client.zadd(self.key, rows)
            client.zadd(self.bare, rows)
        self.units = sorted(units)
        client.set(self.tree_key, tree.pack(self.units, tree.Header(places=PLACES)))

    def member(self) -> str:
        return f"member:{self.rnd.randrange(self.size)}"

    def change(self) -> Change:
        return Change(Op.SET, self.member(), self.draw(self.rnd))

    def sum_by_tree(self) -> None:
        self.shard.read(Form(), Lowest(self.rnd.randrange(self.size) + 1))

    def sum_below(self) -> None:
        self.shard.read(Form(), Below(self.draw(self.rnd)))

    def statistics(self) -> None:
        self.shard.read(Form(), Lowest(self.rnd.randrange(self.size) + 1, full=True))

    def zrank(self) -> None:
        self.redis.zrank(self.key, self.member())

    def update(self) -> None:
        self.shard.update(Form(), [self.change()])

    def update_batch(self) -> None:
        self.shard.update(Form(), [self.change() for _ in range(BATCH)])

    def zadd(self) -> None:
        self.redis.zadd(self.bare, {self.member(): self.draw(self.rnd)})

    def half_by_tree(self) -> int:
        return int(self.shard.read(Form(), Lowest(self.size // 2))[0].sum)

    def half_by_loop(self) -> int:
        high, low = cast("list[int]", self.loop(keys=[self.key], args=[self.size // 2 - 1]))
        return (high << 40) + low

    def half_by_client(self) -> int:
        rows: Any = self.redis.zrange(self.key, 0, self.size // 2 - 1, withscores=True)
        return sum(int(score) for _, score in rows)

    def check(self) -> None:
        rows: Any = self.redis.zrange(self.key, 0, -1, withscores=True)
        tree.check(cast("bytes", self.redis.get(self.tree_key)), [int(score) for _, score in rows])

    def server_time(self, call: Callable[[], object], command: str, calls: int, per_call: int = 1) -> Round:
        """Return a round: microseconds of the server for each of the `per_call` changes of a call."""

        def run() -> float:
            self.redis.config_resetstat()
            for _ in range(calls):
                call()
            stats: Any = self.redis.info("commandstats")
            return float(stats[f"cmdstat_{command}"]["usec"]) / (calls * per_call)

        return run


def whole_time(call: Callable[[], object], calls: int) -> Round:
    def run() -> float:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - start) / calls * 1e6

    return run


def load(subject: Subject) -> float:
    """Set the scores of n new members, in calls of 200, in any order. Returns members per second."""
    rows = [Change(Op.SET, f"new:{n}", subject.draw(subject.rnd)) for n in range(min(subject.size, 100_000))]
    other = Shard(subject.redis, "{board:load}")
    start = time.perf_counter()
    for first in range(0, len(rows), LOAD):
        other.update(Form(), rows[first : first + LOAD])
    seconds = time.perf_counter() - start
    subject.redis.delete(*other.keys)
    return len(rows) / seconds


def load_bare(subject: Subject) -> float:
    """The same with ZADD, 200 members in a call."""
    rows = [(f"new:{n}", subject.draw(subject.rnd)) for n in range(min(subject.size, 100_000))]
    start = time.perf_counter()
    for first in range(0, len(rows), LOAD):
        subject.redis.zadd("load", dict(rows[first : first + LOAD]))
    seconds = time.perf_counter() - start
    subject.redis.delete("load")
    return len(rows) / seconds


def verify(subject: Subject, others: dict[str, Table]) -> None:
    """Stop unless all ways to add up give the same sum."""
    sums = {subject.half_by_tree(), subject.half_by_loop(), subject.half_by_client()}
    sums |= {table.ask(query) for table in others.values() for query in (Table.PREFIX, Table.WINDOW)}
    if len(sums) > 1:
        raise SystemExit(f"the sums differ: {sums}")
    subject.check()


def compare_halves(subject: Subject, title: str) -> list[Row]:
    """Sums of the lower half, which take O(n) everywhere else."""
    with tables(subject.units) as others:
        verify(subject, others)
        times = take_turns(
            {
                "tree": subject.server_time(subject.half_by_tree, "evalsha", 50),
                "Lua loop": subject.server_time(subject.half_by_loop, "evalsha", 1),
            },
            rounds=3,
        )
        per_second = {way: 1e6 / us for way, us in times.items()}
        half = Row(f"{title}: sums to rank n/2 a second, server time", per_second, "sums/s", higher_is_better=True)
        if subject.size == GOALS_AT:
            half.goals.append(Goal("tree", "Lua loop", 20_000))
        contenders = {
            "tree": whole_time(subject.half_by_tree, 50),
            "Lua loop": whole_time(subject.half_by_loop, 1),
            "client's ZRANGE": whole_time(subject.half_by_client, 1),
        }
        for name, table in others.items():
            contenders[f"{name}, order by ... limit"] = whole_time(partial(table.ask, Table.PREFIX), 1)
            contenders[f"{name}, sum() over"] = whole_time(partial(table.ask, Table.WINDOW), 1)
        return [half, Row(f"{title}: sum to rank n/2, whole calls", take_turns(contenders, rounds=3))]


def compare(client: redis.Redis, name: str, size: int, rounds: int, calls: int) -> list[Row]:
    subject = Subject(client, name, size)
    has_goals = size == GOALS_AT
    title = f"{name}, n = {size:,}"
    # The memory is compared before the updates, when both sets are as they were loaded.
    keys = {"tree": subject.tree_key, "set": subject.key}
    sizes = {what: float(client.memory_usage(key, samples=0) or 0) for what, key in keys.items()}
    memory = Row(f"{title}: memory", sizes, "bytes")
    halves = compare_halves(subject, title)
    query = Row(
        f"{title}: sum to rank k, server time",
        take_turns(
            {
                "tree": subject.server_time(subject.sum_by_tree, "evalsha", calls),
                "tree, below a score": subject.server_time(subject.sum_below, "evalsha", calls),
                "tree, with squares and distinct": subject.server_time(subject.statistics, "evalsha", calls),
                "ZRANK": subject.server_time(subject.zrank, "zrank", calls),
            },
            rounds,
        ),
    )
    update = Row(
        f"{title}: update, server time",
        take_turns(
            {
                "update": subject.server_time(subject.update, "evalsha", calls),
                "batched update": subject.server_time(subject.update_batch, "evalsha", calls // 20, BATCH),
                "ZADD": subject.server_time(subject.zadd, "zadd", calls),
            },
            rounds,
        ),
    )
    whole = Row(
        f"{title}: whole calls",
        take_turns(
            {
                "tree": whole_time(subject.sum_by_tree, calls),
                "ZRANK": whole_time(subject.zrank, calls),
                "update": whole_time(subject.update, calls),
                "ZADD": whole_time(subject.zadd, calls),
            },
            rounds,
        ),
    )
    loads = {"update": load(subject), "ZADD": load_bare(subject)}
    bulk = Row(f"{title}: bulk load, {LOAD} in a call", loads, "members/s", higher_is_better=True)
    subject.check()
    if has_goals:
        memory.goals.append(Goal("tree", "set", 0.03))
        query.goals.append(Goal("tree", "ZRANK", 3.3))
        if name != "all equal":  # if all scores are equal, an update changes nothing
            update.goals += [Goal("update", "ZADD", 6.5), Goal("batched update", "ZADD", 5)]
    return [query, *halves, update, whole, bulk, memory]


def growth(name: str, rows: list[Row], sizes: list[int]) -> Row:
    """How the first row of each size grows with the size."""
    medians = {f"n = {size:,}": row.medians["tree"] for size, row in zip(sizes, rows, strict=True)}
    return Row(f"{name}: sum to rank k, by n", medians)


@contextmanager
def own_server() -> Iterator[redis.Redis]:
    """An empty Redis on a unix socket, which keeps nothing on disk."""
    with TemporaryDirectory(prefix="bench-") as folder:
        socket = Path(folder) / "redis.sock"
        command = [
            str(servers.redis_server()),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--save",
            "",
            "--dir",
            folder,
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not socket.exists() and process.poll() is None:
                time.sleep(0.01)
            yield redis.Redis(unix_socket_path=str(socket), socket_timeout=None)  # LOOP takes seconds on large boards
        finally:
            process.terminate()
            process.wait()


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--large", is_flag=True, help="Also ten million members: 2 GB of memory, some ten minutes more.")
@click.option("--quick", is_flag=True, help="Small boards and few rounds.")
def main(as_json: bool, large: bool, quick: bool) -> None:
    sizes = [1_000, 10_000] if quick else [1_000, 10_000, 100_000, 1_000_000, *([10_000_000] if large else [])]
    rounds, calls = (3, 200) if quick else (7, 500)
    rows: list[Row] = []
    with own_server() as client:
        info: Any = client.info("server")
        version = info.get("valkey_version") or info["redis_version"]
        for name in DISTRIBUTIONS:
            found = [compare(client, name, size, rounds, calls) for size in sizes]
            rows += [row for by_size in found for row in by_size]
            rows.append(growth(name, [by_size[0] for by_size in found], sizes))
    notes = [f"server: {info.get('server_name', 'redis')} {version}", *left_out()]
    report(rows, ["ZRANK", "ZADD", "Lua loop", "set", f"n = {sizes[0]:,}"], notes, as_json=as_json)


if __name__ == "__main__":
    main()
