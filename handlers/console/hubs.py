"""The list of hubs, and making one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.history import Sample, histories, hub_subject, rates
from pipeline.errors import InvalidValue, PipelineError
from pipeline.hub.description import Description, hub_name
from pipeline.hub.log import Hub
from pipeline.hub.namespace import HubBusy, HubExists
from pipeline.hub.relay_status import PartitionStatus, statuses
from pipeline.hub.sas import Right
from pipeline.settings import DEFAULT_PARTITIONS
from pipeline.units import byte_count, milliseconds
from wz import Request, Response
from wz.helpers import redirect

from ..services import services
from .access import access
from .forms import Form, whole_number
from .frame import Pages, page

blueprint = Pages("console_hubs", "/console/hubs")

#: Samples of history that a rate of "now" is the mean of: half a minute.
RECENT = 4

#: Percent of its bytes from which on a partition is nearly full: retention, where it may, keeps it below.
NEARLY_FULL = 92

#: The fields of a hub that can be changed, by the names that the domain gives them.
_FIELDS = {"retention_ms": "retention", "retention_bytes": "size", "throughput_units": "units", "metadata": "metadata"}


@blueprint.get("")
def hubs(request: Request) -> Response:
    """List the hubs that one may see, with what they hold and how far behind their readers are."""
    return _list(request, Form({"partitions": str(DEFAULT_PARTITIONS)}))


@blueprint.post("")
def create(request: Request) -> WerkzeugResponse:
    """Make a hub."""
    form = Form.of(request)
    changes = changes_of(form)
    partitions = form.read("partitions", whole_number)
    try:
        name = hub_name(form["name"])
        access(request).need(Right.MANAGE, name, hub=True)
        if form:
            description = Description(partitions=DEFAULT_PARTITIONS if partitions is None else partitions, **changes)
            services(request).hubs.create(name, description)
            return redirect(request.app.url_for("console_hub.show", hub=name), 303)
    except (InvalidValue, HubExists, HubBusy) as exc:
        note(form, exc)
    return _list(request, form, 422)


def changes_of(form: Form) -> dict[str, Any]:
    """Return what a form says of a hub, by the fields of `Description`; what was left empty is not among it."""
    found = {
        "retention_ms": form.read("retention", milliseconds),
        "retention_bytes": form.read("size", byte_count),
        "throughput_units": form.read("units", whole_number),
        "metadata": form["metadata"] or None,
    }
    return {field: value for field, value in found.items() if value is not None}


def note(form: Form, exc: PipelineError) -> None:
    """Note an error of the domain beside the field that it is about."""
    field = getattr(exc, "field", None) or ("name" if isinstance(exc, HubExists) else "")
    form.wrong(str(exc), _FIELDS.get(field, field))


@dataclass(frozen=True)
class Row:
    """A hub in the list. `coming` and `going` are events a second, None where no worker counts them."""

    hub: Hub
    events: int
    bytes: int
    lag: int
    readers: int
    dead_letters: int
    coming: float | None
    going: float | None
    level: str
    state: str


def _list(request: Request, form: Form, status: int = 200) -> Response:
    found, may = services(request), access(request)
    hubs = dict(found.hubs.items())
    seen = [hubs[name] for name in may.hubs(Right.LISTEN, list(hubs))]
    samples = histories(found.redis, [hub_subject(hub.name) for hub in seen], RECENT)
    rows = [_row(*one) for one in zip(seen, statuses(seen), samples, strict=True)]
    return page(request, "hubs.html", status, rows=rows, form=form, may_create=may.may(Right.MANAGE))


def _row(hub: Hub, partitions: Sequence[PartitionStatus], samples: Sequence[Sample]) -> Row:
    groups = {group.name for one in partitions for group in one.log.groups}
    level, state = _state(hub, partitions)
    return Row(
        hub=hub,
        events=sum(one.log.events for one in partitions),
        bytes=sum(one.log.bytes for one in partitions),
        lag=sum(group.lag for one in partitions for group in one.log.groups),
        readers=len(groups),
        dead_letters=sum(one.relay.deadletters for one in partitions),
        coming=mean(rates(samples, "in")),
        going=mean(out_rates(samples)),
        level=level,
        state=state,
    )


def _state(hub: Hub, partitions: Sequence[PartitionStatus]) -> tuple[str, str]:
    """Return the worst that can be said of a hub: `act` or `look`, and why; twice nothing for one that is well."""
    if any((fill(hub, one) or 0) > NEARLY_FULL for one in partitions):
        return "act", "nearly full"
    relays = [one.relay for one in partitions]
    if any(relay.is_full for relay in relays):
        return "act", "dead letters full"
    if any(relay.group and relay.group.attached for relay in relays) and not any(relay.worker for relay in relays):
        return "act", "relay stopped"
    if any(relay.error for relay in relays):
        return "look", "relay waits"
    return ("look", "dead letters") if any(relay.deadletters for relay in relays) else ("", "")


def fill(hub: Hub, one: PartitionStatus) -> float | None:
    """Return how full a partition is, in percent of its bytes; None if there is no limit."""
    most = hub.settings.partition_bytes
    return min(100.0, one.log.bytes * 100 / most) if most else None


def out_rates(samples: Sequence[Sample]) -> list[float | None]:
    """Return the events a second that all readers together have processed, between each two samples."""
    counters = sorted({name for sample in samples for name in sample.counters if name.startswith("out:")})
    each = [rates(samples, counter) for counter in counters]
    return [sum(some) if (some := [r for r in at if r is not None]) else None for at in zip(*each, strict=True)]


def mean(found: Sequence[float | None]) -> float | None:
    """Return the mean of the rates that are known."""
    known = [rate for rate in found if rate is not None]
    return sum(known) / len(known) if known else None
