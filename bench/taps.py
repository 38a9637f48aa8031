"""A tap: what two processes say to each other over a unix socket, byte for byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.socket_proxy import SocketProxy


class Said(NamedTuple):
    """Bytes that came over a connection at once, from the side that connected or from the server."""

    connection: int
    by_server: bool
    data: bytes


class Tap(SocketProxy):
    """Passes on what comes to the socket at `path` to the server at `target`, and keeps it in `said`."""

    def __init__(self, path: Path, target: Path) -> None:
        self.target = target
        self.said: list[Said] = []
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        super().__init__(listener)

    def connect(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.target))
        except OSError:
            server.close()
            raise
        return server

    def passes(self, data: bytes, connection: int, by_server: bool) -> bool:
        self.said.append(Said(connection, by_server, data))  # before it is passed on, so that an answer follows
        return True

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


@contextmanager
def tap(path: Path, target: Path) -> Iterator[Tap]:
    """Run a tap until the block ends."""
    try:
        with closing(Tap(path, target)) as found:
            yield found
    finally:
        path.unlink(missing_ok=True)
