"""How long the console's pages take the service, with 100 partitions, 50 jobs, 10^5 events and a board of 10^6 members.

    python -m bench.console             some three minutes, most of them for the boards
    python -m bench.console --json      the same as JSON
    python -m bench.console --quick     boards of 10^4 members

All pages that there are, each asked for in process, with a Redis of the bench's own: the time until all of it is there,
once with no template compiled, as in the first seconds of a process, and the median after that; the processor time of
service and Redis, which depends less on what else the machine does; how often something is sent to Redis; and the
bytes of HTML, as they are and as nginx sends them. A second board is split over eight shards, in one Redis.

A page that stays current goes on asking while it is open: what that takes is measured with one browser's tab, and with
20 tabs of one process. Those that get no place ask again as a browser does. Servers in front of the app and the
browser are not in it.
"""

from __future__ import annotations

import gzip
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from deploy import servers
from deploy.up import DEPLOY
from handlers import create_app
from handlers.console.live import RETRY
from pipeline.settings import Settings
from pipeline.store import Redis
from pipeline.store.client import redis_client
from tests import stack
from wz import App
from wz.templates import EXTENSION, Templates
from wz.testing import Client

from .console_data import BOARD, EVENTS, JOBS, MEMBERS, PARTITIONS, TRACED, build, build_board, pages, streams
from .hub_plan import redis_seconds, round_trips
from .side_by_side import Row, report

QUICK_MEMBERS = 10_000
SHARDS = 8
TURNS = 11

#: Browsers' tabs, and for how many seconds they stay open.
TABS, OPEN = (1, 20), 6.0


class Looked(NamedTuple):
    """Milliseconds until a page is there, the first time and the median, and of processor time of service and Redis;
    round trips, and bytes as they are and by gzip.
    """

    first: float
    took: float
    ours: float
    theirs: float
    trips: float
    size: float
    sent: float


#: What the columns of `Looked` are: title and unit.
COLUMNS = (
    ("first", "ms"),
    ("median", "ms"),
    ("service", "ms"),
    ("Redis", "ms"),
    ("round trips", ""),
    ("HTML", "KiB"),
    ("gzip", "KiB"),
)


class Followed(NamedTuple):
    """What open tabs of one page take: ms of processor time of service and Redis, and round trips, all a second."""

    ours: float
    theirs: float
    trips: float
    sent: float


FOLLOWED = (("service", "ms/s"), ("Redis", "ms/s"), ("round trips", "/s"), ("sent", "KiB/s"))


def headers() -> dict[str, str]:
    return {"Authorization": stack.token(lifetime=3600), "Accept": "text/html"}


def look(app: App, redis: Redis, path: str, turns: int = TURNS) -> Looked:
    client, sends = Client(app), headers()
    body = b""

    def ask() -> None:
        nonlocal body
        answer = client.get(path, headers=sends)
        assert answer.status_code == 200, f"{path}: {answer.status}"
        body = answer.data

    templates: Templates = app.extensions[EXTENSION]
    if templates.jinja_env.cache is not None:
        templates.jinja_env.cache.clear()
    first = timed(ask)
    with round_trips() as trips:
        ask()
    ours, theirs = time.thread_time(), redis_seconds(redis)
    took = statistics.median(timed(ask) for _ in range(turns))
    ours, theirs = time.thread_time() - ours, redis_seconds(redis) - theirs
    per_turn = 1000 / turns
    sent = len(gzip.compress(body, 1))  # nginx's gzip_comp_level
    return Looked(first, took, ours * per_turn, theirs * per_turn, len(trips), len(body) / 1024, sent / 1024)


def timed(do: Callable[[], object]) -> float:
    """Return how many milliseconds it takes."""
    begun = time.perf_counter()
    do()
    return (time.perf_counter() - begun) * 1000


