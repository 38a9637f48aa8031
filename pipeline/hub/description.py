"""A hub's description: its name, how many partitions it has, what it keeps, and how much it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import msgspec

from ..errors import InvalidValue
from ..settings import InvalidSetting, Settings
from .rate import check_rate

#: The limit of a hub in Azure's dedicated tier.
MAX_PARTITIONS = 1024

#: The longest retention of Azure's tiers, in days.
MAX_DAYS = 90

#: The smallest limit of a partition, in bytes: the largest event must fit in.
MIN_PARTITION_BYTES = 1024 * 1024

MAX_THROUGHPUT_UNITS = 40  # Azure's, for a namespace

#: Milliseconds for which a hub may remember MessageIds: Service Bus's.
MIN_DETECTION, MAX_DETECTION = 20_000, 7 * 24 * 60 * 60 * 1000

#: A hub's name, in lower case.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,254}[a-z0-9])?")
DAY_MS = 24 * 60 * 60 * 1000

#: First path segments of the service's own routes, which no hub may have as its name. This is the only list of them;
#: tests/handlers/hub/test_reserved.py compares it with the routes.
RESERVED = frozenset(
    {
        "boards",
        "console",
        "docs",
        "favicon.ico",
        "guide",
        "healthz",
        "hubs",
        "jobs",
        "layers",
        "layers.json",
        "metrics",
        "openapi.json",
        "outputs",
        "readyz",
        "reference",
        "static",
    }
)


@dataclass(frozen=True)
class HubSettings:
    """The settings that can be chosen for a hub. 0 sets no limit.

    `retention_ms` is how long an event is kept; `retention_bytes` how many bytes of events (`Event.size`) the hub
    keeps, each partition an equal share; a throughput unit is 1 MiB/s or 1,000 events/s of sends, whichever is reached
    first; each publisher may also have a limit of its own. `duplicate_detection_ms` is for how long a partition
    remembers a MessageId, 0: not at all; `remember_ms`, for how long the hub remembers a request's key. See
    repetition.py. `replicas` must have confirmed an append before it counts: see store/replicas.py.
    """

    partitions: int
    retention_ms: int = 0
    retention_bytes: int = 0
    throughput_units: int = 0
    duplicate_detection_ms: int = 0
    remember_ms: int = Settings.remember_events * 1000
    publisher_events_per_second: int = 0
    publisher_bytes_per_second: int = 0
    replicas: int = 0

    @cached_property
    def partition_bytes(self) -> int:
        """A partition's share of `retention_bytes`, rounded up."""
        return -(-self.retention_bytes // self.partitions)


@dataclass(frozen=True, slots=True)
class Defaults:
    """The settings of a hub that has none of its own."""

    retention_ms: int = Settings.retention_ms
    retention_bytes: int = Settings.retention_bytes
    remember_ms: int = Settings.remember_events * 1000
    replicas: int = Settings.hubs_replicas

    @classmethod
    def from_settings(cls, settings: Settings) -> Defaults:
        """Return what the settings say. Raises `InvalidSetting` if WZ_RETENTION is more than a hub may keep."""
        if settings.retention_ms > MAX_DAYS * DAY_MS:
            days = f"{settings.retention_ms / DAY_MS:g}d"
            raise InvalidSetting(
                "WZ_RETENTION", f"{days!r}: events are kept for at most {MAX_DAYS}d, or 0: without a limit"
            )
        remember_ms = settings.remember_events * 1000
        return cls(settings.retention_ms, settings.retention_bytes, remember_ms, settings.hubs_replicas)


class Description(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of a hub. None stands for the service's default, as it is at the time of reading.

    `created_ms` and `updated_ms` are Redis's clock, ms since the Unix epoch. `metadata` is the owner's own text.
    """

    partitions: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTITIONS)]
    retention_ms: int | None = None
    retention_bytes: int | None = None
    throughput_units: int = 0
    duplicate_detection_ms: int = 0
    publisher_events_per_second: int = 0
    publisher_bytes_per_second: int = 0
    metadata: str | None = None
    created_ms: int = 0
    updated_ms: int = 0

    def settings(self, defaults: Defaults) -> HubSettings:
        """Return the settings that apply: the hub's own, and the defaults where it has none."""
        return HubSettings(
            partitions=self.partitions,
            retention_ms=defaults.retention_ms if self.retention_ms is None else self.retention_ms,
            retention_bytes=defaults.retention_bytes if self.retention_bytes is None else self.retention_bytes,
            throughput_units=self.throughput_units,
            duplicate_detection_ms=self.duplicate_detection_ms,
            remember_ms=defaults.remember_ms,
            replicas=defaults.replicas,
            publisher_events_per_second=self.publisher_events_per_second,
            publisher_bytes_per_second=self.publisher_bytes_per_second,
        )

    def check(self) -> None:
        """Raise `InvalidValue` for a description that no hub may have."""
        if not 1 <= self.partitions <= MAX_PARTITIONS:
            raise InvalidValue(f"a hub has 1 to {MAX_PARTITIONS} partitions, not {self.partitions}", "partitions")
        if self.retention_ms is not None and not 0 <= self.retention_ms <= MAX_DAYS * DAY_MS:
            raise InvalidValue(f"events are kept for at most {MAX_DAYS} days, or 0: without a limit", "retention_ms")
        least = self.partitions * MIN_PARTITION_BYTES
        if self.retention_bytes and self.retention_bytes < least:
            raise InvalidValue(
                f"{self.partitions} partitions must hold at least {least} bytes, or 0: without a limit",
                "retention_bytes",
            )
        if not 0 <= self.throughput_units <= MAX_THROUGHPUT_UNITS:
            raise InvalidValue(f"a hub has 0 (no limit) to {MAX_THROUGHPUT_UNITS} throughput units", "throughput_units")
        if self.duplicate_detection_ms and not MIN_DETECTION <= self.duplicate_detection_ms <= MAX_DETECTION:
            raise InvalidValue(
                "duplicates are detected for 20 seconds to 7 days, or 0: not at all", "duplicate_detection_ms"
            )
        check_rate(self.publisher_events_per_second, "publisher_events_per_second")
        check_rate(self.publisher_bytes_per_second, "publisher_bytes_per_second")
        if self.metadata is not None and len(self.metadata) > 1024:
            raise InvalidValue("the metadata of a hub has at most 1024 characters", "metadata")


def hub_name(name: str) -> str:
    """Return a hub's name as it is stored: in lower case, since names ignore case. Raises `InvalidValue`."""
    lower = name.lower()
    if not NAME.fullmatch(lower):
        raise InvalidValue(
            f"{name!r}: a hub's name is 1 to 256 letters, digits and . - _, alphanumeric at both ends", "name"
        )
    if lower in RESERVED:
        raise InvalidValue(f"{name!r} is a path of the service itself; choose another name", "name")
    return lower


def declared_hubs(settings: Settings) -> Mapping[str, int]:
    """Return the hubs of WZ_HUBS, name -> partitions. Raises `InvalidSetting` for a hub that is not valid."""
    for name, partitions in settings.hubs.items():
        try:
            hub_name(name)
        except InvalidValue as exc:
            raise InvalidSetting("WZ_HUBS", str(exc)) from exc
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise InvalidSetting(
                "WZ_HUBS", f"'{name}:{partitions}': write name:partitions, 1 to {MAX_PARTITIONS} partitions"
            )
    return settings.hubs
