"""The relays of a worker: some for each hub, as its route says, also for hubs and routes that are made later."""

from __future__ import annotations

import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

from ..connection_string import EXPIRES_SOON, ConnectionString, validity
from ..settings import InvalidSetting, Settings
from ..store.clock import machine_time
from .log import Hub
from .own_address import OwnAddress
from .relay import Relay
from .relay_route import Route, Switch, note_state, routes
from .upstream import Upstream
from .upstream_answers import DEFAULTS

logger = logging.getLogger(__name__)

#: Seconds between two warnings that a signature expires.
_TOLD_AGAIN = 3600.0


class Relays:
    """`count` relays for each hub that is sent anywhere; they share its partitions as processes would.

    `upstream` is for all hubs without a connection string of their own, None if there is none; `ca` is for the others.
    `own` is where this service is. `any_key` and `max_letters` are those of `Relay`.
    """

    def __init__(
        self,
        hubs: Mapping[str, Hub],
        upstream: Upstream | None,
        count: int = 1,
        *,
        any_key: bool = False,
        max_letters: int = Settings.max_dead_letters,
        ca: Path | None = None,
        own: OwnAddress | None = None,
    ) -> None:
        self.hubs = hubs
        self.upstream = upstream
        self.count = count
        self.ca = ca
        self.own = own or OwnAddress()
        self._make = partial(Relay, any_key=any_key, max_letters=max_letters)
        self._relays: dict[tuple[Hub, bytes], list[Relay]] = {}
        self._merged: dict[str, list[str]] = {}
        self._told: dict[str, float] = {}  # address -> time.monotonic()

    def check(self) -> None:
        """Raise `InvalidSetting` if a hub would be relayed to itself by WZ_UPSTREAM, or for a proxy that is none."""
        hubs = list(self.hubs.values())
        for hub, its in zip(hubs, routes(hubs), strict=True):
            upstream = self._upstream(its)
            if upstream and its.switch is Switch.ON and not its.to and (error := self._why_not(upstream, hub)):
                raise InvalidSetting("WZ_UPSTREAM", error)

    def tasks(self) -> list[Relay]:
        """Return the relays of all hubs that there are now; for the same hub and route, the same objects as before."""
        hubs = list(self.hubs.values())
        found: dict[tuple[Hub, bytes], list[Relay]] = {}
        for hub, its in zip(hubs, routes(hubs), strict=True):
            key = hub, msgspec.json.encode(its)
            found[key] = self._relays[key] if key in self._relays else self._of(hub, its)
        self._relays = found
        tasks = list(itertools.chain.from_iterable(found.values()))
        self._warn_of_merging(tasks)
        self._warn_of_expiry(tasks)
        return tasks

    def _of(self, hub: Hub, its: Route) -> list[Relay]:
        """Return new relays of a hub, and note what becomes of it."""
        if its.switch is Switch.PAUSED:
            Relay.group_of(hub).attach()
        if its.switch is Switch.DETACHED:
            Relay.group_of(hub).detach()
        if its.switch is not Switch.ON:
            return []
        try:
            upstream = self._upstream(its)
            error = self._why_not(upstream, hub) if upstream else ""
        except InvalidSetting as exc:
            upstream, error = None, str(exc)
        if error:
            logger.error("relay %s: %s", hub.name, error)
            note_state(hub, error=error)
        return [self._make(hub, upstream) for _ in range(self.count)] if upstream and not error else []

    def _upstream(self, its: Route) -> Upstream | None:
        target = ConnectionString.parse(its.to) if its.to else self.upstream.target if self.upstream else None
        if target is None or not (its.to or its.name or its.answers):
            return self.upstream
        return Upstream(target, self.ca, name=its.name, answers={**DEFAULTS, **its.answers})

    def _why_not(self, upstream: Upstream, hub: Hub) -> str:
        return self.own.why_not(upstream.target, upstream.hub(hub.name), hub.name)

    def _warn_of_merging(self, tasks: list[Relay]) -> None:
        """Say once which hubs are sent to one hub, as a connection string's EntityPath has it."""
        hubs: dict[str, set[str]] = defaultdict(set)
        for relay in tasks:
            target = relay.upstream.target
            hubs[f"{target.host}:{target.port}/{relay.upstream.hub(relay.hub.name)}".lower()].add(relay.hub.name)
        merged = {to: sorted(names) for to, names in hubs.items() if len(names) > 1}
        for to in merged.keys() - self._merged.keys():
            logger.warning("the hubs %s are all relayed to the one hub %s", ", ".join(merged[to]), to)
        self._merged = merged

    def _warn_of_expiry(self, tasks: list[Relay]) -> None:
        now = machine_time()
        for address, expires in {r.upstream.address(r.hub.name): r.upstream.target.expires for r in tasks}.items():
            told = self._told.get(address)
            if expires is None or now < expires - EXPIRES_SOON or (told and time.monotonic() < told + _TOLD_AGAIN):
                continue
            self._told[address] = time.monotonic()
            logger.warning("relay to %s: %s", address, validity(expires, now))
