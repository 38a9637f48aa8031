"""One shared Redis client a process, and one database an environment.

A client holds a pool of connections and is safe to share between threads, as StackExchange.Redis's multiplexer is:
make one, keep it. It is not safe to share between processes, so it is made on first use, which under gunicorn is
after the fork, and a forked child forgets the one that it inherited.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .errors import PipelineError
from .settings import DATABASES, InvalidSetting

if TYPE_CHECKING:
    from redis.connection import Connection

    from .settings import Settings

#: String; holds the name of the environment that a database belongs to.
MARKER = "wz:environment"

MINIMUM = (6, 2)

_clients: dict[tuple[str, str], redis.Redis] = {}
os.register_at_fork(after_in_child=_clients.clear)


class EnvironmentClash(PipelineError):
    """This process and the database belong to different environments."""


class RedisUnavailable(PipelineError):
    """Redis does not answer, or is too old to be used."""


def client(settings: Settings) -> redis.Redis:
    """Return the process's client for these settings; nothing is sent before its first command.

    Each new connection first makes sure that the database is this environment's (two round trips), so neither a
    mistaken setting nor a fail-over to another server can mix staging with production; the command that needed the
    connection then raises `EnvironmentClash`.

    No command is retried by itself: a reward that was added, but whose answer was lost, must not be added twice.
    """
    key = (settings.redis_url, settings.environment)
    if key not in _clients:
        _clients[key] = _make(settings)
    return _clients[key]


def check(client: redis.Redis, wait: float = 0.0) -> None:
    """Make sure that Redis answers, is new enough and is this environment's.

    Waits up to `wait` seconds for a server that is starting or still loads its data. Raises `RedisUnavailable` or
    `EnvironmentClash`.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            version = client.info("server")["redis_version"]
            break
        except redis.AuthenticationError as exc:
            raise RedisUnavailable(f"Redis at {_where(client)} refuses the password: {exc}") from exc
        except (redis.ConnectionError, redis.TimeoutError) as exc:  # BusyLoadingError is a ConnectionError
            if time.monotonic() >= deadline:
                raise RedisUnavailable(f"Redis at {_where(client)} can't be reached: {exc}") from exc
            time.sleep(0.1)
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
        raise RedisUnavailable(f"Redis at {_where(client)} is {version}; at least 6.2 is needed")


def _make(settings: Settings) -> redis.Redis:
    def claim(connection: Connection) -> None:
        connection.on_connect()  # type: ignore[no-untyped-call]
        try:
            connection.send_command("SET", MARKER, settings.environment, "NX")  # type: ignore[no-untyped-call]
            connection.read_response()
            connection.send_command("GET", MARKER)  # type: ignore[no-untyped-call]
            owner = cast("bytes", connection.read_response()).decode()
            if owner != settings.environment:
                raise EnvironmentClash(
                    f"Redis database {connection.db} belongs to the environment {owner!r}, this process to "
                    f"{settings.environment!r}: set WZ_ENVIRONMENT, or another database in WZ_REDIS_URL"
                )
        except BaseException:
            # or the pool would hand it out again, unchecked
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise

    options: dict[str, Any] = {}
    if not _names_database(settings.redis_url):
        options["db"] = DATABASES[settings.environment]
    try:
        return redis.Redis.from_url(
            settings.redis_url, redis_connect_func=claim, retry=Retry(NoBackoff(), 0), **options
        )
    except ValueError as exc:
        raise InvalidSetting("WZ_REDIS_URL", str(exc)) from exc


def _names_database(url: str) -> bool:
    parts = urlsplit(url)
    if "db" in parse_qs(parts.query):
        return True
    return parts.scheme != "unix" and parts.path.strip("/") != ""


def _where(client: redis.Redis) -> str:
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host')}:{options.get('port', 6379)}")
