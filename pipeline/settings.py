"""Settings: read from the environment once, checked at once, and passed on as one value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .connection_string import ConnectionString
from .errors import InvalidValue, PipelineError
from .hub.description import DAY_MS, MAX_DAYS, MAX_PARTITIONS, Defaults, hub_name
from .units import byte_count, milliseconds

#: The Redis database of each environment. 0 is left to whoever did not choose one.
DATABASES = {"development": 1, "test": 2, "staging": 3, "production": 4}

_MAX_SHARDS = 256
_MAX_RELAYS = 64
_MAX_DEAD_LETTERS = 1_000_000
_CLUSTER_SHARDS = 8
_MAX_SEND_BYTES = 20 * 1024**2  # of Azure's dedicated clusters
_MAX_CLOCK_TOLERANCE = 15 * 60  # seconds; as much as Microsoft's pages warn of


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
    WZ_RETENTION                  how long a hub keeps an event unless the hub says something else: 90s, 15m, 24h, 7d;
                                  0 for ever. Default 1d, which is what an Event Hub keeps at least
    WZ_RETENTION_SIZE             how many bytes of events a hub keeps, each partition its share: 500MiB, 1GiB; 0
                                  for any number; properties count, too. Default 1GiB: Redis has them in memory
    WZ_MAX_SEND_SIZE              how large an event or a batch may be, 1KiB to 20MiB; default 1MiB. Beyond that raise
                                  client_max_body_size in nginx.conf, too
    WZ_CLOCK_TOLERANCE            for how long after its expiry a token is taken, at most 15m; default 0: the expiry is
                                  absolute, and clients are told to leave room for their clocks themselves
    WZ_UPSTREAM                   connection string of the namespace to relay to; unset: nothing is relayed
    WZ_UPSTREAM_FILE              the same, read from a file
    WZ_UPSTREAM_CA                PEM file of the authorities that may vouch for it; default: the system's
    WZ_RELAYS                     how many requests a worker has under way to it at once, for each hub; default 4
    WZ_RELAY_BATCHES              key (default): a batch has events of one partition key, and an event with a content
                                  type goes alone; any: as many events as fit, which another wz takes
    WZ_MAX_DEAD_LETTERS           with how many dead letters a partition has enough, so that its relay waits; 1 to
                                  1,000,000, default 10,000
    WZ_JOBS                       folder of window jobs, one folder each; unset: none
    WZ_HUBS_CLUSTER               redis:// or rediss:// addresses of some nodes of a Redis Cluster, by comma, which has
                                  the hubs and the access rules; password and options are the first's. Not with
                                  WZ_JOBS, whose transactions span partitions. Unset: WZ_REDIS_URL has them
    WZ_BOARDS_CLUSTER             the same for the boards; it may be the same cluster
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
    retention: Defaults = field(default_factory=Defaults)
    max_send_bytes: int = 1024**2
    clock_tolerance: int = 0  # seconds
    upstream: ConnectionString | None = None
    upstream_ca: Path | None = None
    relays: int = 4
    relay_any_key: bool = False
    max_dead_letters: int = 10_000
    jobs: Path | None = None
    hubs_cluster: tuple[str, ...] = ()
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

        hubs_cluster = _cluster(environ, "WZ_HUBS_CLUSTER")
        if jobs and hubs_cluster:
            raise InvalidSetting(
                "WZ_JOBS",
                "a window job commits in one transaction what it made of all partitions, which a cluster can't do: "
                "unset it, or WZ_HUBS_CLUSTER",
            )
        cluster = _cluster(environ, "WZ_BOARDS_CLUSTER")
        shards = _number(environ, "WZ_BOARD_SHARDS", _CLUSTER_SHARDS if cluster else 1, _MAX_SHARDS)
        hosts = {host.strip().lower() for host in environ.get("WZ_HOSTS", "").split(",")} - {""}
        return cls(
            environment=environment,
            redis_url=environ.get("WZ_REDIS_URL", "redis://127.0.0.1:6379"),
            root=root,
            hosts=frozenset(hosts),
            hubs=_hubs(environ.get("WZ_HUBS", "events:4")),
            retention=_retention(environ),
            max_send_bytes=_max_send_bytes(environ.get("WZ_MAX_SEND_SIZE", "1MiB")),
            clock_tolerance=_clock_tolerance(environ.get("WZ_CLOCK_TOLERANCE", "0")),
            upstream=_connection_string(environ, "WZ_UPSTREAM"),
            upstream_ca=_file(environ, "WZ_UPSTREAM_CA"),
            relays=_number(environ, "WZ_RELAYS", 4, _MAX_RELAYS),
            relay_any_key=_choice(environ, "WZ_RELAY_BATCHES", "key", "any") == "any",
            max_dead_letters=_number(environ, "WZ_MAX_DEAD_LETTERS", 10_000, _MAX_DEAD_LETTERS),
            jobs=Path(jobs) if jobs else None,
            hubs_cluster=hubs_cluster,
            boards_cluster=cluster,
            board_shards=shards,
            remember_events=_remembered(environ.get("WZ_REMEMBER_EVENTS") or "24h"),
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
        with open(path) as opened:
            _check_mode(f"{name}_FILE", path, os.fstat(opened.fileno()))
            return ConnectionString.parse(opened.read())
    except FileNotFoundError:
        if file is None:
            return None
        raise InvalidSetting(f"{name}_FILE", f"there is no file {path!r}") from None
    except OSError as exc:
        raise InvalidSetting(f"{name}_FILE", f"can't read {path!r}: {exc.strerror}") from exc


def _check_mode(name: str, path: str, status: os.stat_result) -> None:
    """Refuse a key of this user's that others can read, as ssh does. What root, say, provides is not ours to judge."""
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        mode = status.st_mode & 0o777
        raise InvalidSetting(name, f"other users may read {path!r} (mode {mode:04o}), which has a key: chmod 600 it")


