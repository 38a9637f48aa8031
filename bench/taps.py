"""A tap: what two processes say to each other over a unix socket, byte for byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    """Bytes that came over a connection at once, from the side that connected or from the server."""

    connection: int
    by_server: bool
    data: bytes


class Tap:
    """Passes on what comes to the socket at `path` to the server at `target`, and keeps it in `said`."""

    def __init__(self, path: Path, target: Path) -> None:
        self.target = target
        self.said: list[Said] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._ends: list[socket.socket] = [self._listener]
        self._connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def exchange(self, begin: int, word: bytes) -> tuple[bytes, bytes]:
        """Return what was said since `said` had `begin` items, on the connection that said `word`, and the answer.

        Raises `LookupError` if none has.
        """
        said = self.said[begin:]
        number = next((one.connection for one in said if not one.by_server and word in one.data), None)
        if number is None:
            raise LookupError(f"nobody has said {word!r}")
        both = [b"".join(one.data for one in said if one[:2] == (number, by_server)) for by_server in (False, True)]
        return both[0], both[1]

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self.target))
                except OSError:  # the server does not listen yet
                    client.close()
                    continue
                self._connections += 1
                self._ends += (client, server)
                for source, sink, by_server in ((client, server, False), (server, client, True)):
                    ends = (source, sink, self._connections, by_server)
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, connection: int, by_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.said.append(Said(connection, by_server, data))  # before it is passed on, so that an answer follows
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def tap(path: Path, target: Path) -> Iterator[Tap]:
    """Run a tap until the block ends."""
    found = Tap(path, target)
    try:
        yield found
    finally:
        found.close()
        path.unlink(missing_ok=True)
