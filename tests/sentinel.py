"""A Redis primary, its replica, and the Sentinel that says which is which. Both have passwords, which differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from deploy import servers
from deploy.up import DEPLOY

from . import stack
from .crash.servers import Server

NAME = "wz"  # what the Sentinel calls them
PASSWORD, SENTINELS_PASSWORD = "of-Redis", "of-Sentinel"

# It fails over only when it is told to: that a Redis is restarted or stopped is a disturbance of its own.
SENTINEL = """\
port {port}
bind 127.0.0.1
dir {folder}
requirepass {sentinels_password}
sentinel monitor {name} 127.0.0.1 {primary} 1
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} 600000
"""

#: In ms. Else it asks servers for their roles every ten seconds, and makes an earlier primary a replica after eight.
LOOK_OFTEN = ("SENTINEL", "DEBUG", "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200)


class Store:
    """Two servers with deploy/redis.conf, of which one is the primary, and a Sentinel."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = stack.free_port()
        self._ports = stack.free_port(), stack.free_port()
        self._primary = 0
        self._servers = [self._server(folder / str(number)) for number in range(2)]
        self._set_roles()
        conf = folder / "sentinel.conf"
        conf.write_text(
            SENTINEL.format(
                port=self.port,
                folder=folder,
                name=NAME,
                primary=self._ports[0],
                password=PASSWORD,
                sentinels_password=SENTINELS_PASSWORD,
            )
        )
        command = [str(servers.redis_server()), str(conf), "--sentinel"]
        self.sentinel = Server("sentinel", command, {}, folder / "sentinel.log")

    @property
    def url(self) -> str:
        """Options may be added with an `&`."""
        return f"redis+sentinel://:{PASSWORD}@127.0.0.1:{self.port}/{NAME}?sentinel_password={SENTINELS_PASSWORD}"

    @property
    def servers(self) -> list[Server]:
        return [*self._servers, self.sentinel]

    @property
    def primary(self) -> Server:
        return self._servers[self._primary]

    @property
    def port_of_primary(self) -> int:
        return self._ports[self._primary]

    def ask(self, *command: object) -> Any:
        """Ask the primary."""
        return self._client(self.port_of_primary).execute_command(*command)  # type: ignore[no-untyped-call]

    def ask_replica(self, *command: object) -> Any:
        return self._client(self._ports[1 - self._primary]).execute_command(*command)  # type: ignore[no-untyped-call]

    def ask_sentinel(self, *command: object) -> Any:
        return self._client(self.port, SENTINELS_PASSWORD).execute_command(*command)  # type: ignore[no-untyped-call]

    def tick(self) -> None:
        """Start what has ended."""
        for server in self.servers:
            server.tick()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it, and start meanwhile what has ended."""

        def holds() -> bool:
            self.tick()
            return condition()

        stack.until(holds)

    def is_whole(self) -> bool:
        """Say whether the replica has all that the primary has, and the Sentinel knows it as the primary's."""
        try:
            self.ask_sentinel(*LOOK_OFTEN)
            known = self.ask_sentinel("SENTINEL SLAVES", NAME)
            replication = self.ask_replica("INFO", "replication")
        except redis.RedisError:
            return False
        good = [one for one in known if one["master-link-status"] == "ok" and not one["is_sdown"]]
        return bool(replication["role"] == "slave" and replication["master_link_status"] == "up" and len(good) == 1)

    def fail_over(self) -> bool:
        """Have the Sentinel make the replica the primary, and say whether it begins; `has_failed_over` says the rest.

        On a slow machine it may not have heard from the replica just now, and does not begin.
        """
        try:
            self.ask_sentinel("SENTINEL FAILOVER", NAME)
        except redis.ResponseError as exc:
            if "NOGOODSLAVE" not in str(exc):
                raise
            return False
        return True

    def has_failed_over(self) -> bool:
        """Say whether the Sentinel names the other one; from then on, that is the primary here, too."""
        other = 1 - self._primary
        named = self.ask_sentinel("SENTINEL GET-MASTER-ADDR-BY-NAME", NAME)
        if int(named[1]) != self._ports[other]:
            return False
        self._primary = other
        self._set_roles()
        return True

    def _client(self, port: int, password: str = PASSWORD) -> redis.Redis:
        return redis.Redis(port=port, password=password, socket_timeout=stack.ENDS)

    def _server(self, folder: Path) -> Server:
        folder.mkdir()
        # A copy, since Sentinel has each server write its role into its own file.
        (folder / "redis.conf").write_text((DEPLOY / "redis.conf").read_text())
        return Server(f"redis-{folder.name}", [], {}, folder / "redis.log")

    def _set_roles(self) -> None:
        """Say with which roles the two are started the next time."""
        for number, (server, port) in enumerate(zip(self._servers, self._ports, strict=True)):
            folder = server.log.parent
            server.command = [str(servers.redis_server()), str(folder / "redis.conf"), "--dir", str(folder)]
            server.command += ["--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"]
            server.command += ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
            # As docs/deploy.md has it: without a replica, a primary takes no writes, as they could be lost.
            server.command += ["--min-replicas-to-write", "1"]
            if number != self._primary:
                server.command += ["--replicaof", "127.0.0.1", str(self._ports[self._primary])]


@contextmanager
def running(folder: Path) -> Iterator[Store]:
    """Run the three until the block ends, all of them there and known to each other when it begins."""
    store = Store(folder)
    try:
        store.until(store.is_whole)
        yield store
    finally:
        for server in reversed(store.servers):
            server.end()
