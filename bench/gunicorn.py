"""gunicorn's kinds of workers behind nginx, in one run: what a request costs, and how long it takes beside other work.

    python -m bench.gunicorn             a table
    python -m bench.gunicorn --json      the same as JSON
    python -m bench.gunicorn --quick     those between which it was decided, one short round

Each contender is deploy/gunicorn.conf.py with another worker class, number of threads or parser, behind an nginx of its
own with deploy/nginx.conf. `gthread` is deploy/worker.py, `epoll` deploy/epoll.py; 2x4 means two processes with four
threads each. `pool` has a second gunicorn of one process for bulk loads and readers. All share a Redis.

- Saturated: eight connections without a pause, with GETs of a board's member, and with `raw WSGI`, which is answered
  "ok" before the service sees it. Requests a second, and processor time of gunicorn and nginx for one.
- Beside others: 100 GETs a second, sent when they are due, and the slowest hundredth of their times: alone, beside
  eight long polls, beside two clients that load 20,000 members again and again; and how long such a load takes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from deploy import servers
from deploy.nginx import DEPLOY, render_nginx
from pipeline.settings import Settings
from tests import stack
from wz.live_server import LiveServer
from wz.testing import Client

from .bulk import own_stdout
from .load import measure
from .side_by_side import Row, report, take_turns

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RATE = 100  # requests a second beside others
POLLS = 8
BULKS = 2
MEMBERS = 20_000
URL = "/boards/b/members/m1"
BULK_URL = "/boards/bulk/members"
POLL_URL = "/hubs/events/partitions/1/events?wait=1"
RAW_URL = "/raw"


@dataclass(frozen=True)
class Kind:
    """A contender: lines that are added to gunicorn.conf.py."""

    workers: int
    worker_class: str
    threads: int = 1
    parser: str = "python"
    pool: bool = False

    @property
    def lines(self) -> str:
        return (
            f"workers, worker_class, threads = {self.workers}, {self.worker_class!r}, {self.threads}\n"
            f"http_parser = {self.parser!r}\n"
            "before = post_worker_init\ndef post_worker_init(worker):\n"
            "    worker.nr_conns = getattr(worker, 'nr_conns', 0)\n"  # which the console asks for
            "    before(worker)\n"
            "    from bench.gunicorn import with_raw\n    worker.wsgi = with_raw(worker.wsgi)\n" + self._without_traces
        )

    @property
    def _without_traces(self) -> str:
        """A thread that waits for nginx's part of traces, on a socket of the master's, stops all others of gevent."""
        return "def pre_fork(server, worker): pass\n" if self.worker_class == "gevent" else ""


GTHREAD, EPOLL = "deploy.worker.Worker", "deploy.epoll.EpollWorker"
KINDS = {
    "sync 4": Kind(4, "sync"),
    "gthread 2x1": Kind(2, GTHREAD, 1),
    "gthread 2x4": Kind(2, GTHREAD, 4),
    "gthread 2x16": Kind(2, GTHREAD, 16),
    "epoll 2x4": Kind(2, EPOLL, 4),
    "epoll 2x16": Kind(2, EPOLL, 16),
    "epoll 2x16, C parser": Kind(2, EPOLL, 16, parser="fast"),
    "epoll 2x4 + pool": Kind(2, EPOLL, 4, pool=True),
    "gevent 2": Kind(2, "gevent"),
}

QUICK = ("sync 4", "gthread 2x16", "epoll 2x4", "epoll 2x16", "epoll 2x4 + pool", "gevent 2")

BESIDE = (("alone", 0, 0), (f"beside {POLLS} long polls", POLLS, 0), (f"beside {BULKS} loads", 0, BULKS))


def with_raw(service: WSGIApplication) -> WSGIApplication:
    """Return an app that answers RAW_URL itself, and has the service answer the rest."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != RAW_URL:
            return service(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    return app


# -- the servers -----------------------------------------------------------------------------------------------------


@dataclass
class Server:
    nginx: Path  # its socket
    masters: list[int]  # of gunicorn and nginx

    @property
    def client(self) -> Client:
        return Client(LiveServer(f"unix:{self.nginx}", 60.0))

    def cpu(self) -> float:
        """Return the processor seconds of the masters and their workers since their start."""
        ticks = 0
        for master in self.masters:
            children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
            for pid in (str(master), *children):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def redis(folder: Path) -> Iterator[Settings]:
    """Run Redis, and yield the settings of a service that uses it."""
    socket = folder / "redis.sock"
    command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", folder]
    with stack.process(command, ready=socket.exists):
        yield Settings(
            environment="test",
            redis_url=f"unix://{socket}",
            connection_string=stack.ROOT,
            hosts=frozenset({stack.HOST}),
        )


@contextmanager
def gunicorn(folder: Path, kind: Kind, settings: Settings) -> Iterator[int]:
    folder.mkdir()
    conf = folder / "conf.py"
    conf.write_text(f"import runpy\nglobals().update(runpy.run_path({str(DEPLOY / 'gunicorn.conf.py')!r}))\n")
    with conf.open("a") as file:
        file.write(kind.lines)
    socket = folder / "gunicorn.sock"
    command = [sys.executable, "-P", DEPLOY / "serve.py", "--config", conf, "--log-level", "error"]
    environ = {**stack.environ(settings), "WZ_SOCKET": str(socket)}
    server = LiveServer(f"unix:{socket}", 60.0)
    with stack.process(command, ready=lambda: stack.answers(server), env=environ, cwd=folder) as process:
        yield process.pid


@contextmanager
def serving(folder: Path, kind: Kind, settings: Settings) -> Iterator[Server]:
    """Run gunicorn, and its pool if it has one, with nginx before them, which listens on a socket."""
    with ExitStack() as all_:
        masters = [all_.enter_context(gunicorn(folder, kind, settings))]
        listen = folder / "nginx.sock"
        text = render_nginx(folder, f"unix:{listen}").replace("access_log /dev/stdout", "access_log /dev/null")
        text = text.replace("http {\n", "http {\n    keepalive_requests 1000000;\n", 1)  # the load does not reconnect
        text = text.replace('::1 "";', '::1 ""; unix: "";', 1)  # which has no limits then
        if kind.pool:
            pool = folder / "pool"
            masters.append(all_.enter_context(gunicorn(pool, Kind(1, EPOLL, 16), settings)))
            upstream = f"    upstream pool {{ server unix:{pool}/gunicorn.sock; }}\n"
            text = text.replace("    server {\n", f"{upstream}    server {{\n", 1)
            bulk = "location ~ ^/boards/[^/]+/(members|rewards)$ {\n            proxy_pass http://"
            reads = "location ~ /(events|tail)$ { proxy_pass http://pool; }\n        "
            text = text.replace(f"{bulk}wz", f"{reads}{bulk}pool")
        conf = folder / "nginx.conf"
        conf.write_text(text)
        nginx = [servers.nginx(), "-e", "stderr", "-c", conf]
        server = LiveServer(f"unix:{listen}", 60.0)
        process = all_.enter_context(stack.process(nginx, ready=lambda: stack.answers(server)))
        yield Server(listen, [*masters, process.pid])


# -- the load ---------------------------------------------------------------------------------------------------------


def headers() -> dict[str, str]:
    return {"Authorization": stack.token(lifetime=3600)}


def get(path: str) -> bytes:
    authorization = headers()["Authorization"]
    return f"GET {path} HTTP/1.1\r\nHost: {stack.HOST}\r\nAuthorization: {authorization}\r\n\r\n".encode()


def saturated(server: Server, request: Path, seconds: float, costs: list[float]) -> float:
    """Return the requests a second; note the microseconds of gunicorn and nginx for one."""
    before = server.cpu()
    rate = measure(server.nginx, seconds, request).rate
    costs.append((server.cpu() - before) / (rate * seconds) * 1e6)
    return rate


async def times(path: Path, request: bytes, seconds: float) -> list[float | BaseException]:
    """Send requests when they are due, over connections that are free.

    Returns the seconds that each took, or why it failed.
    """
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(due: float) -> float:
        reader, writer = free.pop() if free else await asyncio.open_unix_connection(path)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"the server answered {head[:60]!r}")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
        free.append((reader, writer))
        return time.perf_counter() - due

    begin = time.perf_counter()
    tasks = []
    for number in range(int(seconds * RATE)):
        due = begin + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(due)))
    found = await asyncio.gather(*tasks, return_exceptions=True)
    for _, writer in free:
        writer.close()
    return found


