"""What the endpoints share: one value, kept in the app's extensions."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import cast

from pipeline.boards import Boards
from pipeline.hub.namespace import Hubs
from pipeline.hub.sas import Rules
from pipeline.settings import Settings
from pipeline.store import Redis
from pipeline.store.client import hubs_client, ping
from wz import Request

from .readers import Readers


@dataclass(frozen=True)
class Services:
    """`redis` is the client for what belongs to neither hubs nor boards: window jobs and their outputs.

    `hosts` are the names that a token may be made out to, `host` the namespace's own.
    `clock_tolerance` is for how many seconds after its expiry a token is still accepted.
    """

    redis: Redis
    boards: Boards
    hubs: Hubs
    rules: Rules
    hosts: frozenset[str]
    host: str
    clock_tolerance: int
    max_send_bytes: int
    readers: Readers = field(default_factory=Readers)

    @classmethod
    def make(cls, settings: Settings, client: Redis) -> Services:
        """Raises `RedisUnavailable` or `EnvironmentClash` for a cluster, whose nodes are looked for here."""
        hubs = hubs_client(settings)
        hosts = settings.hosts | {settings.root.host}
        if _is_loopback(settings.root.host):
            hosts |= {"localhost", "127.0.0.1"}
        return cls(
            client,
            Boards.unchecked(settings),
            Hubs.from_settings(settings, hubs),
            Rules(hubs, settings.root),
            hosts,
            settings.root.host,
            settings.clock_tolerance,
            settings.max_send_bytes,
        )

    @property
    def clients(self) -> list[Redis]:
        """The clients of each Redis: also that of the hubs and that of the boards, if these have their own."""
        found = {id(one): one for one in (self.redis, self.hubs.redis, self.boards.client)}
        return [cast("Redis", client) for client in found.values()]

    def ping(self) -> None:
        """Make sure that each Redis answers."""
        for client in self.clients:
            ping(client)


def services(request: Request) -> Services:
    found: Services = request.app.extensions["services"]
    return found


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
