"""A fail-over behind an address that stays: a TCP proxy sends new connections to another server, and keeps the old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis as redis_py

from pipeline.settings import Settings
from pipeline.store import OUTAGES
from pipeline.store.client import redis_client
from pipeline.store.refusals import refusal_of

from .. import stack
from ..tcp_proxy import Proxy


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