def answered(found: list[float | BaseException]) -> list[float]:
    """Return the seconds. Raises the first failure."""
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]


def slowest(server: Server, seconds: float, polls: int, bulks: int, loads: list[float]) -> float:
    """Return the 99th percentile in milliseconds, beside clients that poll and load; note how long the loads take."""
    end = threading.Event()
    lines = b"".join(b'{"member": "m%d", "score": %d}\n' % (number, number % 977) for number in range(MEMBERS))

    def poll() -> None:
        while not end.is_set():
            server.client.get(POLL_URL, headers=headers()).close()

    def load() -> None:
        while not end.is_set():
            begin = time.perf_counter()
            answer = server.client.post(
                BULK_URL, data=lines, headers=headers() | {"Content-Type": "application/x-ndjson"}, buffered=True
            )
            if answer.status_code != 200:
                raise SystemExit(f"a load was answered {answer.status}")
            loads.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=what) for what in (*[poll] * polls, *[load] * bulks)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3 if threads else 0)
        found = sorted(answered(asyncio.run(times(server.nginx, get(URL), seconds))))
    finally:
        end.set()
        for thread in threads:
            thread.join()
    return found[len(found) * 99 // 100] * 1000


# -- the run ----------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--json", "as_json", is_flag=True)
@click.option("--quick", is_flag=True)
def main(as_json: bool, quick: bool) -> None:
    """Compare the kinds of workers that gunicorn has."""
    rounds, seconds = (1, 1.0) if quick else (5, 2.0)
    rows = []
    with ExitStack() as all_, own_stdout():
        folder = Path(all_.enter_context(TemporaryDirectory(prefix="bench-")))
        settings = all_.enter_context(redis(folder))
        ready = {
            name: all_.enter_context(serving(folder / f"service-{number}", kind, settings))
            for number, (name, kind) in enumerate(KINDS.items())
            if name in QUICK or not quick
        }
        first = next(iter(ready.values()))
        first.client.put(URL, json={"score": 1}, headers=headers()).close()
        for what, url in (("a GET of a member", URL), ("raw WSGI", RAW_URL)):
            request = folder / "request"
            request.write_bytes(get(url))
            for server in ready.values():
                measure(server.nginx, 0.1, request)
            costs: dict[str, list[float]] = {name: [] for name in ready}
            rates = {name: partial(saturated, server, request, seconds, costs[name]) for name, server in ready.items()}
            rows.append(Row(f"Saturated, {what}", take_turns(rates, rounds), "req/s", higher_is_better=True))
            medians = {name: statistics.median(found) for name, found in costs.items()}
            rows.append(Row(f"Processor time of gunicorn and nginx, {what}", medians))
        for title, polls, bulks in BESIDE:
            loads: dict[str, list[float]] = {name: [] for name in ready}
            turns = {
                name: partial(slowest, server, seconds, polls, bulks, loads[name])
                for name, server in ready.items()
                if not (polls and KINDS[name].worker_class == "sync")  # four polls would leave it no process
            }
            rows.append(Row(f"Slowest hundredth of the GETs, {title}", take_turns(turns, rounds), "ms"))
            if bulks:
                taken = {name: statistics.median(found) for name, found in loads.items()}
                rows.append(Row(f"A load of {MEMBERS:,} members, one of two at a time", taken, "s"))
    report(rows, ["epoll 2x16"], [], as_json=as_json)


if __name__ == "__main__":
    main()
