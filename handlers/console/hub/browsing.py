"""The list of a hub's events on its page: what its address asks for, and what is found.

All of it is in the address, so that it can be sent to a colleague and works without a script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from pipeline.hub import StoredEvent
from pipeline.hub.browse import (
    Look,
    Wanted,
    backwards,
    before_time,
    event_at,
    forwards,
    newest,
    search_all,
)
from pipeline.hub.log import Hub
from pipeline.hub.partition import partition_of
from pipeline.hub.relay_status import PartitionStatus
from pipeline.store.clock import machine_now
from pipeline.store.offsets import OFFSET, order

from ..forms import Form

#: Events of a page.
EVENTS = 20

#: Where to begin, by the words of the form.
PLACES = {
    "latest": "the latest, backwards",
    "oldest": "the oldest",
    "offset": "an offset",
    "time": "a time (UTC)",
}

_FIELDS = ("partition", "from", "at", "key", "text", "before", "after", "event", "follow")
_TIMES = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_OF_TODAY = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")


@dataclass(frozen=True)
class Listing:
    """A page of events, in the order in which it was read. `partition` is None for all partitions.

    `position` says which they are. `older` and `newer` are addresses of the pages beside it, relative to the hub's;
    `further` that at which a search goes on. `opened` is the event that is shown beside the list.
    """

    form: Form
    partition: int | None
    events: Sequence[StoredEvent] = ()
    looked: int = 0
    position: str = ""
    older: str | None = None
    newer: str | None = None
    further: str | None = None
    opened: StoredEvent | None = None
    is_gone: bool = False
    following: bool = False

    def link(self, stored: StoredEvent) -> str:
        """Return the address that opens an event beside the same list."""
        return f"{_query(self.form, event=f'{stored.partition}:{stored.offset}')}#event"

    @property
    def is_search(self) -> bool:
        return bool(self.form["key"] or self.form["text"])


def listing(hub: Hub, partitions: Sequence[PartitionStatus], args: dict[str, str]) -> Listing:
    """Return what the query string `args` asks for; `form` has the errors of what can't be read."""
    form = Form({name: args.get(name, "").strip() for name in _FIELDS})
    form.values["from"] = form["from"] if form["from"] in PLACES else "latest"
    partition = _partition(form, hub)
    opened, is_gone = _opened(form, hub)
    if form["key"] and not form["partition"]:
        partition = partition_of(form["key"], hub.partitions)
    if form["follow"] and partition is None:
        form.wrong("choose one to follow", "partition")
    if partition is None:
        if form["from"] != "latest":
            form.wrong("choose one, or a key", "partition")
        found = _of_all(form, hub, partitions) if form else Look([], 0, None)
        return Listing(form, None, found.events, found.looked, opened=opened, is_gone=is_gone)
    return _of_one(form, hub, partition, partitions[partition], opened, is_gone)


def _of_all(form: Form, hub: Hub, partitions: Sequence[PartitionStatus]) -> Look:
    if form["text"]:
        return search_all(hub, EVENTS, Wanted(text=form["text"]))
    return Look(newest(hub, [one.log for one in partitions], EVENTS), 0, None)


def _of_one(
    form: Form, hub: Hub, partition: int, status: PartitionStatus, opened: StoredEvent | None, is_gone: bool
) -> Listing:
    wanted = Wanted(form["key"] or None, form["text"] or None)
    after = _after(form)
    if not form:
        return Listing(form, partition, opened=opened, is_gone=is_gone)
    if form["follow"]:
        look = backwards(hub, partition, None, EVENTS)
        return Listing(form, partition, look.events[::-1], look.looked, opened=opened, is_gone=is_gone, following=True)
    if after is None:
        look = backwards(hub, partition, form["before"] or None, EVENTS, wanted)
    else:
        look = forwards(hub, partition, after, EVENTS, wanted)
    older, newer, further = _beside(form, look, status, bool(wanted), is_forwards=after is not None)
    return Listing(
        form,
        partition,
        look.events,
        look.looked,
        "" if wanted else _position(look.events, status),
        older,
        newer,
        further,
        opened,
        is_gone,
    )


def _beside(
    form: Form, look: Look, status: PartitionStatus, is_search: bool, *, is_forwards: bool
) -> tuple[str | None, str | None, str | None]:
    if is_search:
        if look.end is None:
            return None, None, None
        side = {"after": look.end, "before": ""} if is_forwards else {"before": look.end, "after": ""}
        return None, None, _query(form, event="", **side)
    if not look.events:
        return None, None, None
    ends = sorted(look.events, key=lambda stored: stored.sequence_number)
    oldest, latest = ends[0], ends[-1]
    older = (
        _query(form, before=oldest.offset, after="", event="") if oldest.sequence_number > status.log.first else None
    )
    newer = (
        _query(form, after=latest.offset, before="", event="") if latest.sequence_number + 1 < status.log.next else None
    )
    return older, newer, None


def _position(events: Sequence[StoredEvent], status: PartitionStatus) -> str:
    if not events:
        return ""
    numbers = [stored.sequence_number for stored in events]
    return f"{min(numbers):,} to {max(numbers):,}; kept are {status.log.first:,} to {status.log.next - 1:,}"


def _partition(form: Form, hub: Hub) -> int | None:
    text = form["partition"]
    if not text or text == "all":
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 4 and int(text) < hub.partitions:
        return int(text)
    form.wrong(f"there are the partitions 0 to {hub.partitions - 1}", "partition")
    return None


def _after(form: Form) -> str | None:
    """Return the offset after which to read forwards; None to read backwards."""
    for name in ("before", "after"):
        if form[name] and not _is_offset(form[name]):
            form.wrong("this is not an offset", "at")
            return None
    if form["before"]:
        return None
    if form["after"]:
        return form["after"]
    match form["from"]:
        case "oldest":
            return "0"
        case "offset":
            if _is_offset(form["at"]):
                ms, number = order(form["at"])
                return f"{ms}-{number - 1}" if number else before_time(ms)
            form.wrong("an offset is MS-N, such as 1714558500000-0", "at")
        case "time":
            if (ms_ := time_of(form["at"])) is not None:
                return before_time(ms_)
            form.wrong("write a time as 12:30:00 of today, or 2026-05-01 12:30:00", "at")
    return None


def _opened(form: Form, hub: Hub) -> tuple[StoredEvent | None, bool]:
    """Return the event that is to be shown beside the list, and whether it is asked for and not there."""
    partition, _, offset = form["event"].partition(":")
    if not form["event"]:
        return None, False
    if not (partition.isascii() and partition.isdecimal() and len(partition) <= 4 and _is_offset(offset)):
        return None, True
    found = event_at(hub, int(partition), offset) if int(partition) < hub.partitions else None
    return found, found is None


def _is_offset(text: str) -> bool:
    return re.fullmatch(OFFSET, text) is not None and max(order(text)) < 2**63


def time_of(text: str) -> int | None:
    """Read a UTC time, of today if it has no date; returns ms since the Unix epoch, None for another text."""
    text = text.strip().replace("T", " ").removesuffix("Z").removesuffix("+00:00")
    if _OF_TODAY.fullmatch(text):
        text = f"{machine_now():%Y-%m-%d} {text}"
    for form in _TIMES:
        try:
            at = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return max(0, (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    return None


def _query(form: Form, **changes: str) -> str:
    values = {**form.values, **changes}
    if values["from"] == "latest":
        del values["from"]
    return "?" + urlencode({name: value for name, value in values.items() if value})
