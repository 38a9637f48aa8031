"""What the sums of a board cost, beside ZRANK and ZADD (the floor) and beside what people use without them.

    python -m bench.boards            n = 1,000 to 1,000,000; the tables, with the goals and whether they are reached
    python -m bench.boards --json     the same as JSON
    python -m bench.boards --large    up to 10,000,000
    python -m bench.boards --quick    up to 10,000, few rounds; no goals

Server time is what INFO commandstats says of the commands of a round, which are sent one by one; whole calls are timed
here, through redis-py, and include both. Ranks and members are drawn at random each time. Before anything is timed, all
ways of adding up are compared. Redis is a server of the bench's own, on a unix socket.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click
import redis

from deploy import servers
from pipeline.boards import Board
from pipeline.boards.board import LIMIT, PLACES, from_units

from .side_by_side import Goal, Round, Row, report, take_turns

Draw = Callable[[random.Random], int]

DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "binary": lambda rnd: rnd.randrange(2) * 10**6,
    "Pareto": lambda rnd: min(int(rnd.paretovariate(1.2) * 10**6), LIMIT - 1),
    "narrow band": lambda rnd: 2**52 + rnd.randrange(10**6),
    "all equal": lambda rnd: 10**6,
}
GOALS_AT = 1_000_000

# What people use, made exact: high * 2^40 + low. O(k).
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


class Subject:
    """A board of n members, and the calls that are compared on it."""

    def __init__(self, client: redis.Redis, name: str, size: int) -> None:
        self.redis = client
        self.size = size
        self.rnd = random.Random(size)
        self.draw = DISTRIBUTIONS[name]
        self.board = Board(client, "bench")
        self.key = self.board.scores_key
        self.bare = "bare"  # the same set without a tree
        self.loop = client.register_script(LOOP)
        client.flushall()
        for first in range(0, size, 10_000):
            rows = {f"member:{n}": self.draw(self.rnd) for n in range(first, min(first + 10_000, size))}
            client.zadd(self.key, rows)
        self.board.rebuild()
        client.copy(self.key, self.bare)

    def member(self) -> str:
        return f"member:{self.rnd.randrange(self.size)}"

    def sum_by_tree(self) -> None:
        self.board.sum(self.rnd.randrange(self.size))

    def sum_below(self) -> None:
        self.board.sum_below(from_units(self.draw(self.rnd)))

    def zrank(self) -> None:
        self.redis.zrank(self.key, self.member())

    def update(self) -> None:
        with self.redis.pipeline(transaction=False) as pipe:
            self.board.queue_set(pipe, self.member(), from_units(self.draw(self.rnd)))
            pipe.execute()

    def zadd(self) -> None:
        self.redis.zadd(self.bare, {self.member(): self.draw(self.rnd)})

    def half_by_tree(self) -> int:
        return int(self.board.sum(self.size // 2).sum.scaleb(PLACES))

    def half_by_loop(self) -> int:
        high, low = cast("list[int]", self.loop(keys=[self.key], args=[self.size // 2]))
        return (high << 40) + low

    def half_by_client(self) -> int:
        rows: Any = self.redis.zrange(self.key, 0, self.size // 2, withscores=True)
        return sum(int(score) for _, score in rows)

    def server_time(self, call: Callable[[], object], command: str, calls: int) -> Round:
        """Return a round: microseconds of the server a call, over so many calls."""

        def run() -> float:
            self.redis.config_resetstat()
            for _ in range(calls):
                call()
            stats: Any = self.redis.info("commandstats")
            return float(stats[f"cmdstat_{command}"]["usec_per_call"])

        return run

    def whole_time(self, call: Callable[[], object], calls: int) -> Round:
        def run() -> float:
            start = time.perf_counter()
            for _ in range(calls):
                call()
            return (time.perf_counter() - start) / calls * 1e6

        return run


def verify(subject: Subject) -> None:
    """Stop unless all ways to add up agree."""
    if not subject.half_by_tree() == subject.half_by_loop() == subject.half_by_client():
        raise SystemExit("the sums differ")
    subject.board.check()


def compare(client: redis.Redis, name: str, size: int, rounds: int, calls: int) -> list[Row]:
    subject = Subject(client, name, size)
    verify(subject)
    has_goals = size == GOALS_AT
    title = f"{name}, n = {size:,}"
    # The memory is compared before the updates, when both sets are as they were loaded.
    tree, bare = (cast("int", client.memory_usage(key, samples=0)) for key in (subject.board.tree_key, subject.key))
    memory = Row(f"{title}: memory", {"tree": tree, "set": bare}, "bytes")
    times = take_turns(
        {
            "tree": subject.server_time(subject.half_by_tree, "evalsha", 50),
            "Lua loop": subject.server_time(subject.half_by_loop, "evalsha", 1),
            "client's ZRANGE (whole call)": subject.whole_time(subject.half_by_client, 1),
        },
        rounds=3,
    )
    per_second = {way: 1e6 / us for way, us in times.items()}
    half = Row(f"{title}: sums to rank n/2 a second, server time", per_second, "sums/s", higher_is_better=True)
    query = Row(
        f"{title}: sum to rank k, server time",
        take_turns(
            {
                "tree": subject.server_time(subject.sum_by_tree, "evalsha", calls),
                "tree, below a score": subject.server_time(subject.sum_below, "evalsha", calls),
                "ZRANK": subject.server_time(subject.zrank, "zrank", calls),
            },
            rounds,
        ),
    )
    whole = Row(
        f"{title}: whole calls",
        take_turns(
            {
                "tree": subject.whole_time(subject.sum_by_tree, calls),
                "ZRANK": subject.whole_time(subject.zrank, calls),
                "update": subject.whole_time(subject.update, calls),
                "ZADD": subject.whole_time(subject.zadd, calls),
            },
            rounds,
        ),
    )
    update = Row(
        f"{title}: update, server time",
        take_turns(
            {
                "update": subject.server_time(subject.update, "evalsha", calls),
                "ZADD": subject.server_time(subject.zadd, "zadd", calls),
            },
            rounds,
        ),
    )
    subject.board.check()
    if has_goals:
        memory.goals.append(Goal("tree", "set", 0.03))
        query.goals.append(Goal("tree", "ZRANK", 1.5 if name == "binary" else 4))
        half.goals.append(Goal("tree", "Lua loop", 20_000))
        if name != "all equal":  # there, an update changes nothing
            update.goals.append(Goal("update", "ZADD", 7))
    return [query, half, update, whole, memory]


def growth(name: str, rows: list[Row], sizes: list[int]) -> Row:
    """How the first row of each size grows with it."""
    medians = {f"n = {size:,}": row.medians["tree"] for size, row in zip(sizes, rows, strict=True)}
    return Row(f"{name}: sum to rank k, by n", medians, goals=[Goal(f"n = {GOALS_AT:,}", f"n = {sizes[0]:,}", 1.7)])


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
            yield redis.Redis(unix_socket_path=str(socket))
        finally:
            process.terminate()
            process.wait()


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--large", is_flag=True, help="Ten million members, too: 2 GB of memory, some ten minutes more.")
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
    notes = [f"server: {info.get('server_name', 'redis')} {version}"]
    report(rows, ["ZRANK", "ZADD", "Lua loop", "set", f"n = {sizes[0]:,}"], notes, as_json=as_json)


if __name__ == "__main__":
    main()
