"""The relay of a hub on its page: where it sends, why it waits, what became of events; paused, resumed and detached.

A connection string is neither shown nor typed here: `wz hub relay` reads it from a file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.overview import HubNow
from pipeline.errors import InvalidValue
from pipeline.hub.log import Hub
from pipeline.hub.relay_choice import choose
from pipeline.hub.relay_route import Switch
from pipeline.hub.relay_status import status
from pipeline.hub.rules import Right
from wz import Problem, Request, Response
from wz.helpers import redirect

from ...services import services
from ..confirm import confirm
from ..frame import Pages
from .hubs import hub_of

blueprint = Pages("console_relays", "/console/hubs/<hub>/relay")

#: Reasons for which a relay waits that are shown, and partitions of each.
REASONS, PLACES = 4, 8


@dataclass(frozen=True)
class Relayed:
    """The relay of all partitions together. `exists` is false if there never was one, and nothing was chosen for it.

    `tag` is the word of a state at which somebody should look. `waits` are reasons, each with its partitions in words.
    """

    exists: bool
    switch: Switch
    tag: str
    said: str
    is_own: bool
    name: str
    waits: Sequence[tuple[str, str]]
    ring: str | None
    events: int
    requests: int
    retries: int
    refused: int
    dropped: int
    redrives: int
    answers: Sequence[tuple[int, str]]


def relayed(one: HubNow, now_ms: int) -> Relayed:
    """Return what the page of a hub shows of its relay; `now_ms` is Redis's clock."""
    its, state = [status.relay for status in one.partitions], one.relay
    partitions: dict[str, list[int]] = defaultdict(list)
    for partition, relay in enumerate(its):
        if relay.error:
            partitions[relay.error].append(partition)
    is_on, runs = state.switch is Switch.ON, any(relay.worker for relay in its)
    tag = "" if not is_on else "waits" if partitions else "" if runs else "stopped"
    return Relayed(
        exists=bool(state.chosen.to or state.to or state.error or not is_on or any(relay.group for relay in its)),
        switch=state.switch,
        tag=tag,
        said=state.said(now_ms / 1000),
        is_own=bool(state.chosen.to),
        name=state.chosen.name,
        waits=[(why, _places(found)) for why, found in list(partitions.items())[:REASONS]] if is_on else [],
        ring=next((relay.ring for relay in its if relay.ring), None),
        events=sum(relay.events for relay in its),
        requests=sum(relay.requests for relay in its),
        retries=sum(relay.retries for relay in its),
        refused=sum(relay.refused for relay in its),
        dropped=sum(relay.dropped for relay in its),
        redrives=sum(relay.redrives for relay in its),
        answers=[(answer, str(action)) for answer, action in sorted(state.answers.items())],
    )


@blueprint.get("/pause")
def ask_to_pause(request: Request, hub: str) -> Response:
    """Ask before a relay is paused."""
    found = hub_of(request, hub, Right.MANAGE)
    lost = [
        f"Nothing is sent upstream until it is resumed. {_behind(found)} events wait for it now.",
        "The hub keeps all events for it, even beyond their retention, and refuses new ones when it is full of them.",
    ]
    return _ask(request, found, f"Pause the relay of {found.name}?", lost, "Pause it")


@blueprint.post("/pause")
def pause(request: Request, hub: str) -> WerkzeugResponse:
    """Send nothing until it is resumed, and keep all events."""
    return _switch(request, hub, Switch.PAUSED)


@blueprint.get("/detach")
def ask_to_detach(request: Request, hub: str) -> Response:
    """Ask before a relay is detached."""
    found = hub_of(request, hub, Right.MANAGE)
    lost = [
        f"Nothing is sent upstream until it is resumed, and the hub may drop the {_behind(found)} events that wait for "
        "it, and later ones, when it is time or room is needed.",
        "What is still there then is sent when it is resumed; what was dropped never comes upstream.",
    ]
    return _ask(request, found, f"Detach the relay of {found.name}?", lost, "Detach it")


@blueprint.post("/detach")
def detach(request: Request, hub: str) -> WerkzeugResponse:
    """Send nothing until it is resumed, and keep no event for it."""
    return _switch(request, hub, Switch.DETACHED)


@blueprint.post("/resume")
def resume(request: Request, hub: str) -> WerkzeugResponse:
    """Send again, from where it has stopped."""
    return _switch(request, hub, Switch.ON)


def _switch(request: Request, hub: str, switch: Switch) -> WerkzeugResponse:
    try:
        choose(services(request).settings, hub_of(request, hub, Right.MANAGE), switch=switch)
    except InvalidValue as exc:
        raise Problem(422, f"{exc}.") from exc
    return redirect(_back(request, hub), 303)


def _ask(request: Request, hub: Hub, title: str, lost: Sequence[str], does: str) -> Response:
    return confirm(request, title, lost, does, (_back(request, hub.name), hub.name))


def _back(request: Request, hub: str) -> str:
    return request.app.url_for("console_hub.show", hub=hub, _anchor="relay")


def _behind(hub: Hub) -> str:
    """Return how many events the relay has not sent."""
    return f"{sum(one.relay.group.lag for one in status(hub) if one.relay.group):,}"


def _places(partitions: Sequence[int]) -> str:
    """Name partitions: the first ones, and how many more there are."""
    word = "Partition" if len(partitions) == 1 else "Partitions"
    more = f" and {len(partitions) - PLACES} more" if len(partitions) > PLACES else ""
    return f"{word} {', '.join(map(str, partitions[:PLACES]))}{more}"
