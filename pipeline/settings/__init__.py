"""Settings: one row each, read from the environment once, checked then, and passed on as one value.

A row is a field of `Settings`: its variable, how it is read, its default and what it is for are written there and
nowhere else. `wz settings` and docs/settings.md read them from `SETTINGS`. Names and limits of hubs are checked by the
hub's own code, when a process starts.
"""

# ruff: noqa: RUF009 (`setting` makes a field, as `dataclasses.field` does)

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from ..connection_string import ConnectionString
from .address import passwords_in
from .kinds import (
    ADDRESS,
    BATCHES,
    CONNECTION_STRING,
    FILE,
    FOLDER,
    GUIDE,
    HOSTS,
    HUBS,
    LASTING,
    NODES,
    ORIGINS,
    SEND_SIZE,
    SIZE,
    TIME,
    TOLERANCE,
    number,
    one_of,
)
from .row import InvalidSetting as InvalidSetting
from .row import Setting, setting

#: The Redis database of each environment. 0 is not used: it is the default of programs that choose none.
DATABASES = {"development": 1, "test": 2, "staging": 3, "production": 4}

#: Partitions of a hub for which nobody says how many.
DEFAULT_PARTITIONS = 4

#: The exit status of a process whose settings are wrong, or do not fit to what is in Redis: to start it again would not
#: help. It is gunicorn's own for an app that failed to load; deploy/systemd has it, too.
WRONG_SETTINGS = 4

