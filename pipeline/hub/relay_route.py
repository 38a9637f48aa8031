"""The relay route of a hub: where its relay sends, and whether it does; as chosen, and what a worker makes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import msgspec

from ..connection_string import validity
from ..store import while_full
from ..store.scripts import Script, lua
from .stored_hub import StoredHub
from .upstream_answers import DEFAULTS, Action

_ROUTE = Script(*lua(__package__, "route"), while_full=True)


class Switch(StrEnum):
    """`PAUSED`: nothing is sent, and events are kept for later. `DETACHED`: nothing is sent, nor kept for it."""

    ON = "on"
    PAUSED = "paused"
    DETACHED = "detached"


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was chosen for one hub (relay_choice.py); by default it is relayed as WZ_UPSTREAM says.

    `to` is a connection string, and secret; `name` is the hub's name there. `answers` are the hub's own choices of what
    is done with events that are answered so.
    """

    switch: Switch = Switch.ON
    to: str = ""
    name: str = ""
    answers: dict[int, Action] = {}

    def __repr__(self) -> str:
        return f"Route({self.switch}, to={'...' if self.to else ''!r}, name={self.name!r}, answers={self.answers})"


@dataclass(frozen=True, slots=True)
class RelayState:
    """`chosen` is the route. `to` is where workers send the hub's events, HOST/HUB, None if none has begun to.
    `expires` is when the signature ends, in seconds since the Unix epoch, None with a key. `error` says why no worker
    relays the hub.
    """

    chosen: Route
    to: str | None = None
    expires: int | None = None
    error: str | None = None

    @property
    def switch(self) -> Switch:
        return self.chosen.switch

    @property
    def answers(self) -> Mapping[int, Action]:
        """What is done with events that are answered so, by status; those of all other statuses are sent again."""
        return {**DEFAULTS, **self.chosen.answers}

    def said(self, now: float) -> str:
        """Say it; `now` is in seconds since the Unix epoch."""
        if self.switch is Switch.PAUSED:
            return "paused, and events are kept for it"
        if self.switch is Switch.DETACHED:
            return "detached: no event is kept for it"
        if self.error or not self.to:
            return self.error or ("not yet relayed by any worker" if self.chosen.to else "not relayed")
        return f"to {self.to}" + ("" if self.expires is None else f"; {validity(self.expires, now)}")


_decode = msgspec.json.Decoder(Route).decode


def route(hub: StoredHub) -> Route:
    return routes([hub])[0]


def routes(hubs: Sequence[StoredHub]) -> list[Route]:
    """Return the routes of several hubs of one namespace, in their order. One round trip; on a cluster one a node.

    Redis key: `upstream`, as for all of this file; see keys.py.
    """
    return [_decode(found) if found else Route() for (found,) in _fields(hubs, "route")]


def change_route(hub: StoredHub, change: Callable[[Route], Route]) -> Route:
    """Choose a route, given the one that there is, and return it; workers follow within some seconds.

    `Route()` forgets what was chosen. What `change` raises changes nothing; it is called again if another has changed
    the route meanwhile. It is done although Redis has no memory left: a relay that is let go makes room.
    """
    while True:
        data = _fields([hub], "route")[0][0] or b""
        old = _decode(data) if data else Route()
        new = change(old)
        if new == old or _ROUTE.call(hub.redis, [hub.keys.upstream], [data, _encode(new)]):
            return new


def _encode(route: Route) -> bytes:
    return b"" if route == Route() else msgspec.json.encode(route)


def relay_states(hubs: Sequence[StoredHub]) -> list[RelayState]:
    """Return the states of several hubs of one namespace, in their order. One round trip; on a cluster one a node."""
    return [
        RelayState(
            chosen=_decode(chosen) if chosen else Route(),
            to=to.decode() if to else None,
            expires=int(expires) if expires else None,
            error=error.decode() if error else None,
        )
        for chosen, to, expires, error in _fields(hubs, "route", "to", "expires", "error")
    ]


def note_state(hub: StoredHub, *, to: str = "", expires: int | None = None, error: str = "") -> None:
    """Note what a worker makes of the hub's route. Nothing is written if all is as it was."""
    new: dict[Any, Any] = {"to": to, "expires": "" if expires is None else str(expires), "error": error}
    (old,) = _fields([hub], *new)
    if [(value or b"").decode() for value in old] == list(new.values()):
        return
    while_full.write(hub.redis, "HSET", hub.keys.upstream, *itertools.chain.from_iterable(new.items()))


def _fields(hubs: Sequence[StoredHub], *names: str) -> list[list[bytes | None]]:
    if not hubs:
        return []
    with hubs[0].redis.pipeline(transaction=False) as pipe:
        for hub in hubs:
            pipe.hmget(hub.keys.upstream, names)
        return cast("list[list[bytes | None]]", pipe.execute())
