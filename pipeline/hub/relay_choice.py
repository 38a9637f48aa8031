"""What an operator chooses for the relay of a hub, by the command line, over HTTP or in the console."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..connection_string import ConnectionString
from ..errors import InvalidValue
from ..settings import Settings
from .description import NAME
from .log import Hub
from .own_address import OwnAddress
from .relay import Relay
from .relay_route import Route, Switch, change_route
from .upstream_answers import Action, check_status


def choose(
    settings: Settings,
    hub: Hub,
    *,
    switch: Switch | None = None,
    to: str | None = None,
    name: str | None = None,
    answers: Mapping[int, Action | None] | None = None,
) -> Route:
    """Change the route of a hub, and return it; workers follow within some seconds.

    None leaves a part as it is. "" for `to`, a connection string, and `name` takes the choice back, as None in
    `answers` does for a status. Raises `InvalidConnectionString`, or `InvalidValue` for what is no name or no status
    with a choice, or if the hub would be relayed to itself; then nothing is changed.
    """
    if name and not NAME.fullmatch(name.lower()):
        raise InvalidValue(f"{name!r}: a hub's name is 1 to 256 letters, digits and . - _", "name")
    for status in answers or ():
        check_status(status)
    upstream = None if to is None else str(ConnectionString.parse(to)) if to else ""

    def change(old: Route) -> Route:
        merged: dict[int, Action | None] = {**old.answers, **(answers or {})}
        new = msgspec.structs.replace(
            old,
            switch=old.switch if switch is None else switch,
            to=old.to if upstream is None else upstream,
            name=old.name if name is None else name,
            answers={status: action for status, action in sorted(merged.items()) if action is not None},
        )
        _refuse_itself(settings, hub, new)
        return new

    return _follow(hub, change_route(hub, change))


def forget(settings: Settings, hub: Hub) -> Route:
    """Forget all that was chosen: the hub is relayed as WZ_UPSTREAM says. Raises as `choose` does."""

    def change(old: Route) -> Route:
        _refuse_itself(settings, hub, Route())
        return Route()

    return _follow(hub, change_route(hub, change))


def _follow(hub: Hub, new: Route) -> Route:
    """Have the hub keep its events for a relay that is paused, and none for one that is detached, before workers do."""
    if new.switch is Switch.PAUSED:
        Relay.group_of(hub).attach()
    if new.switch is Switch.DETACHED:
        Relay.group_of(hub).detach()
    return new


def _refuse_itself(settings: Settings, hub: Hub, new: Route) -> None:
    target = ConnectionString.parse(new.to) if new.to else settings.upstream
    if target is None or new.switch is not Switch.ON:
        return
    there = new.name or target.hub or hub.name
    if error := OwnAddress.from_settings(settings).why_not(target, there, hub.name):
        raise InvalidValue(error, "to")
