"""The options of every connection to Redis.

All are stated, so that they are the same with every allowed version of redis-py: by default, 7.0 waits for an answer
without a limit where 8.1 waits five seconds, 8.1 uses RESP3 where 7.0 uses RESP2, and so on. An address may override
them: `redis://host?socket_timeout=0.5`.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

#: Seconds until a server that does not accept a connection counts as unreachable.
CONNECT_TIMEOUT = 5.0

#: Seconds until a command that is not answered fails; whether it was executed is not known then. It is also the longest
#: that a script may run or a blocking read may block, and nginx and gunicorn wait longer.
SOCKET_TIMEOUT = 5.0

#: Seconds after which a connection is checked with PING before it is used; 0: never. Since nothing is retried, a failed
#: PING would be the same error as a failed command, and cost a round trip. Keep-alive finds dead connections instead.
HEALTH_CHECK_INTERVAL = 0

#: Most connections of a process to a server. Each thread uses one at a time, and a worker has one thread per task.
MAX_CONNECTIONS = 1024

#: The version of RESP. Replies have the same shape in all versions of redis-py, and a connection needs no HELLO.
PROTOCOL = 2

#: Seconds without traffic until the system probes a TCP connection, seconds between two probes, and how many may fail.
#: A connection that is found dead is replaced before a command is sent into it. Not every operating system has all
#: three options.
KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}


def connection_options(url: str, environment: str) -> dict[str, Any]:
    """Return the options of connections to `url`, as `from_url` of redis-py takes them, all but `retry`."""
    options: dict[str, Any] = {
        "client_name": client_name(environment),
        "health_check_interval": HEALTH_CHECK_INTERVAL,
        "max_connections": MAX_CONNECTIONS,
        "protocol": PROTOCOL,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": SOCKET_TIMEOUT,
    }
    if not url.startswith("unix:"):
        options |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
    return options


def no_retry() -> Retry:
    """Return a policy without retries: a reward that was added, but whose answer was lost, must not be added twice.

    A cluster's client sends a command again only if a node refused it, because the slot has moved.
    """
    return Retry(NoBackoff(), 0)


def client_name(environment: str) -> str:
    """Return how CLIENT LIST shows this process: `wz-production@web1:4242`, with its host and process id."""
    # Redis refuses other characters in names.
    host = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~")
    return f"wz-{environment}@{host}:{os.getpid()}"
