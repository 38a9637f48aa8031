"""What tracing costs through nginx, gunicorn and Redis: a request that is traced, and one that is not, beside none.

    python -m bench.tracing             a table, with the goals
    python -m bench.tracing --json      the same as JSON
    python -m bench.tracing --quick     fewer rounds

Two services run, each a gunicorn with deploy/gunicorn.conf.py and an nginx with deploy/nginx.conf; they share a Redis.
From one of them tracing is taken out: `without`. The other is asked as always, `not asked`, and to trace one
request of ten, `traced`. One connection sends a request, reads the answer, and sends the next. Latency is that of all,
and with `traced` that of those which are. Processor time is that of nginx and gunicorn, for each request; with `traced`
a tenth of them have their traces made, joined and stored in it, and the row after it says what one takes. Rounds take
turns, and what counts is the median of their ratios to `without`: the machine is as busy for both.
"""

from __future__ import annotations

import os
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tests import stack

from .bulk import own_stdout
from .gunicorn import EPOLL, Kind, Server, redis, serving
from .load import http_request
from .side_by_side import Goal, Row, in_turn, report

EVENTS = "application/vnd.microsoft.servicebus.json"
MEMBER = "/boards/b/members/m1"

#: What is asked: method, path, content type and body.
REQUESTS = {
    "GET of a member": ("GET", MEMBER, "", ""),
    "PUT of a member": ("PUT", MEMBER, "application/json", '{"score":1}'),
    "an event": ("POST", "/events/messages", "application/json", '{"a":1,"b":"text"}'),
    "100 events": ("POST", "/events/messages", EVENTS, "[" + ",".join(['{"Body":"text"}'] * 100) + "]"),
}
WAYS = ("without", "not asked", "traced")
ONE_OF = 10
SETTLE = 0.5  # seconds until all traces are stored; part of each round, so that they are the same


@dataclass(frozen=True)
class Without(Kind):
    """The same, but the worker has neither the tracer nor the times that it notes."""

    @property
    def lines(self) -> str:
        return (
            f"{super().lines}"
            "traced = post_worker_init\ndef post_worker_init(worker):\n    traced(worker)\n"
            "    from bench.tracing import take_out\n    take_out(worker)\n"
        )


def take_out(worker: Any) -> None:
    from deploy import epoll
    from deploy import worker as worker_

    del worker_.Worker.handle, worker_.Worker.handle_request
    epoll.now = lambda: 0  # type: ignore[attr-defined]
    tracer = worker.wsgi.__closure__[0].cell_contents  # within bench.gunicorn's raw one
    worker.wsgi = tracer.app


class Connection:
    """A kept-alive connection to nginx."""

    def __init__(self, path: Path, request: bytes) -> None:
        self.request = request
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))

    def ask(self) -> float:
        """Return the microseconds until the whole answer is there."""
        begin = time.perf_counter()
        self._socket.sendall(self.request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        if head[9:12] not in (b"200", b"201"):
            raise SystemExit(f"the server answered {head[:60]!r}")
        length = int((head.lower().partition(b"content-length: ")[2] or b"0").split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._socket.recv(65536)
        return (time.perf_counter() - begin) * 1e6


def measured(connections: list[Connection], server: Server, requests: int) -> tuple[float, float]:
    """Ask over each of the connections in turn.

    Returns the median latency of the last one's, and the processor time of a request, in microseconds.
    """
    before = server.cpu()
    times = [[connection.ask() for connection in connections][-1] for _ in range(requests // len(connections))]
    time.sleep(SETTLE)
    return statistics.median(times), (server.cpu() - before) / requests * 1e6


def connections(name: str, servers: Mapping[str, Server]) -> dict[str, Callable[[int], tuple[float, float]]]:
    method, path, media_type, body = REQUESTS[name]
    headers = {"Host": stack.HOST, "Authorization": stack.token(lifetime=36_000)}
    headers |= {"Content-Type": media_type} if media_type else {}
    found: dict[str, Callable[[int], tuple[float, float]]] = {}
    for way in WAYS:
        server = servers["without" if way == "without" else "with"]
        plain = Connection(server.nginx, http_request(method, path, headers, body))
        asks = Connection(server.nginx, http_request(method, path, headers | {"X-Wz-Trace": "1"}, body))
        found[way] = partial(measured, [*[plain] * (ONE_OF - 1), asks] if way == "traced" else [plain], server)
    return found


@click.command()
@click.option("--json", "as_json", is_flag=True)
@click.option("--quick", is_flag=True)
def main(as_json: bool, quick: bool) -> None:
    """Compare requests that are traced with others."""
    rounds, requests = (5, 200) if quick else (25, 400)
    rows = []
    with ExitStack() as all_, own_stdout():
        folder = Path(all_.enter_context(TemporaryDirectory(prefix="bench-")))
        settings = all_.enter_context(redis(folder))
        servers = {
            name: all_.enter_context(serving(folder / name, kind, settings))
            for name, kind in (("with", Kind(1, EPOLL, 16)), ("without", Without(1, EPOLL, 16)))
        }
        authorization = {"Authorization": stack.token()}
        servers["with"].client.put(MEMBER, json={"score": 1}, headers=authorization).close()
        for name in REQUESTS:
            ways = connections(name, servers)
            for way in ways.values():
                way(50)
            found = in_turn({way: partial(one, requests) for way, one in ways.items()}, rounds)
            for place, what in enumerate(("latency", "processor time of nginx and gunicorn")):
                base = statistics.median(one[place] for one in found["without"])
                medians = {
                    way: base
                    * statistics.median(
                        one[place] / other[place] for one, other in zip(found[way], found["without"], strict=True)
                    )
                    for way in WAYS
                }
                goals = [Goal("traced", "without", 1.15), Goal("not asked", "without", 1.01)]
                rows.append(Row(f"{name}: {what}", medians, goals=goals))
            extra = statistics.median(
                ONE_OF * (one[1] - other[1]) for one, other in zip(found["traced"], found["not asked"], strict=True)
            )
            rows.append(Row(f"{name}: processor time of one trace, above that of its request", {"traced": extra}))
    report(rows, ["without"], [f"one process of gunicorn, {os.cpu_count()} cores"], as_json=as_json)


if __name__ == "__main__":
    main()