def follow(app: App, redis: Redis, path: str, tabs: int, seconds: float = OPEN) -> Followed:
    """Keep a page open in so many tabs."""
    app.config["TAIL_SECONDS"] = seconds
    end = time.monotonic() + seconds
    received: list[int] = []

    def tab() -> None:
        while time.monotonic() < end:
            answer = Client(app).get(path, headers=headers(), buffered=False)
            assert answer.status_code == 200, f"{path}: {answer.status}"
            parts = list(answer.iter_encoded())
            received.append(sum(map(len, parts)))
            answer.close()
            if any(b"data: full" in part for part in parts):
                time.sleep(max(0.0, min(RETRY, end - time.monotonic())))

    threads = [threading.Thread(target=tab) for _ in range(tabs)]
    begun, ours, theirs = time.monotonic(), time.process_time(), redis_seconds(redis)
    with round_trips(threads) as trips:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    took = time.monotonic() - begun
    ours, theirs = time.process_time() - ours, redis_seconds(redis) - theirs
    return Followed(ours * 1000 / took, theirs * 1000 / took, len(trips) / took, sum(received) / 1024 / took)


# -- the report --------------------------------------------------------------------------------------------------------


def rows(title: str, columns: tuple[tuple[str, str], ...], found: Mapping[str, tuple[float, ...]]) -> list[Row]:
    """Return a row for each column, as `report` takes them."""
    return [
        Row(f"{title}: {name}", {key: one[number] for key, one in found.items()}, unit)
        for number, (name, unit) in enumerate(columns)
    ]


def table(title: str, columns: tuple[tuple[str, str], ...], found: Mapping[str, tuple[float, ...]]) -> str:
    """Return all columns beside each other."""
    width = max(map(len, [title, *found]))
    heads = [f"{name}, {unit}" if unit else name for name, unit in columns]
    lines = [f"{title:{width}}" + "".join(f"  {head:>12}" for head in heads)]
    lines += [f"{name:{width}}" + "".join(f"  {value:>12,.1f}" for value in one) for name, one in found.items()]
    return "\n".join([*lines, ""])


@contextmanager
def running(shards: int = 1) -> Iterator[Settings]:
    """Run a Redis, which keeps nothing on disk, and yield the settings of a service with it."""
    with TemporaryDirectory(prefix="bench-") as name:
        socket = Path(name) / "redis.sock"
        command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", name]
        with stack.process(command, ready=socket.exists, log=Path(name) / "redis.log"):
            url = f"unix://{socket}"
            settings = Settings(environment="test", redis_url=url, connection_string=stack.ROOT, board_shards=shards)
            redis_client(settings).config_set("appendonly", "no")
            yield settings


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help=f"Boards of {QUICK_MEMBERS:,} members.")
def main(as_json: bool, quick: bool) -> None:
    members = QUICK_MEMBERS if quick else MEMBERS
    with running() as settings:
        found, app, redis = build(settings, members=members), create_app(settings), redis_client(settings)
        looked = {route: look(app, redis, path) for route, path in pages(app, found).items()}
        followed = {
            f"{route}, {tabs} open": follow(app, redis, path, tabs)
            for route, path in streams(app, found).items()
            for tabs in TABS
        }
    with running(SHARDS) as settings:
        build_board(settings, members)
        name = f"/console/boards/<board>, {SHARDS} shards"
        looked[name] = look(create_app(settings), redis_client(settings), f"/console/boards/{BOARD}")
    notes = [
        f"{os.cpu_count()} cores; {PARTITIONS} partitions with {PARTITIONS * EVENTS:,} events, {JOBS} jobs, "
        f"{members:,} members, {TRACED} traces"
    ]
    if as_json:
        report([*rows("A page", COLUMNS, looked), *rows("Open pages", FOLLOWED, followed)], [], notes, as_json=True)
    else:
        print("\n".join([*notes, "", table("A page", COLUMNS, looked), table("Open pages", FOLLOWED, followed)]))


if __name__ == "__main__":
    main()