_CLUSTER_SHARDS = 8  # of a board on a cluster, unless WZ_BOARD_SHARDS says otherwise


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that a process needs before its first request."""

    environment: str = setting(
        "WZ_ENVIRONMENT",
        one_of(*DATABASES),
        "development",
        "The environment that this process belongs to, and with it the database in Redis: "
        + ", ".join(f"{name} has {number}" for name, number in DATABASES.items())
        + ". A process never uses a database of another environment.",
        may_be_empty=True,
    )
    redis_url: str = setting(
        "WZ_REDIS_URL",
        ADDRESS,
        "redis://127.0.0.1:6379",
        "The Redis server, or, as `redis+sentinel://HOST:PORT,HOST:PORT/NAME`, Sentinels that know which one is the "
        "primary. A database in the address (`/7`, `?db=7`; with Sentinels the latter) comes before the environment's "
        "own.",
        may_be_empty=True,
        file=True,
    )
    connection_string: ConnectionString | None = setting(
        "WZ_CONNECTION_STRING",
        CONNECTION_STRING,
        "",
        "This namespace's root rule, which has all rights. What signs or checks tokens needs it.",
        file=True,
        default_file=".wz/connection-string",
    )
    hosts: frozenset[str] = setting(
        "WZ_HOSTS", HOSTS, "", "More host names that tokens may be made out to, beside the connection string's."
    )
    cors_origins: frozenset[str] = setting(
        "WZ_CORS_ORIGINS",
        ORIGINS,
        "",
        "The origins, such as `https://shop.example`, whose pages may send events and read answers with a token of "
        "their own; `*`: all. nginx has a list of its own for its errors: deploy/nginx.d/cors.origins. Unset: none.",
    )
    hubs: Mapping[str, int] = setting(
        "WZ_HUBS",
        HUBS,
        f"events:{DEFAULT_PARTITIONS}",
        "The hubs that a service begins with. Empty: none.",
        may_be_empty=True,
    )
    retention_ms: int = setting(
        "WZ_RETENTION",
        TIME,
        "1d",
        "How long a hub keeps an event, unless it has a retention of its own; 0: without a limit. An Event Hub keeps "
        "events for at least a day.",
    )
    retention_bytes: int = setting(
        "WZ_RETENTION_SIZE",
        SIZE,
        "1GiB",
        "How many bytes of events, with their properties, a hub keeps, unless it has a size of its own; each partition "
        "keeps an equal share; 0: without a limit. Redis keeps them in memory.",
    )
    max_send_bytes: int = setting(
        "WZ_MAX_SEND_SIZE",
        SEND_SIZE,
        "1MiB",
        "How large an event or a batch may be. For more than the default, raise `client_max_body_size` in nginx.conf "
        "as well.",
    )
    max_reference_bytes: int = setting(
        "WZ_MAX_REFERENCE_SIZE",
        SEND_SIZE,
        "16MiB",
        "How large a table of reference data may be, as it is sent. For more than the default, raise "
        "`client_max_body_size` in nginx.conf as well.",
    )
    clock_tolerance: int = setting(
        "WZ_CLOCK_TOLERANCE",
        TOLERANCE,
        "0",
        "For how long after its expiry a token is accepted. By default not at all: Microsoft advises clients to allow "
        "for clock skew themselves.",
    )
    upstream: ConnectionString | None = setting(
        "WZ_UPSTREAM",
        CONNECTION_STRING,
        "",
        "The namespace that hubs are relayed to, unless `wz hub relay` has named another for a hub. It may have a "
        "SharedAccessSignature in place of a key. It is reached through HTTPS_PROXY, if that is set and NO_PROXY does "
        "not name it.",
        file=True,
    )
    upstream_ca: Path | None = setting(
        "WZ_UPSTREAM_CA",
        FILE,
        "",
        "PEM file of the certificate authorities for the upstream namespace. Unset: the system's.",
    )
    relays: int = setting(
        "WZ_RELAYS",
        number(64, "requests"),
        "4",
        "How many requests to the upstream namespace a worker sends at the same time, for each hub.",
    )
    relay_any_key: bool = setting(
        "WZ_RELAY_BATCHES",
        BATCHES,
        "key",
        "`key`: a batch has events of one partition key, and an event with a content type goes alone. `any`: as many "
        "events as fit, which another wz takes.",
    )
    max_dead_letters: int = setting(
        "WZ_MAX_DEAD_LETTERS",
        number(1_000_000, "dead letters"),
        "10000",
        "How many dead letters a partition may have before its relay waits.",
    )
    jobs: Path | None = setting(
        "WZ_JOBS", FOLDER, "", "The window jobs that a worker runs: each is a folder in this folder. Unset: none."
    )
    hubs_cluster: tuple[str, ...] = setting(
        "WZ_HUBS_CLUSTER",
        NODES,
        "",
        "Some nodes of the Redis Cluster for the hubs, the access rules and the window jobs; password and options are "
        "those of the first. Unset: WZ_REDIS_URL has them.",
    )
    hubs_replicas: int = setting(
        "WZ_HUBS_REPLICAS",
        number(8, "replicas", least=0),
        "0",
        "How many replicas must confirm that they have what was sent to a hub before it is answered 201; after 2 s "
        "without, the answer is 504. 0: the answer waits for none.",
    )
    boards_cluster: tuple[str, ...] = setting(
        "WZ_BOARDS_CLUSTER", NODES, "", "The same for the boards; it may be the same cluster."
    )
    board_shards: int = setting(
        "WZ_BOARD_SHARDS",
        number(256, "shards"),
        "1",
        f"How many shards each board is split over; on a cluster {_CLUSTER_SHARDS} unless it is set. It can't be "
        "changed while there are boards.",
    )
    remember_events: int = setting(
        "WZ_REMEMBER_EVENTS",
        LASTING,
        "24h",
        "How long a board remembers an event's id, so that the event counts once, and a hub an Idempotency-Key.",
    )
    trace_every: int = setting(
        "WZ_TRACE_EVERY",
        number(1_000_000, "requests", least=0),
        "0",
        "Of so many requests, each process traces one through all layers, for /layers. 0: only those that ask for it.",
    )
    traces: int = setting(
        "WZ_TRACES",
        number(10_000, "traces"),
        "500",
        "How many traces of requests are kept, for an hour at most, in Redis's memory: some KiB each, at "
        "most 64, and 16 MiB in all.",
    )
    guide_url: str = setting(
        "WZ_GUIDE_URL",
        GUIDE,
        "",
        "Where the guide is, such as `/guide/`: then the console has a link to it, and each error one to what it "
        "means. nginx has it once more, for its own errors: `$guide_url` in nginx.conf. `wz up` sets both. Unset: no "
        "links.",
    )
    log_format: str = setting(
        "WZ_LOG_FORMAT",
        one_of("auto", "json", "text"),
        "auto",
        "How the service, gunicorn and the workers log: `json`, an object a line; `text`, the same for people; `auto`, "
        "text if standard error is a terminal, otherwise JSON. `wz up` has text.",
    )
    log_level: str = setting(
        "WZ_LOG_LEVEL",
        one_of("debug", "info", "warning", "error"),
        "info",
        "What is at least so important is logged.",
    )

    @property
    def secrets(self) -> frozenset[str]:
        """The keys and passwords in these settings, which no log shows."""
        strings = [found.secrets for found in (self.connection_string, self.upstream) if found is not None]
        addresses = (self.redis_url, *self.hubs_cluster, *self.boards_cluster)
        return frozenset().union(*strings, *map(passwords_in, addresses))

    @property
    def root(self) -> ConnectionString:
        """The root rule's connection string. Raises `InvalidSetting` if there is none."""
        if self.connection_string is None:
            raise InvalidSetting(
                "WZ_CONNECTION_STRING",
                "set it, or WZ_CONNECTION_STRING_FILE, or run `wz up` once to have a key made",
            )
        return self.connection_string

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read every setting. Raises `InvalidSetting`."""
        values = {row.field: row.read(row.find(environ)[0]) for row in SETTINGS}
        if values["connection_string"] and values["connection_string"].signature:
            raise InvalidSetting(
                "WZ_CONNECTION_STRING", "has a signature in place of the key, with which tokens are signed and checked"
            )
        if values["boards_cluster"] and not environ.get("WZ_BOARD_SHARDS"):
            values["board_shards"] = _CLUSTER_SHARDS
        return cls(**values)


#: Every row, in the order of the fields.
SETTINGS = tuple(Setting(found.name, **found.metadata) for found in fields(Settings))
