"""A client that would fill the service: thousands of connections, each of which sends a byte now and then.

    python -m tests.deploy.flood PORT CLIENTS

All come from one address, 127.0.0.2, and have no token that is good. A connection that is closed is opened again. A
line with counts is printed when each has been opened once, and another at the end, when stdin is closed.
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

from ..stack import REPOSITORY

ADDRESS = "127.0.0.2"
TICK = 1.0  # seconds between two bytes of a connection
AT_ONCE = 100  # connections that are opened, before answers are looked at again

BODY = (
    b"POST /boards/b/members HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n"
)
FALSE = b"Authorization: SharedAccessSignature sr=http%3A%2F%2F127.0.0.1%2F&sig=AAAA&se=9999999999&skn=nobody\r\n"

#: What is sent at once; the rest comes byte by byte.
BEGINNINGS = {
    "a body without a token": BODY + b"\r\n",
    "a body with a false token": BODY + FALSE + b"\r\n",
    "a header without an end": b"GET /boards/b HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
}


@contextmanager
def flooding(address: str, clients: int) -> Iterator[Counter[str]]:
    """Flood `http://host:port` by a process of its own, from when each connection was opened once.

    Its counts, of answers by their status and of connections, are there when the block has ended.
    """
    command = [sys.executable, "-m", __name__, address.rpartition(":")[2], str(clients)]
    counts: Counter[str] = Counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            yield counts
        finally:
            process.stdin.close()
            counts.update(json.loads(process.stdout.readline()))


class Flood:
    def __init__(self, port: int, clients: int) -> None:
        self.port = port
        self.clients = clients
        self.counts: Counter[str] = Counter()
        self.open: set[socket.socket] = set()
        self.selector = selectors.DefaultSelector()
        self.beginnings = cycle(BEGINNINGS.values())

    def run(self) -> None:
        self.selector.register(sys.stdin, selectors.EVENT_READ)
        told, next_tick = False, time.monotonic()
        while True:
            for _ in range(min(AT_ONCE, self.clients - len(self.open))):
                self.connect()
            for key, _mask in self.selector.select(0.01):
                if key.fileobj is sys.stdin:
                    self.tell()
                    return
                self.look(key.fileobj)  # type: ignore[arg-type]  # all others are sockets
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK
                for sock in self.open:
                    with suppress(OSError):
                        sock.send(b"x")
            if not told and self.counts["opened"] >= self.clients:
                self.tell()
                told = True

    def connect(self) -> None:
        try:
            sock = socket.create_connection(("127.0.0.1", self.port), timeout=1, source_address=(ADDRESS, 0))
        except OSError:
            self.counts["not connected"] += 1
            return
        sock.setblocking(False)
        with suppress(OSError):
            sock.send(next(self.beginnings))
        self.counts["opened"] += 1
        self.open.add(sock)
        self.selector.register(sock, selectors.EVENT_READ)

    def look(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(4096)
        except OSError:
            data = b""
        if data.startswith(b"HTTP/1.1 "):
            self.counts[data[9:12].decode()] += 1
        if not data:
            self.selector.unregister(sock)
            self.open.discard(sock)
            sock.close()
            self.counts["closed"] += 1

    def tell(self) -> None:
        print(json.dumps(self.counts | {"open": len(self.open)}), flush=True)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Flood(*map(int, sys.argv[1:])).run()
