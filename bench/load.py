"""Each contender in its own gunicorn, all with the same flags, and a load that takes turns between them.

The load is a process of its own, with as many connections as the server has threads. Each connection sends a
request, reads the answer to its end, and sends the next (no pipelining); one `select` loop drives them all, so that the
load costs as little as it can. It counts answers, and stops at anything but 200 and 201.

    python -m bench.load SOCKET SECONDS             prints requests a second
    python -m bench.load SOCKET SECONDS FILE N      the same with the request in FILE, over N connections
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from .side_by_side import take_turns

CONNECTIONS = 8
REQUEST = b"GET /boards/go/members/ann HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n"
# deploy/gunicorn.conf.py's kind of worker, with two processes; nothing logged.
FLAGS = ["--workers=2", "--worker-class=gthread", "--threads=4", "--keep-alive=35", "--log-level=error"]


def under_gunicorn(names: list[str], rounds: int, seconds: float) -> dict[str, float]:
    """Return each contender's requests a second, the median of the rounds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        sockets = {name: stack.enter_context(server(name, folder / f"{name}.sock")) for name in names}
        for path in sockets.values():
            measure(path, 0.3)  # imports, caches
        return take_turns({name: partial(measure, path, seconds) for name, path in sockets.items()}, rounds)


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


def measure(path: Path, seconds: float, request: Path | None = None, connections: int = CONNECTIONS) -> float:
    command = [sys.executable, "-m", "bench.load", str(path), str(seconds)]
    command += [str(request), str(connections)] if request else []
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout)


def run(path: str, seconds: float, request: bytes = REQUEST, count: int = CONNECTIONS) -> float:
    """Keep every connection busy for so long, and return requests a second."""
    selector = selectors.DefaultSelector()
    connections: dict[int, socket.socket] = {}
    for _ in range(count):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        connection.sendall(request)
        connections[connection.fileno()] = connection
        selector.register(connection, selectors.EVENT_READ, bytearray())
    answered = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for key, _ in selector.select(timeout=seconds):
            connection, received = connections[key.fd], key.data
            data = connection.recv(65536)
            if not data:
                raise SystemExit("the server closed a connection")
            received += data
            if is_complete(received):
                received.clear()
                answered += 1
                connection.sendall(request)
    return answered / (time.perf_counter() - start)


def is_complete(received: bytearray) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise SystemExit(f"the server answered {bytes(head[:60])!r}")
    _, _, length = head.lower().partition(b"content-length: ")
    return len(body) >= int(length.split(b"\r\n", 1)[0])


if __name__ == "__main__":
    socket_path, length, *rest = sys.argv[1:]
    given = (Path(rest[0]).read_bytes(), int(rest[1])) if rest else (REQUEST, CONNECTIONS)
    print(run(socket_path, float(length), *given))
