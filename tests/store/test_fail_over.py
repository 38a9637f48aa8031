"""A fail-over behind an address that stays: a TCP proxy sends new connections to another server, and keeps the old."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis as redis_py

from pipeline.settings import Settings
from pipeline.store import OUTAGES
from pipeline.store.client import redis_client
from pipeline.store.refusals import refusal_of

from .. import stack


class Proxy:
    """Sends each new connection to `target`, which may be changed; those that there are stay where they are."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self._ends += (client, server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, redis_py.Redis]]:
    """Run a Redis. Yields its port, and a client that does not need the proxy."""
    folder.mkdir()
    port = stack.free_port()
    with stack.redis_server(folder, "--port", port), redis_py.Redis(port=port, db=2) as direct:
        yield port, direct


def test_one_refusal_is_enough_for_all_connections_to_follow(tmp_path: Path) -> None:
    with server(tmp_path / "old") as (old_port, old), server(tmp_path / "new") as (new_port, new):
        proxy = Proxy(old_port)
        try:
            url = f"redis://127.0.0.1:{proxy.port}"
            client = redis_client(Settings(environment="test", redis_url=url, connection_string=stack.ROOT))
            connections = [client.connection_pool.get_connection() for _ in range(3)]
            for connection in connections:
                client.connection_pool.release(connection)
            old.replicaof("127.0.0.1", new_port)
            proxy.target = new_port
            with pytest.raises(OUTAGES) as refused:
                client.set("key", "value")
            for _ in connections:  # each takes another connection, as one that is used is not idle
                client.connection_pool.get_connection().send_command("INCR", "count")  # type: ignore[no-untyped-call]
            stack.until(lambda: new.get("count") == b"3")
        finally:
            proxy.close()

    assert refusal_of(refused.value).code == "READONLY"
