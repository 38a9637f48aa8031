"""Settings: read from the environment once, checked at once, and passed on as one value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import PipelineError
from .hub.connection_string import ConnectionString

#: The Redis database of each environment. 0 is left to whoever did not choose one.
DATABASES = {"development": 1, "test": 2, "staging": 3, "production": 4}

#: First path segments that the service keeps for itself, so that no hub may have these names.
RESERVED = frozenset({"boards", "docs", "healthz", "hubs", "jobs", "metrics", "outputs", "readyz", "static"})

_HUB_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,254}[a-z0-9])?")
_MAX_PARTITIONS = 1024
_MAX_SHARDS = 256
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CLUSTER_SHARDS = 8


class InvalidSetting(PipelineError, ValueError):
    """The message starts with the variable's name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.field = name


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process must know before its first request.

    Variable                      Meaning
    ----------------------------  -------------------------------------------------------------------------
    WZ_ENVIRONMENT                development (default), test, staging or production
    WZ_REDIS_URL                  redis://, rediss:// or unix:// address; a database in it (`/7`, `?db=7`)
                                  overrides the environment's own
    WZ_CONNECTION_STRING          this namespace's root rule, all rights
    WZ_CONNECTION_STRING_FILE     the same, read from a file; default .wz/connection-string
    WZ_HOSTS                      more host names, by comma, that tokens may be made out to
    WZ_HUBS                       name:partitions, by comma; default events:4
    WZ_UPSTREAM                   connection string of the namespace to relay to; unset: nothing is relayed
    WZ_UPSTREAM_FILE              the same, read from a file
    WZ_JOBS                       folder of window jobs, one folder each; unset: none
    WZ_BOARDS_CLUSTER             redis:// or rediss:// addresses of some nodes of a Redis Cluster, by comma, which has
                                  the boards; password and options are the first's. Unset: WZ_REDIS_URL has them
    WZ_BOARD_SHARDS               shards that each board is split over, 1 to 256; default 1, on a cluster 8. It can't
                                  be changed while there are boards
    WZ_REMEMBER_EVENTS            how long a board knows an event's id, so that it counts once: 90s, 15m, 24h or 7d;
                                  default 24h
    """

    environment: str = "development"
    redis_url: str = "redis://127.0.0.1:6379"
    root: ConnectionString
    hosts: frozenset[str] = frozenset()
    hubs: Mapping[str, int] = field(default_factory=lambda: {"events": 4})
    upstream: ConnectionString | None = None
    jobs: Path | None = None
    boards_cluster: tuple[str, ...] = ()
    board_shards: int = 1
    remember_events: int = 86_400

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read every setting. Raises `InvalidSetting`, or `InvalidConnectionString`."""
        environment = environ.get("WZ_ENVIRONMENT", "development")
        if environment not in DATABASES:
            raise InvalidSetting("WZ_ENVIRONMENT", f"{environment!r} is not one of {', '.join(DATABASES)}")

        root = _connection_string(environ, "WZ_CONNECTION_STRING", ".wz/connection-string")
        if root is None:
            raise InvalidSetting(
                "WZ_CONNECTION_STRING",
                "set it, or WZ_CONNECTION_STRING_FILE, or run `wz up` once to have a key made",
            )

        jobs = environ.get("WZ_JOBS")
        if jobs and not Path(jobs).is_dir():
            raise InvalidSetting("WZ_JOBS", f"{jobs!r} is not a folder")

        cluster = _cluster(environ.get("WZ_BOARDS_CLUSTER", ""))
        shards = environ.get("WZ_BOARD_SHARDS") or str(_CLUSTER_SHARDS if cluster else 1)
        if not (shards.isascii() and shards.isdecimal() and 1 <= int(shards) <= _MAX_SHARDS):
            raise InvalidSetting("WZ_BOARD_SHARDS", f"{shards!r}: write a number from 1 to {_MAX_SHARDS}")

        hosts = {host.strip().lower() for host in environ.get("WZ_HOSTS", "").split(",")} - {""}
        return cls(
            environment=environment,
            redis_url=environ.get("WZ_REDIS_URL", "redis://127.0.0.1:6379"),
            root=root,
            hosts=frozenset(hosts),
            hubs=_hubs(environ.get("WZ_HUBS", "events:4")),
            upstream=_connection_string(environ, "WZ_UPSTREAM"),
            jobs=Path(jobs) if jobs else None,
            boards_cluster=cluster,
            board_shards=int(shards),
            remember_events=_duration(environ, "WZ_REMEMBER_EVENTS", "24h"),
        )


def _connection_string(
    environ: Mapping[str, str], name: str, default_file: str | None = None
) -> ConnectionString | None:
    if text := environ.get(name):
        return ConnectionString.parse(text)
    file = environ.get(f"{name}_FILE")
    path = file or default_file
    if path is None:
        return None
    try:
        return ConnectionString.parse(Path(path).read_text())
    except FileNotFoundError:
        if file is None:
            return None
        raise InvalidSetting(f"{name}_FILE", f"there is no file {path!r}") from None
    except OSError as exc:
        raise InvalidSetting(f"{name}_FILE", f"can't read {path!r}: {exc.strerror}") from exc


def duration(text: str) -> int:
    """Return the seconds of a time such as 90s, 15m, 24h or 7d; a bare number is seconds. Raises ValueError."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _SECONDS else (text, "s")
    if not (number.isascii() and number.isdecimal() and int(number) > 0):
        raise ValueError(f"{text!r} is no time: write 90s, 15m, 24h or 7d")
    return int(number) * _SECONDS[unit]


def _duration(environ: Mapping[str, str], name: str, default: str) -> int:
    try:
        return duration(environ.get(name) or default)
    except ValueError as exc:
        raise InvalidSetting(name, str(exc)) from exc


def _cluster(text: str) -> tuple[str, ...]:
    urls = tuple(filter(None, (part.strip() for part in text.split(","))))
    for number, url in enumerate(urls, 1):  # the message must not show its password
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise InvalidSetting(
                "WZ_BOARDS_CLUSTER", f"address {number} is not redis://host:port or rediss://host:port"
            )
        if parts.path.strip("/") not in ("", "0"):
            raise InvalidSetting("WZ_BOARDS_CLUSTER", f"address {number} names a database, but a cluster has only 0")
    return urls


def _hubs(text: str) -> dict[str, int]:
    hubs: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = item.partition(":")
        name = name.lower()  # Event Hubs' names ignore case
        if not _HUB_NAME.fullmatch(name):
            raise InvalidSetting(
                "WZ_HUBS", f"{name!r}: a hub's name is 1 to 256 letters, digits and . - _, alphanumeric at both ends"
            )
        if name in RESERVED:
            raise InvalidSetting("WZ_HUBS", f"{name!r} is a path of the service's own; choose another name")
        if name in hubs:
            raise InvalidSetting("WZ_HUBS", f"{name!r} stands twice")
        if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= _MAX_PARTITIONS):
            raise InvalidSetting("WZ_HUBS", f"{item!r}: write name:partitions, 1 to {_MAX_PARTITIONS} partitions")
        hubs[name] = int(count)
    return hubs
