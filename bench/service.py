"""A member's standing, a new score, an event and a batch of 100, through nginx, gunicorn and Redis: wz and Flask.

    python -m bench.service                 the tables, with the goals and whether they are reached
    python -m bench.service --json          the same as JSON
    python -m bench.service --quick         fewer and shorter rounds
    python -m bench.service --write         also stores the account: docs/figures/service.json, and the picture of it

Flask runs twice (bench/deployments.py): with deploy/'s own nginx and gunicorn, and as most people deploy it. Its app
(bench/service_peer.py) checks what the service checks, and does less, as the report says. Before anything is timed, the
answers are compared.

All take turns with one load (bench/load.py), which keeps eight connections to nginx busy, each with one request at a
time; it shares the cores. Each PUT changes a score. Redis has each write on disk before it answers, as
deploy/redis.conf says: where the disk is slow, throughput is the disk's, and the processor time is what tells the
contenders apart. The first line says which disk it was; TMPDIR chooses another (`/dev/shm` is none at all).

The account says where a request's processor time goes. That of nginx, gunicorn and Redis is the system's count for
their processes; inside of gunicorn, the thread's own clock is read around the app, and around each call of redis-py
(bench/counted.py). So "gunicorn" is what is left: it reads and parses the request, hands it to a thread, writes the
answer.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import redis

from deploy import servers
from deploy.up import DEPLOY
from pipeline.boards import Boards, BulkChange
from pipeline.boards.scores import from_units
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from tests import stack
from wz.testing import Client

from . import account, hub_peer
from .bulk import own_stdout
from .deployments import OURS, SAME, USUAL, Deployment, deployment, seconds
from .hub import request as event_request
from .load import http_request, measure
from .service_peer import UNIT
from .side_by_side import Goal, Row, in_turn

BOARD, HUB = "bench", "events"
MEMBERS = 10_000
READ = 500  # different members
CHANGED, SCORES = 100, 20  # members, and scores of each in turn, so that every PUT changes one
BATCH = 100
PARTITIONS = hub_peer.PARTITIONS
GOALS = ((SAME, 1.5), (USUAL, 2.5))

#: What Flask leaves out, and what it does not.
LACKS = """\
What wz does and Flask does not: a board's sums (a PUT writes two leaves of them, some kilobytes, beside the score),
segments, periods, shards and expiry; a hub's throttling, relays without repetitions, publishers and partitions in the
path; metrics, a log line's request id and trace, and after an outage of Redis an answer that says what was done.
Both check the token's signature, expiry and scope, take a batch whole or not at all, and keep a partition below its
cap."""


@dataclass(frozen=True)
class Figures:
    """Requests a second, milliseconds for half of them and for 99 %, and microseconds of processor time for one."""

    rate: float
    p50: float
    p99: float
    nginx: float
    gunicorn: float
    app: float
    redis_py: float
    redis: float

    @property
    def processor(self) -> float:
        return sum(self.parts)

    @property
    def parts(self) -> tuple[float, ...]:
        """In the order of `account.PARTS`."""
        return self.nginx, self.gunicorn, self.app, self.redis_py, self.redis

    @classmethod
    def medians(cls, rounds: list[Figures]) -> Figures:
        return cls(*(statistics.median(values) for values in zip(*map(astuple, rounds), strict=True)))


@dataclass(frozen=True)
class Endpoint:
    title: str
    requests: list[bytes]
    status: int
    measured: dict[str, Figures]

    @property
    def row(self) -> Row:
        rates = {name: figures.rate for name, figures in self.measured.items()}
        goals = [Goal(OURS, of, limit) for of, limit in GOALS]
        return Row(self.title, rates, "req/s", higher_is_better=True, goals=goals)


# -- what is asked ----------------------------------------------------------------------------------------------------


def endpoints() -> list[Endpoint]:
    rnd = random.Random(1)
    names = [f"member:{number}" for number in rnd.sample(range(MEMBERS), READ)]
    puts = [(name, {"score": rnd.randrange(10**9) / UNIT}) for _ in range(SCORES) for name in names[:CHANGED]]
    return [
        Endpoint("GET of a member's standing", [board_request("GET", name) for name in names], 200, {}),
        Endpoint("PUT of a score", [board_request("PUT", *put) for put in puts], 200, {}),
        Endpoint("POST of an event", [event_request(1)], 201, {}),
        Endpoint(f"POST of a batch of {BATCH} events", [event_request(BATCH)], 201, {}),
    ]


def path_of(member: str) -> str:
    return f"/boards/{BOARD}/members/{member}"


def board_request(method: str, member: str, body: object = None) -> bytes:
    headers = {"Host": stack.HOST, "Authorization": stack.token(lifetime=3600), "User-Agent": "bench"}
    headers |= {"Content-Type": "application/json"} if body else {}
    return http_request(method, path_of(member), headers, json.dumps(body) if body else "")


def fill(settings: Settings) -> None:
    """Put the same members and scores into the boards of both apps."""
    rnd = random.Random(0)
    units = {f"member:{n}": rnd.randrange(10**9) for n in range(MEMBERS)}
    changes = (BulkChange(member, from_units(score)) for member, score in units.items())
    for _ in Boards.from_settings(settings)[BOARD].apply(changes):
        pass
    peers_redis(settings).zadd(f"board:{BOARD}", units)


def peers_redis(settings: Settings) -> redis.Redis:
    return redis.Redis(unix_socket_path=settings.redis_url.removeprefix("unix://"), db=hub_peer.DATABASE)


def compare(deployments: dict[str, Deployment]) -> None:
    """Stop unless all answer the same."""
    headers = {"Authorization": stack.token()}
    sends: list[dict[str, Any]] = [
        {"method": "GET"},
        {"method": "PUT", "json": {"score": 12.5}},
        {"method": "PUT", "json": {"score": 0.123457}},
        {"method": "PUT", "json": {"score": 0.1234567}},  # more digits than a score has
        {"method": "PUT", "json": {"score": "a"}},
        {"method": "GET", "headers": {"Authorization": stack.token("other")}},
    ]
    for send in sends:
        answers = {}
        for name, deployment_ in deployments.items():
            answer = Client(deployment_.server).open(path_of("member:7"), **{"headers": headers, **send})
            found = answer.json or {} if answer.status_code < 400 else {}
            found.pop("changed", None)  # the two of Flask share a board, so that the second changes nothing
            answers[name] = answer.status_code, found
        if any(answer != answers[OURS] for answer in answers.values()):
            raise SystemExit(f"{send}: the answers differ: {answers}")


# -- measuring --------------------------------------------------------------------------------------------------------


class Bench:
    """One round of an endpoint against one deployment takes `span` seconds."""

    def __init__(self, folder: Path, redis_pid: int, span: float) -> None:
        self.file = folder / "requests"
        self.redis_pid = redis_pid
        self.span = span

    def round(self, one: Deployment, requests: list[bytes]) -> Figures:
        self.file.write_bytes(b"\0".join(requests))
        before = self.used(one)
        load = measure(one.address, self.span, self.file)
        answered, *spent = (now - then for now, then in zip(self.used(one), before, strict=True))
        nginx, gunicorn, server, app, client = (1e6 * part / answered for part in spent)
        return Figures(load.rate, load.p50, load.p99, nginx, gunicorn - app, app - client, client, server)

    def used(self, one: Deployment) -> list[float]:
        """Return the requests so far, and seconds of nginx, gunicorn, Redis, of the app in it, of redis-py in that."""
        answered, app, client = one.counts()
        return [answered, *one.used(), seconds(self.redis_pid), app / 1e9, client / 1e9]


def run(folder: Path, rounds: int, span: float) -> list[Endpoint]:
    socket = folder / "redis.sock"
    command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", folder]
    command += ["--auto-aof-rewrite-percentage", "0"]  # it would fall into one contender's round and not another's
    with ExitStack() as running:
        server = running.enter_context(stack.process(command, ready=socket.exists))
        settings = Settings(
            environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT, hubs={HUB: PARTITIONS}
        )
        environ = stack.environ(settings)
        deployments = {
            name: running.enter_context(deployment(name, folder / str(place), environ))
            for place, name in enumerate((OURS, SAME, USUAL))
        }
        fill(settings)
        compare(deployments)
        found = endpoints()
        bench = Bench(folder, server.pid, span)
        steps = len(found) * len(deployments) * (rounds + 1)
        with click.progressbar(length=steps, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

            def turn(name: str, endpoint: Endpoint) -> Figures:
                figures = bench.round(deployments[name], endpoint.requests)
                empty_logs(settings)
                bar.label = f"{endpoint.title}: {name}"
                bar.update(1)
                return figures

            for endpoint in found:
                turns = {name: partial(turn, name, endpoint) for name in deployments}
                in_turn(turns, 1)  # imports, caches
                results = in_turn(turns, rounds)
                endpoint.measured.update({name: Figures.medians(figures) for name, figures in results.items()})
        return found


def disk(folder: Path) -> str:
    """Return the file system that a folder is in, and how long an fsync of a small write takes there."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    _, kind = max((mount for mount in mounts if folder.resolve().is_relative_to(mount[0])), key=lambda it: len(it[0]))
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            begin = time.perf_counter()
            file.write(bytes(200))
            os.fdatasync(file)
            times.append(time.perf_counter() - begin)
    return f"{kind}, where an fsync takes {1000 * statistics.median(times):.2f} ms"


