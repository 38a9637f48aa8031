"""A Redis primary, its replica, and the Sentinel that says which is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from deploy import servers
from deploy.up import DEPLOY

from .. import stack
from ..crash.servers import Server

NAME = "wz"  # what the Sentinel calls them

# It fails over only when it is told to: that a Redis is restarted or stopped is a disturbance of its own.
SENTINEL = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {name} 127.0.0.1 {primary} 1
sentinel down-after-milliseconds {name} 600000
"""

LOOK_OFTEN = ("SENTINEL", "DEBUG", "INFO-PERIOD", 200)  # ms; else it asks a server for its role every ten seconds


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
        conf.write_text(SENTINEL.format(port=self.port, folder=folder, name=NAME, primary=self._ports[0]))
        command = [str(servers.redis_server()), str(conf), "--sentinel"]
        self.sentinel = Server("sentinel", command, {}, folder / "sentinel.log")

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/{NAME}"

    @property
    def primary_url(self) -> str:
        """The address of the one that is the primary now."""
        return f"redis://127.0.0.1:{self._ports[self._primary]}"

    @property
    def servers(self) -> list[Server]:
        return [*self._servers, self.sentinel]

    @property
    def primary(self) -> Server:
        return self._servers[self._primary]

    def is_whole(self) -> bool:
        """Say whether the replica has all that the primary has, and the Sentinel knows it as the primary's."""
        sentinel = self._client(self.port)
        try:
            sentinel.execute_command(*LOOK_OFTEN)  # type: ignore[no-untyped-call]
            known: Any = sentinel.sentinel_slaves(NAME)
            replication: Any = self._client(self._ports[1 - self._primary]).info("replication")
        except redis.RedisError:
            return False
        good = [one for one in known if one["master-link-status"] == "ok" and not one["is_sdown"]]
        return bool(replication["role"] == "slave" and replication["master_link_status"] == "up" and len(good) == 1)

    def fail_over(self) -> None:
        """Have the Sentinel begin to make the replica the primary; `has_failed_over` says when it is done."""
        self._client(self.port).sentinel_failover(NAME)

    def has_failed_over(self) -> bool:
        """Say whether the Sentinel names the other one; from then on, that is the primary here, too."""
        other = 1 - self._primary
        named: Any = self._client(self.port).sentinel_get_master_addr_by_name(NAME)
        if int(named[1]) != self._ports[other]:
            return False
        self._primary = other
        self._set_roles()
        return True

    def _client(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, socket_timeout=stack.ENDS)

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
            if number != self._primary:
                server.command += ["--replicaof", "127.0.0.1", str(self._ports[self._primary])]
