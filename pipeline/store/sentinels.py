"""Redis Sentinel: which server is the primary now.

Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from __future__ import annotations

from typing import Any, cast

from redis import ConnectionError, Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..settings.address import SENTINEL, SentinelAddress
from .options import PROTOCOL

#: Seconds until the next Sentinel is asked. They do nothing that takes long.
TIMEOUT = 1.0


class Sentinels:
    """The Sentinels of an address. Safe to share between threads.

    `last` is the host and port of the primary that a connection was made to last; None before the first.
    """

    def __init__(self, address: SentinelAddress, client_name: str) -> None:
        self.last: tuple[str, int] | None = None
        self._name = address.name
        self._places = ",".join(f"{host}:{port}" for host, port in address.hosts)
        # Asking may be repeated, and is if a Sentinel was restarted since it was asked last.
        options: dict[str, Any] = {
            "client_name": client_name,
            "protocol": PROTOCOL,
            "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
            "socket_connect_timeout": TIMEOUT,
            "socket_timeout": TIMEOUT,
            **address.login,
        }
        self._clients = {(host, port): Redis(host, port, **options) for host, port in address.hosts}

    def __str__(self) -> str:
        return f"{SENTINEL}://{self._places}/{self._name}"

    def primary(self) -> tuple[str, int]:
        """Return the host and port of the primary that the first Sentinel to know one names. One round trip each.

        Raises ConnectionError, with what each of them said: also while a primary is down, and no other one is chosen.
        """
        said = []
        for (host, port), client in list(self._clients.items()):
            try:
                # Of all, since redis-py 7.0 can't ask for one.
                found: Any = cast("dict[str, Any]", client.sentinel_masters()).get(self._name)
            except RedisError as exc:
                said.append(f"{host}:{port}: {exc}")
                continue
            if found is None:
                said.append(f"{host}:{port} knows no such primary")
            elif found["is_sdown"] or found["is_odown"]:
                said.append(f"{host}:{port}: {found['ip']}:{found['port']} is down")
            else:
                # The next connection asks it first, and does not wait for those before it.
                self._clients = {(host, port): client, **self._clients}
                return found["ip"], found["port"]
        raise ConnectionError(f"no Sentinel names a primary {self._name}: {'; '.join(said)}")