def empty_logs(settings: Settings) -> None:
    """Keep no events of earlier rounds: memory is not what is measured."""
    for client in (redis_client(settings), peers_redis(settings)):
        for key in client.scan_iter(_type="stream"):
            client.xtrim(key, maxlen=0, approximate=False)


# -- the report -------------------------------------------------------------------------------------------------------


def table(endpoint: Endpoint) -> str:
    width = max(map(len, endpoint.measured))
    heads = ("req/s", "p50 ms", "p99 ms", "CPU us", "/ wz", *account.PARTS)
    lines = [endpoint.title, "  ".join([" " * (width + 2), *(f"{head:>8}" for head in heads)])]
    ours = endpoint.measured[OURS].processor
    for name, figures in endpoint.measured.items():
        cells = [f"{figures.rate:8,.0f}", f"{figures.p50:8.2f}", f"{figures.p99:8.2f}", f"{figures.processor:8,.0f}"]
        cells += [f"{figures.processor / ours:8.2f}", *(f"{part:8,.0f}" for part in figures.parts)]
        lines.append("  ".join([f"  {name:{width}}", *cells]))
    for goal, ratio, reached in endpoint.row.verdicts():
        verdict = f"{ratio:.2f} {'ok' if reached else 'MISSED'}"
        spared = endpoint.measured[goal.of].processor / ours
        lines.append(f"  goal: req/s >= {goal.limit:g} of {goal.of}: {verdict}; its CPU is {spared:.2f} of wz's")
    return "\n".join([*lines, ""])


def document(found: list[Endpoint], notes: list[str]) -> dict[str, Any]:
    rows = [
        {
            "name": one.title,
            "contenders": {
                name: asdict(figures) | {"processor": figures.processor} for name, figures in one.measured.items()
            },
            "goals": [asdict(goal) | {"ratio": ratio, "reached": ok} for goal, ratio, ok in one.row.verdicts()],
        }
        for one in found
    ]
    return {"python": sys.version.split()[0], "notes": notes, "rows": rows}


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Fewer and shorter rounds.")
@click.option("--write", is_flag=True, help="Store the account for the guide, and draw it.")
def main(as_json: bool, quick: bool, write: bool) -> None:
    with own_stdout(), TemporaryDirectory(prefix="bench-") as name:
        where = disk(Path(name))
        found = run(Path(name), *((3, 0.5) if quick else (15, 1.0)))
        notes = [f"{os.cpu_count()} cores, which the load shares; appendfsync always, for all, on {where}", LACKS]
        if write:
            bars = {one.title: {name: figures.parts for name, figures in one.measured.items()} for one in found}
            account.write(bars)
        print(json.dumps(document(found, notes), indent=2) if as_json else "\n".join([*notes, "", *map(table, found)]))


if __name__ == "__main__":
    main()
