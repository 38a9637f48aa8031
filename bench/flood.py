"""What others notice of a client that would fill the service with thousands of slow connections.

    python -m bench.flood            3,000 connections: p50 and p99 of others' requests without and with them, in turns
    python -m bench.flood --quick    fewer requests

nginx, gunicorn and Redis run as in production. The flood (tests/deploy/flood.py) is a process of its own and comes from
one address; the others, at another one, send one request at a time, each on a new connection, and all must be served.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from deploy import servers
from pipeline.settings import Settings
from tests import stack
from tests.deploy.flood import flooding
from tests.deploy.wire import exchange

GOAL = 2.0  # p99 with the flood / p99 without it
ADDRESS = "127.0.0.3"
ROUNDS = 3
PACE = 0.01  # seconds between two requests


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--quick", is_flag=True, help="Fewer requests.")
@click.option("--clients", default=3000, show_default=True, help="Connections of the flood.")
def main(quick: bool, clients: int) -> None:
    with ExitStack() as started:
        folder = Path(started.enter_context(TemporaryDirectory(prefix="bench-")))
        address = served(started, folder)
        measure(address, 200)
        count = 200 if quick else 1000
        alone: list[float] = []
        flooded: list[float] = []
        for _ in range(ROUNDS):
            alone += measure(address, count)
            with flooding(address, clients) as counts:
                flooded += measure(address, count)
    print("  ".join(f"{name}: {number}" for name, number in counts.items()), "(the flood, last round)")
    for name, times in (("alone", alone), ("flooded", flooded)):
        print(f"{name:8}  {len(times)} served  p50 {quantile(times, 50):6.2f} ms  p99 {quantile(times, 99):6.2f} ms")
    ratio = quantile(flooded, 99) / quantile(alone, 99)
    print(f"p99 {ratio:.2f} x (goal: at most {GOAL})")


def served(started: ExitStack, folder: Path) -> str:
    socket = folder / "redis.sock"
    redis = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    started.enter_context(stack.process([*redis, "--loglevel", "warning"], ready=socket.exists))
    settings = Settings(
        environment="test",
        redis_url=f"unix://{socket}",
        connection_string=stack.ROOT,
        hosts=frozenset({stack.HOST, "127.0.0.1"}),
    )
    started.enter_context(stack.gunicorn(folder, settings))
    return started.enter_context(stack.nginx(folder, log=folder / "access.log")).address


def measure(address: str, count: int) -> list[float]:
    """Return the milliseconds of so many requests; stop at one that is not served."""
    head = f"GET /boards/none/members/x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {stack.token()}\r\n\r\n".encode()
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        answer = exchange(address, head, ADDRESS)
        times.append((time.perf_counter() - begin) * 1000)
        if answer is None or answer.status != 404:
            raise SystemExit(f"a request of others was answered {answer and answer.status}")
        time.sleep(PACE)
    return times


def quantile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


if __name__ == "__main__":
    main()
