"""The relay of a hub: where it sends, why it waits, what became of events; paused, resumed, detached, sent elsewhere.

Where it sends is chosen with a rule of the namespace: who may manage one hub alone must not have the workers call other
hosts, or write with their key to other hubs. The connection string is secret, and in no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from pipeline.connection_string import InvalidConnectionString
from pipeline.errors import InvalidValue
from pipeline.hub.log import Hub
from pipeline.hub.relay_choice import choose, forget
from pipeline.hub.relay_route import RelayState, Switch, relay_states
from pipeline.hub.relay_status import PartitionStatus, status
from pipeline.hub.rules import Right
from pipeline.hub.upstream_answers import Action
from wz import Blueprint, Problem, Request
from wz.openapi import operation

from ..auth import protect, signed_by
from ..services import services
from ..times import json_time
from .parameters import NO_HUB, HubName

looking = Blueprint("relay", url_prefix="/hubs/<hub>/relay")
protect(looking, hub_paths=True, right=Right.LISTEN)

changing = Blueprint("relay_changes", url_prefix="/hubs/<hub>/relay")
protect(changing, hub_paths=True, right=Right.MANAGE)

Status = Annotated[str, msgspec.Meta(pattern="^[45][0-9]{2}$", examples=["404"])]

#: The fields of `RelayChanges` by the names that the domain gives them.
_FIELDS = {"to": "connection_string"}

_CHANGED = {
    403: "where a relay sends is chosen with a rule of the namespace",
    404: NO_HUB,
    422: "a value can't be taken, or the hub would be relayed to itself; nothing was changed",
}


class WaitingPartition(msgspec.Struct):
    """`error` says why the relay of a partition waits; it tries again by itself."""

    partition: int
    error: str


class RelayDocument(msgspec.Struct):
    """The relay of all partitions together.

    `upstream` is where workers send the events, HOST/HUB, null if none has begun to; `signature_expires` when the
    signature of its connection string ends, null with a key. `error` says why no worker relays the hub. `own_upstream`:
    it has a connection string of its own; `name` is the hub's name there, null for the connection string's or the same.
    `answers` are what is done with events that are answered so; those of other statuses are sent again.

    `events` were sent, `refused` became dead letters, and `dropped` were refused and not kept, since the beginning;
    `retries` counts requests that were sent again. `ring` is the ring of hubs in which events have come back.
    """

    state: Switch
    upstream: str | None
    own_upstream: bool
    name: str | None
    signature_expires: str | None
    error: str | None
    waiting: list[WaitingPartition]
    answers: dict[Status, Action]
    events: int
    retries: int
    refused: int
    dropped: int
    dead_letters: int
    ring: str | None


class RelayChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is. null takes back a name, a connection string, or the action for a status.

    `connection_string` is that of another namespace than the one of WZ_UPSTREAM; no answer has it.
    """

    state: Switch | UnsetType = UNSET
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | UnsetType | None = UNSET
    connection_string: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | UnsetType | None = UNSET
    answers: dict[Status, Action | None] | UnsetType = UNSET


@looking.get("")
@operation(responses={404: NO_HUB})
def relay(request: Request, hub: HubName) -> RelayDocument:
    """Show where the relay of a hub sends, why it waits, and what became of events."""
    return _now(services(request).hubs[hub])


@changing.patch("")
@operation(responses=_CHANGED)
def change_relay(request: Request, hub: HubName, body: RelayChanges) -> RelayDocument:
    """Change a relay; workers follow within some seconds.

    While it is paused the hub keeps its events, even beyond its retention. While it is detached, retention drops them,
    and what is left is sent when it is on again.
    """
    found = services(request)
    target = found.hubs[hub]
    _need_namespace(request, is_needed=body.name is not UNSET or body.connection_string is not UNSET)
    answers = {} if body.answers is UNSET else body.answers
    try:
        choose(
            found.settings,
            target,
            switch=None if body.state is UNSET else body.state,
            to=None if body.connection_string is UNSET else body.connection_string or "",
            name=None if body.name is UNSET else body.name or "",
            answers={int(answer): action for answer, action in answers.items()},
        )
    except (InvalidValue, InvalidConnectionString) as exc:
        raise _refused(exc) from exc
    return _now(target)


@changing.delete("")
@operation(responses=_CHANGED)
def reset_relay(request: Request, hub: HubName) -> RelayDocument:
    """Forget all that was chosen for a relay: the hub is relayed as WZ_UPSTREAM of the workers says."""
    found = services(request)
    target = found.hubs[hub]
    _need_namespace(request)
    try:
        forget(found.settings, target)
    except InvalidValue as exc:
        raise _refused(exc) from exc
    return _now(target)


def relay_document(state: RelayState, partitions: Sequence[PartitionStatus]) -> RelayDocument:
    its = [one.relay for one in partitions]
    return RelayDocument(
        state=state.switch,
        upstream=state.to,
        own_upstream=bool(state.chosen.to),
        name=state.chosen.name or None,
        signature_expires=None if state.expires is None else json_time(state.expires * 1000),
        error=state.error or None,
        waiting=[WaitingPartition(number, one.error) for number, one in enumerate(its) if one.error],
        answers={str(answer): action for answer, action in sorted(state.answers.items())},
        events=sum(one.events for one in its),
        retries=sum(one.retries for one in its),
        refused=sum(one.refused for one in its),
        dropped=sum(one.dropped for one in its),
        dead_letters=sum(one.deadletters for one in its),
        ring=next((one.ring for one in its if one.ring), None),
    )


def _now(hub: Hub) -> RelayDocument:
    return relay_document(relay_states([hub])[0], status(hub))


def _need_namespace(request: Request, *, is_needed: bool = True) -> None:
    if is_needed and signed_by(request).hub is not None:
        raise Problem(403, "Where a relay sends is chosen with a rule of the namespace, and this one is of a hub.")


def _refused(exc: InvalidValue | InvalidConnectionString) -> Problem:
    field = exc.field or ""
    return Problem(422, f"{exc}.", field=_FIELDS.get(field, field))
