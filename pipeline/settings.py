"""Settings: read from the environment once, checked at once, and passed on as one value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import PipelineError
from .hub.connection_string import ConnectionString

#: The Redis database of each environment. 0 is left to whoever did not choose one.
DATABASES = {"development": 1, "test": 2, "staging": 3, "production": 4}

#: First path segments that the service keeps for itself, so that no hub may have these names.
RESERVED = frozenset({"boards", "docs", "healthz", "hubs", "jobs", "metrics", "outputs", "readyz", "static"})

_HUB_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,254}[a-z0-9])?")
_MAX_PARTITIONS = 1024


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
    """

    environment: str = "development"
    redis_url: str = "redis://127.0.0.1:6379"
    root: ConnectionString
    hosts: frozenset[str] = frozenset()
    hubs: Mapping[str, int] = field(default_factory=lambda: {"events": 4})
    upstream: ConnectionString | None = None
    jobs: Path | None = None

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

        hosts = {host.strip().lower() for host in environ.get("WZ_HOSTS", "").split(",")} - {""}
        return cls(
            environment=environment,
            redis_url=environ.get("WZ_REDIS_URL", "redis://127.0.0.1:6379"),
            root=root,
            hosts=frozenset(hosts),
            hubs=_hubs(environ.get("WZ_HUBS", "events:4")),
            upstream=_connection_string(environ, "WZ_UPSTREAM"),
            jobs=Path(jobs) if jobs else None,
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
