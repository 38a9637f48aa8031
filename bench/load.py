"""Each contender in its own gunicorn, all with the same flags, and a load that takes turns between them.

The load is a process of its own, with as many connections as the server has threads. Each connection sends a
request, reads the answer to its end, and sends the next (no pipelining); one `select` loop drives them all, so that the
load costs as little as it can. It counts answers, and stops at anything but 200 and 201.

    python -m bench.load ADDRESS SECONDS            requests a second, and milliseconds, as JSON
    python -m bench.load ADDRESS SECONDS FILE N     the same with the requests in FILE, over N connections

ADDRESS is a unix socket's path, or HOST:PORT. FILE has whole requests with a NUL byte between two; they are sent in
turn, again and again.
"""

from __future__ import annotations

import itertools
import json
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from .side_by_side import Round, take_turns

CONNECTIONS = 8
REQUEST = b"GET /boards/go/members/ann HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n"
# deploy/gunicorn.conf.py's kind of worker, with two processes; nothing logged.
FLAGS = ["--workers=2", "--worker-class=gthread", "--threads=4", "--keep-alive=35", "--log-level=error"]


@dataclass
class Load:
    """Requests a second, and milliseconds from a request's first byte to its answer's last: of the half, of 99 %."""

    rate: float
    p50: float
    p99: float


def under_gunicorn(names: list[str], rounds: int, seconds: float) -> dict[str, float]:
    """Return each contender's requests a second, the median of the rounds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        sockets = {name: stack.enter_context(server(name, folder / f"{name}.sock")) for name in names}
        for path in sockets.values():
            measure(path, 0.3)  # imports, caches

        def rate(path: Path) -> Round:
            return lambda: measure(path, seconds).rate

        return take_turns({name: rate(path) for name, path in sockets.items()}, rounds)


@contextmanager
def server(name: str, path: Path) -> Iterator[Path]:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        *FLAGS,
        "--no-control-socket",
        "--bind",
        f"unix:{path}",
        f"bench.peers:{name}()",
    ]
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + 30
            while not path.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"gunicorn did not start {name}")
                time.sleep(0.05)
            yield path
        finally:
            process.send_signal(signal.SIGTERM)


def measure(address: Path | str, seconds: float, request: Path | None = None, connections: int = CONNECTIONS) -> Load:
    command = [sys.executable, "-m", "bench.load", str(address), str(seconds)]
    command += [str(request), str(connections)] if request else []
    return Load(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def run(address: str, seconds: float, requests: list[bytes], count: int = CONNECTIONS) -> Load:
    """Keep every connection busy for so long, each with the next of the requests."""
    selector = selectors.DefaultSelector()
    following = itertools.cycle(requests)
    times = []
    start = time.perf_counter()
    for _ in range(count):
        selector.register(connected(address), selectors.EVENT_READ, Exchange(start))
    for key in selector.get_map().values():
        key.data.sent = time.perf_counter()
        key.fileobj.sendall(next(following))  # type: ignore[union-attr]
    while time.perf_counter() - start < seconds:
        for key, _ in selector.select(timeout=seconds):
            connection, exchange = cast("socket.socket", key.fileobj), key.data
            data = connection.recv(65536)
            if not data:
                raise SystemExit("the server closed a connection")
            exchange.received += data
            if is_complete(exchange.received):
                exchange.received.clear()
                now = time.perf_counter()
                times.append(now - exchange.sent)
                exchange.sent = now
                connection.sendall(next(following))
    rate = len(times) / (time.perf_counter() - start)
    if len(times) < 2:
        raise SystemExit(f"the server answered {len(times)} requests in {seconds} s")
    hundredths = [1000 * cut for cut in statistics.quantiles(times, n=100)]
    return Load(rate, hundredths[49], hundredths[98])


@dataclass
class Exchange:
    """What is under way on a connection."""

    sent: float
    received: bytearray = field(default_factory=bytearray)


def http_request(method: str, path: str, headers: Mapping[str, str], body: str = "") -> bytes:
    """Return a whole request as bytes, with the length of its body."""
    lengths = {"Content-Length": str(len(body.encode()))} if body else {}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **lengths}.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode()


def connected(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if colon:
        return socket.create_connection((host, int(port)))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    return connection


def is_complete(received: bytearray) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise SystemExit(f"the server answered {bytes(head[:60])!r}")
    _, _, length = head.lower().partition(b"content-length: ")
    return len(body) >= int(length.split(b"\r\n", 1)[0])


if __name__ == "__main__":
    target, length, *rest = sys.argv[1:]
    requests = Path(rest[0]).read_bytes().split(b"\0") if rest else [REQUEST]
    print(json.dumps(asdict(run(target, float(length), requests, int(rest[1]) if rest else CONNECTIONS))))