def _read(name: str, text: str, read: Callable[[str], int]) -> int:
    """Read a time or a size, and name the variable if it is none."""
    try:
        return read(text)
    except InvalidValue as exc:
        raise InvalidSetting(name, str(exc)) from None


def _max_send_bytes(text: str) -> int:
    size = _read("WZ_MAX_SEND_SIZE", text, byte_count)
    if not 1024 <= size <= _MAX_SEND_BYTES:
        raise InvalidSetting("WZ_MAX_SEND_SIZE", f"{text!r} is not between 1KiB and 20MiB")
    return size


def _clock_tolerance(text: str) -> int:
    seconds = _read("WZ_CLOCK_TOLERANCE", text, milliseconds) // 1000
    if seconds > _MAX_CLOCK_TOLERANCE:
        raise InvalidSetting("WZ_CLOCK_TOLERANCE", f"{text!r} is more than 15m")
    return seconds


def _remembered(text: str) -> int:
    seconds = _read("WZ_REMEMBER_EVENTS", text, milliseconds) // 1000
    if seconds < 1:
        raise InvalidSetting("WZ_REMEMBER_EVENTS", f"{text!r} is less than a second")
    return seconds


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if text and not Path(text).is_file():
        raise InvalidSetting(name, f"there is no file {text!r}")
    return Path(text) if text else None


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise InvalidSetting(name, f"{text!r}: write a number from 1 to {most}")
    return int(text)


def _choice(environ: Mapping[str, str], name: str, *choices: str) -> str:
    """The first choice is the default."""
    text = environ.get(name) or choices[0]
    if text not in choices:
        raise InvalidSetting(name, f"{text!r} is not one of {', '.join(choices)}")
    return text


def _cluster(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    urls = tuple(filter(None, (part.strip() for part in environ.get(name, "").split(","))))
    for number, url in enumerate(urls, 1):  # the message must not show its password
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise InvalidSetting(name, f"address {number} is not redis://host:port or rediss://host:port")
        if parts.path.strip("/") not in ("", "0"):
            raise InvalidSetting(name, f"address {number} names a database, but a cluster has only 0")
    return urls


def _hubs(text: str) -> dict[str, int]:
    hubs: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        written, _, count = item.partition(":")
        try:
            name = hub_name(written)
        except InvalidValue as exc:
            raise InvalidSetting("WZ_HUBS", str(exc)) from exc
        if name in hubs:
            raise InvalidSetting("WZ_HUBS", f"{name!r} stands twice")
        if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= MAX_PARTITIONS):
            raise InvalidSetting("WZ_HUBS", f"{item!r}: write name:partitions, 1 to {MAX_PARTITIONS} partitions")
        hubs[name] = int(count)
    return hubs


def _retention(environ: Mapping[str, str]) -> Defaults:
    """Read how long and how much a hub keeps unless it says something else."""
    age, size = environ.get("WZ_RETENTION") or "1d", environ.get("WZ_RETENTION_SIZE") or "1GiB"
    defaults = Defaults(_read("WZ_RETENTION", age, milliseconds), _read("WZ_RETENTION_SIZE", size, byte_count))
    if defaults.retention_ms > MAX_DAYS * DAY_MS:
        raise InvalidSetting("WZ_RETENTION", f"{age!r}: events are kept for at most {MAX_DAYS}d, or 0: without a limit")
    return defaults
