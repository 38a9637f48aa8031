"""Consumer groups of a hub: made, deleted, and let go of, so that the hub may drop what they have not read."""

from __future__ import annotations

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.group_registry import ConsumerGroups, GroupExists, GroupInUse
from pipeline.hub.log import Hub
from pipeline.hub.rules import Right
from pipeline.hub.runtime import runtime
from pipeline.windows.jobs.keys import leases_of_group
from wz import Problem, Request, Response
from wz.helpers import redirect

from ..confirm import confirm
from ..forms import Form
from ..frame import Pages
from .hub import hub_page
from .hubs import hub_of

blueprint = Pages("console_groups", "/console/hubs/<hub>/groups")


@blueprint.post("")
def create(request: Request, hub: str) -> WerkzeugResponse:
    """Make a consumer group."""
    found = hub_of(request, hub, Right.MANAGE)
    form = Form.of(request)
    try:
        ConsumerGroups(found).create(form["group"])
    except (InvalidValue, GroupExists) as exc:
        form.wrong(str(exc), "group")
        return hub_page(request, found, 422, group=form)
    return redirect(_readers(request, hub), 303)


@blueprint.get("/<group>/delete")
def ask_to_delete(request: Request, hub: str, group: str) -> Response:
    """Ask before a group is deleted."""
    return _ask(request, hub_of(request, hub, Right.MANAGE), group, is_deleted=True)


@blueprint.post("/<group>/delete")
def delete(request: Request, hub: str, group: str) -> WerkzeugResponse:
    """Delete a group with its offsets."""
    found = hub_of(request, hub, Right.MANAGE)
    try:
        ConsumerGroups(found).delete(group, leases_of_group(group, found.partitions))
    except (InvalidValue, GroupInUse) as exc:
        return _ask(request, found, group, is_deleted=True, refused=f"{exc}.")
    return redirect(_readers(request, hub), 303)


@blueprint.get("/<group>/let-go")
def ask_to_let_go(request: Request, hub: str, group: str) -> Response:
    """Ask before the hub may drop what a group has not read."""
    return _ask(request, hub_of(request, hub, Right.MANAGE), group, is_deleted=False)


@blueprint.post("/<group>/let-go")
def let_go(request: Request, hub: str, group: str) -> WerkzeugResponse:
    """Let the hub drop what a group has not read."""
    found = hub_of(request, hub, Right.MANAGE)
    _lag(found, group)
    ConsumerGroup(found, group).detach()
    return redirect(_readers(request, hub), 303)


def _readers(request: Request, hub: str) -> str:
    return request.app.url_for("console_hub.show", hub=hub, _anchor="readers")


def _lag(hub: Hub, group: str) -> int:
    """Return how many events a group has not read. Raises a 404 if there is no such group."""
    its = [one for partition in runtime(hub) for one in partition.groups if one.name == group]
    if not its and group not in ConsumerGroups(hub).list():
        raise Problem(404, f"The hub {hub.name} has no consumer group {group!r}.")
    return sum(one.lag for one in its)


def _ask(request: Request, hub: Hub, group: str, *, is_deleted: bool, refused: str = "") -> Response:
    lag = _lag(hub, group)
    if is_deleted:
        title, does = f"Delete the group {group}?", f"Delete {group}"
        lost = [
            f"How far it has come in each partition is forgotten. It has not read {lag:,} events.",
            "A reader that uses this name again begins at the oldest event that is kept.",
        ]
    else:
        title, does = f"Let {group} go?", f"Let {group} go"
        lost = [
            f"The hub may then drop the {lag:,} events that it has not read, when it is time or room is needed.",
            "Its place stays. A relay or a job that runs holds on again by itself: stop it first.",
        ]
    return confirm(request, title, lost, does, (_readers(request, hub.name), hub.name), refused=refused)
