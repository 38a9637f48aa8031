"""What a hub keeps and takes, who may not send to it, and its end."""

from __future__ import annotations

import msgspec
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.namespace import HubBusy
from pipeline.hub.publisher_name import check_publisher_name
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.rules import Right
from pipeline.hub.runtime import runtime
from wz import Request, Response
from wz.helpers import redirect

from ...services import services
from ..access import access
from ..confirm import confirm
from ..forms import Form
from ..frame import Pages, page
from .hubs import changes_of, note

blueprint = Pages("console_hub_settings", "/console/hubs/<hub>")

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DEFAULTS = {
    "retention_ms": None,
    "retention_bytes": None,
    "throughput_units": 0,
    "duplicate_detection_ms": 0,
    "publisher_events_per_second": 0,
    "publisher_bytes_per_second": 0,
    "metadata": None,
}


@blueprint.get("/settings")
def settings(request: Request, hub: str) -> Response:
    """Show what a hub keeps and takes, as a form."""
    access(request).need(Right.MANAGE, hub, hub=True)
    found = services(request).hubs.description(hub)
    typed = {
        "retention": "" if found.retention_ms is None else _duration(found.retention_ms),
        "size": "" if found.retention_bytes is None else str(found.retention_bytes),
        "units": str(found.throughput_units),
        "duplicates": _duration(found.duplicate_detection_ms) if found.duplicate_detection_ms else "0",
        "publisher_events": str(found.publisher_events_per_second),
        "publisher_bytes": str(found.publisher_bytes_per_second),
        "metadata": found.metadata or "",
    }
    return _settings(request, hub, Form(typed), Form())


@blueprint.post("/settings")
def change(request: Request, hub: str) -> WerkzeugResponse:
    """Change what a hub keeps and takes; an empty field stands for the service's default."""
    access(request).need(Right.MANAGE, hub, hub=True)
    form = Form.of(request)
    changes = _DEFAULTS | changes_of(form)
    try:
        if form:
            services(request).hubs.update(hub, lambda old: msgspec.structs.replace(old, **changes))
            return redirect(request.app.url_for("console_hub.show", hub=hub), 303)
    except (InvalidValue, HubBusy) as exc:
        note(form, exc)
    return _settings(request, hub, form, Form(), 422)


@blueprint.post("/publishers")
def publishers(request: Request, hub: str) -> WerkzeugResponse:
    """Revoke a publisher, or with `resume` let one send again."""
    access(request).need(Right.MANAGE, hub, hub=True)
    revoked = RevokedPublishers(services(request).hubs[hub])
    form = Form.of(request)
    if form["resume"]:
        revoked.resume(form["resume"])
    else:
        try:
            check_publisher_name(form["publisher"])
        except InvalidValue as exc:
            note(form, exc)
            return _settings(request, hub, Form(), form, 422)
        revoked.revoke(form["publisher"])
    return redirect(request.app.url_for("console_hub_settings.settings", hub=hub, _anchor="publishers"), 303)


@blueprint.get("/delete")
def ask_to_delete(request: Request, hub: str) -> Response:
    """Say what is lost with a hub, and ask."""
    access(request).need(Right.MANAGE, hub, hub=True)
    return _ask_to_delete(request, hub)


@blueprint.post("/delete")
def delete(request: Request, hub: str) -> WerkzeugResponse:
    """Delete a hub with all that it holds."""
    access(request).need(Right.MANAGE, hub, hub=True)
    try:
        services(request).hubs.delete(hub)
    except HubBusy as exc:
        return _ask_to_delete(request, hub, f"{exc}.")
    return redirect(request.app.url_for("console_hubs.hubs"), 303)


def _settings(request: Request, hub: str, form: Form, publisher: Form, status: int = 200) -> Response:
    found = services(request).hubs[hub]
    revoked = RevokedPublishers(found).names()
    return page(request, "hub_settings.html", status, hub=found, form=form, publisher=publisher, revoked=revoked)


def _ask_to_delete(request: Request, hub: str, refused: str = "") -> Response:
    found = services(request).hubs[hub]
    partitions = runtime(found)
    groups = sorted({group.name for one in partitions for group in one.groups})
    lost = [
        f"{sum(one.events for one in partitions):,} events in {found.partitions} partitions, and its dead letters.",
        f"Its readers lose their places: {', '.join(groups)}." if groups else "Nobody reads it.",
        "Its own rules, so that clients which use their keys are refused. None of this comes back.",
    ]
    back = request.app.url_for("console_hub.show", hub=found.name), found.name
    return confirm(request, f"Delete the hub {found.name}?", lost, f"Delete {found.name}", back, refused=refused)


def _duration(ms: int) -> str:
    """Return a time as `milliseconds` reads it."""
    unit = next(unit for unit, length in _UNITS.items() if ms % length == 0)
    return f"{ms // _UNITS[unit]}{unit}"
