"""What the endpoints share: one value, kept in the app's extensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from pipeline.boards import Boards
from pipeline.hub.description import declared_hubs
from pipeline.hub.namespace import Hubs
from pipeline.hub.own_address import is_loopback
from pipeline.hub.rules import Rules
from pipeline.settings import Settings
from pipeline.store import Redis
from pipeline.store.client import RedisUnavailable, hubs_client, redis_client
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.work.tasks import Tasks
from wz import Request

from .readers import Readers


@dataclass(frozen=True)
class Stores:
    """What is in Redis. `redis` is the client for what belongs to neither hubs nor boards: jobs and their outputs,
    and tasks."""

    redis: Redis
    boards: Boards
    hubs: Hubs
    rules: Rules

    @classmethod
    def of(cls, settings: Settings) -> Stores:
        """Sends nothing to a server, but looks for the nodes of a cluster: raises `RedisUnavailable`."""
        hubs = hubs_client(settings)
        return cls(
            redis_client(settings),
            Boards.unchecked(settings),
            Hubs.from_settings(settings, hubs),
            Rules(hubs, settings.root),
        )

    @property
    def clients(self) -> dict[str, Redis]:
        """The clients by what they are for; with one server, all three are one client."""
        return {"redis": self.redis, "hubs": self.hubs.redis, "boards": cast("Redis", self.boards.client)}

    @property
    def distinct_clients(self) -> list[Redis]:
        return list({id(client): client for client in self.clients.values()}.values())


class Services:
    """What the endpoints share. `hosts` are the names that a token may be made out to, `host` the namespace's own.

    `clock_tolerance` is for how many seconds after its expiry a token is still accepted. The stores are made when they
    are first asked for, so that an app can be made while Redis is away. `not_yet` says why they may not be used yet:
    then whatever needs them raises `RedisUnavailable`; see `start.py`.
    """

    def __init__(self, settings: Settings) -> None:
        declared_hubs(settings)  # a wrong one is told at once
        self.settings = settings
        self.host = settings.root.host
        self.hosts = settings.hosts | {self.host}
        if is_loopback(self.host):
            self.hosts |= {"localhost", "127.0.0.1"}
        self.clock_tolerance = settings.clock_tolerance
        self.max_send_bytes = settings.max_send_bytes
        self.readers = Readers()
        self.not_yet = ""
        self._stores: Stores | None = None

    @property
    def stores(self) -> Stores:
        """Raises `RedisUnavailable`."""
        if self._stores is None:
            if self.not_yet:
                raise RedisUnavailable(self.not_yet)
            self.open()
        return cast("Stores", self._stores)

    def open(self) -> None:
        """Let the stores be used. Raises `RedisUnavailable` or `EnvironmentClash` for a cluster."""
        self._stores = Stores.of(self.settings)
        self.not_yet = ""

    @property
    def redis(self) -> Redis:
        return self.stores.redis

    @property
    def boards(self) -> Boards:
        return self.stores.boards

    @property
    def hubs(self) -> Hubs:
        return self.stores.hubs

    @property
    def rules(self) -> Rules:
        return self.stores.rules

    @property
    def jobs(self) -> JobRegistry:
        return JobRegistry(self.redis, self.hubs, self.boards)

    @property
    def tasks(self) -> Tasks:
        return Tasks(self.redis)


def services(request: Request) -> Services:
    found: Services = request.app.extensions["services"]
    return found
