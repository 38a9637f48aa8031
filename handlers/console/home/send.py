"""Sending an event by a form. It goes the way of the API's: through its parser, its limits and its counters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.hub import Event, Hub, Property, paging
from pipeline.hub.partition import partition_of
from pipeline.hub.rules import Right
from pipeline.hub.throughput import Limit, Throttled, limits_of
from pipeline.hub.writing import HubFull
from wz import Problem, Request
from wz.helpers import redirect

from ... import metrics
from ...hub.batch import batch
from ...hub.header_properties import typed
from ...services import services
from ..access import access
from ..forms import Form
from ..frame import Pages
from ..links import hub_href
from .home import show

blueprint = Pages("console_send", "/console")

_TYPES = {"json": "application/json", "text": "text/plain"}

#: Events that came in the meantime, among which the one that was sent is looked for.
_LATER = 1_000


class WrongField(Exception):
    """A field of the form that can't be taken as it is."""

    def __init__(self, field: str, text: str, status: int = 422) -> None:
        super().__init__(text)
        self.field = field
        self.status = status


@blueprint.post("/send")
def send(request: Request) -> WerkzeugResponse:
    """Store the event, and go on to its page."""
    found = services(request)
    request.max_content_length = request.max_form_memory_size = found.max_send_bytes * 5 // 4  # as nginx.conf
    form = Form({name: request.form.get(name, "") for name in ("hub", "key", "body", "type", "properties")})
    rule = access(request).need(Right.SEND, form["hub"], hub=True)
    hub = found.hubs[form["hub"]]
    try:
        event = _event(form)
        if len(event.body) > found.max_send_bytes:
            raise WrongField("body", f"an event may have {found.max_send_bytes:,} bytes", 413)
        return redirect(_stored(hub, event, limits_of(hub, rule)), 303)
    except WrongField as exc:
        form.wrong(str(exc), exc.field)
        return show(request, form["hub"], form, exc.status)
    except (HubFull, Throttled) as exc:
        form.wrong(str(exc), "hub")
        return show(request, form["hub"], form, 503)


def _event(form: Form) -> Event:
    """Make the event as an item of a batch, whose names of properties stay as they are. Raises `WrongField`."""
    if form["type"] == "json":
        try:
            json.loads(form["body"])
        except (ValueError, RecursionError) as exc:
            raise WrongField("body", f"this is no JSON: {exc}. Send it as text if it is not meant to be") from exc
    item: dict[str, object] = {
        "Body": form["body"].replace("\r\n", "\n"),
        "UserProperties": dict(_properties(form["properties"])),
    }
    if form["key"]:
        item["BrokerProperties"] = {"PartitionKey": form["key"]}
    try:
        (event,) = batch(msgspec.json.encode([item]))
    except Problem as exc:
        field = "key" if "PartitionKey" in str(exc.description) else "properties"
        raise WrongField(field, str(exc.description)) from exc
    return msgspec.structs.replace(event, content_type=_TYPES.get(form["type"]))


def _properties(text: str) -> Iterator[tuple[str, Property]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise WrongField("properties", f"line {number} has no name and colon: write Level: 3")
            yield name.strip(), typed(value.strip())


def _stored(hub: Hub, event: Event, limits: Sequence[Limit]) -> str:
    """Store the event and return the address of its page."""
    key = event.partition_key
    partition = hub.turn() if key is None else partition_of(key, hub.partitions)
    before = paging.latest(hub, partition)
    with metrics.counted(hub, is_batch=False):
        hub.append([event], partition=partition, limits=limits)
    later = hub.read(partition, before, _LATER)
    offset = next((stored.offset for stored in later if stored.event == event), None)
    if offset is None:  # more came than are looked through
        return hub_href(hub.name)
    return f"{hub_href(hub.name)}/events/{partition}/{quote(offset)}"
