"""The list of hubs, and making one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.attention import Item, Level, attention
from pipeline.console.history import Sample, histories, hub_subject, rates
from pipeline.console.overview import HubNow, Overview, overview
from pipeline.console.readers import readers
from pipeline.errors import InvalidValue, PipelineError
from pipeline.hub.description import Description, hub_name
from pipeline.hub.log import Hub
from pipeline.hub.namespace import HubBusy, HubExists
from pipeline.hub.rules import Right
from pipeline.settings import DEFAULT_PARTITIONS
from pipeline.store import Redis
from pipeline.units import byte_count, milliseconds
from wz import Request, Response
from wz.helpers import redirect

from ...services import services
from ..access import access
from ..forms import Form, whole_number
from ..frame import Pages, page

blueprint = Pages("console_hubs", "/console/hubs")

#: Samples of history that a rate of "now" is the mean of: half a minute.
RECENT = 4

#: The kinds of what may be said of a hub, in the words of its state; and the classes of their levels.
_SAID = {
    "full": "nearly full",
    "letters": "dead letters",
    "relay": "relay waits",
    "signature": "signature ends",
    "no relay": "not relayed",
    "lost relay": "relay stopped",
}
LEVELS = {Level.ACT: "act", Level.LOOK: "look", Level.WAITS: "wait"}

#: The fields of a hub that can be changed, by the names that the domain gives them.
_FIELDS = {
    "retention_ms": "retention",
    "retention_bytes": "size",
    "throughput_units": "units",
    "duplicate_detection_ms": "duplicates",
    "publisher_events_per_second": "publisher_events",
    "publisher_bytes_per_second": "publisher_bytes",
}


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
        "duplicate_detection_ms": form.read("duplicates", milliseconds),
        "publisher_events_per_second": form.read("publisher_events", whole_number),
        "publisher_bytes_per_second": form.read("publisher_bytes", byte_count),
        "metadata": form["metadata"] or None,
    }
    return {field: value for field, value in found.items() if value is not None}


def note(form: Form, exc: PipelineError) -> None:
    """Note an error of the domain beside the field that it is about."""
    field = getattr(exc, "field", None) or ("name" if isinstance(exc, HubExists) else "")
    form.wrong(str(exc), _FIELDS.get(field, field))


@dataclass(frozen=True)
class Row:
    """A hub in the list. `coming` and `going` are events a second, None where no worker counts them.

    `level` and `state` say the worst that is to be said of it; both are empty for one that is well.
    """

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


def hub_of(request: Request, name: str, right: Right) -> Hub:
    """Return the hub that a page is about. Raises a leaf of `Unauthorized` without the right, or `UnknownHub`."""
    access(request).need(right, name, hub=True)
    return services(request).hubs[name]


def now_of(request: Request, names: Sequence[str], *, servers: bool = False) -> Overview:
    """Return how these hubs do, with the jobs that read them, if one may see jobs. Six round trips, however many.

    With `servers` also how Redis is, if one may see that: one more for each server.
    """
    found, may = services(request), access(request)
    registry = found.jobs
    asked = [found.hubs.redis] if servers and may.may(Right.LISTEN, "metrics") else []
    sees_jobs = may.may(Right.LISTEN, "jobs") and may.may(Right.LISTEN, "outputs")
    records = registry.all() if sees_jobs else {}
    reading = {name: job for name, job in records.items() if any(hub in names for hub, _ in job.groups)}
    return overview({name: found.hubs[name] for name in names}, registry, reading, asked)


def said_of(now: Overview, redis: Redis) -> dict[str, list[Item]]:
    """Return what is to be said of each hub, the worst first; what is wrong with Redis is said of all."""
    found: dict[str, list[Item]] = defaultdict(list)
    for item in attention(now, redis):
        kind, _, hub = item.key.rpartition(" ")
        if kind in _SAID:
            found[hub].append(item)
        elif kind.startswith("redis "):
            for name in now.hubs:
                found[name].append(item)
    return found


def _list(request: Request, form: Form, status: int = 200) -> Response:
    found, may = services(request), access(request)
    now = now_of(request, may.hubs(Right.LISTEN, list(found.hubs)))
    samples = histories(found.redis, [hub_subject(name) for name in now.hubs], RECENT)
    said = said_of(now, found.redis)
    rows = [_row(now, one, its, said[name]) for (name, one), its in zip(now.hubs.items(), samples, strict=True)]
    return page(request, "hubs.html", status, rows=rows, form=form, may_create=may.may(Right.MANAGE))


def _row(now: Overview, one: HubNow, samples: Sequence[Sample], said: Sequence[Item]) -> Row:
    its_readers = readers(one, now.jobs)
    return Row(
        hub=one.hub,
        events=sum(status.log.events for status in one.partitions),
        bytes=sum(status.log.bytes for status in one.partitions),
        lag=sum(reader.lag for reader in its_readers),
        readers=len(its_readers),
        dead_letters=one.deadletters,
        coming=mean(rates(samples, "in")),
        going=mean(out_rates(samples)),
        level=LEVELS[said[0].level] if said else "",
        state=_SAID[said[0].key.rpartition(" ")[0]] if said else "",
    )


def out_rates(samples: Sequence[Sample]) -> list[float | None]:
    """Return the events a second that all readers together have processed, between each two samples."""
    counters = sorted({name for sample in samples for name in sample.counters if name.startswith("out:")})
    each = [rates(samples, counter) for counter in counters]
    return [sum(some) if (some := [r for r in at if r is not None]) else None for at in zip(*each, strict=True)]


def mean(found: Sequence[float | None]) -> float | None:
    """Return the mean of the rates that are known."""
    known = [rate for rate in found if rate is not None]
    return sum(known) / len(known) if known else None
