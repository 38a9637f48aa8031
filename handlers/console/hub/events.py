"""One event: all that is known of it, and what it became."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.console.outcome import Outcome, Placed, outcome
from pipeline.console.readers import Reader, readers
from pipeline.console.relayed import Relayed, relayed
from pipeline.hub import StoredEvent
from pipeline.hub.browse import event_at
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.log import Hub
from pipeline.hub.relay_status import PartitionStatus
from pipeline.hub.rules import Right
from pipeline.hub.trace import trace_id, traceparent_of
from pipeline.store import Redis
from pipeline.store.clock import machine_time
from pipeline.store.offsets import OFFSET
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.reports import JobStatus
from pipeline.windows.language.ticks import parse
from wz import Problem, Request, Response
from wz.templates import render_template

from ...services import services
from ..access import access
from ..frame import Pages, page
from ..live import live
from .hubs import hub_of, now_of

blueprint = Pages("console_events", "/console/hubs/<hub>/events/<int:partition>/<offset>")

#: Jobs for which it is worked out in which rows an event is; of more, only how far they have come is said.
JOBS = 20

#: Windows, or rows, of a job that are shown.
SHOWN = 6


@dataclass(frozen=True)
class InJob:
    """What a job that reads the hub made of an event. `outcome` is None if it was not worked out, for the reason `why`.

    `behind` is how many events come before this one that the job has not processed; 0 if it has passed it.
    `closed` is the time up to which the job has written all rows of windows, in ticks; None before the first event.
    """

    reader: Reader
    has_passed: bool
    behind: int
    closed: int | None
    outcome: Outcome | None = None
    why: str = ""

    @property
    def placed(self) -> Sequence[Placed]:
        """Return what is shown: the rows that were found, and windows from the first that is not closed."""
        assert self.outcome is not None
        return self.outcome.placed[:SHOWN]

    def is_closed(self, one: Placed) -> bool:
        """Say whether the job has written the rows of a window."""
        return one.last is not None and self.closed is not None and self.closed >= one.last


@dataclass(frozen=True)
class Story:
    """An event and what it became: `relay` is None for a hub that is not relayed."""

    stored: StoredEvent
    trace: str | None
    relay_reader: Reader | None
    relay: Relayed | None
    jobs: Sequence[InJob]
    clients: Sequence[tuple[Reader, bool, int]]
    now_ms: int
    may_manage: bool


@blueprint.get("")
def event(request: Request, hub: str, partition: int, offset: str) -> Response:
    """Show one event, at an address of its own."""
    found, stored = _found(request, hub, partition, offset)
    its = _story(request, found, stored)
    followed = request.app.url_for("console_events.follow", hub=found.name, partition=partition, offset=offset)
    return page(request, "event.html", live=followed, hub=found, story=its, may_manage=its.may_manage)


@blueprint.get("/live")
def follow(request: Request, hub: str, partition: int, offset: str) -> Response:
    """Keep what it became current: the one who has sent it waits for its rows."""
    found, stored = _found(request, hub, partition, offset)

    def fragments() -> Mapping[str, str]:
        return {"became": render_template("hub/became.html", hub=found, story=_story(request, found, stored))}

    return live(request, fragments)


def _story(request: Request, hub: Hub, stored: StoredEvent) -> Story:
    now = now_of(request, [hub.name])
    one = now.hubs[hub.name]
    return story(request, hub, one.partitions, readers(one, now.jobs, ConsumerGroups(hub).list()), stored)


@blueprint.get("/body")
def body(request: Request, hub: str, partition: int, offset: str) -> Response:
    """Return the whole body, as a file: a browser shows none of it, whatever it is."""
    _, stored = _found(request, hub, partition, offset)
    headers = {
        "Content-Disposition": f'attachment; filename="{partition}-{stored.offset}.bin"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(stored.event.body, headers=headers, content_type="application/octet-stream")


def _found(request: Request, hub: str, partition: int, offset: str) -> tuple[Hub, StoredEvent]:
    found = hub_of(request, hub, Right.LISTEN)
    stored = event_at(found, partition, offset) if re.fullmatch(OFFSET, offset) else None
    if stored is None:
        first = f"The hub {found.name} has no event {offset[:60]} in partition {partition}"
        raise Problem(404, f"{first}: retention has dropped it, or there was none.")
    return found, stored


def story(
    request: Request,
    hub: Hub,
    partitions: Sequence[PartitionStatus],
    its_readers: Sequence[Reader],
    stored: StoredEvent,
) -> Story:
    """Return what an event became."""
    relay = next((reader for reader in its_readers if reader.kind == "relay"), None)
    its_status = partitions[stored.partition]
    jobs = [reader for reader in its_readers if reader.kind == "job"]
    traceparent = traceparent_of(stored.event)
    redis = services(request).hubs.redis
    return Story(
        stored=stored,
        trace=None if traceparent is None else trace_id(traceparent),
        relay_reader=relay,
        relay=None if relay is None else relayed(hub, stored, relay, its_status),
        jobs=[_in_job(hub, stored, reader, redis, number < JOBS) for number, reader in enumerate(jobs)],
        clients=[(reader, *_place(reader, stored)) for reader in its_readers if reader.kind == "client"],
        now_ms=int(machine_time() * 1000),
        may_manage=access(request).may(Right.MANAGE, hub.name, hub=True),
    )


def _place(reader: Reader, stored: StoredEvent) -> tuple[bool, int]:
    """Return whether a reader has passed an event, and how many events it is behind it."""
    if reader.has_passed(stored.partition, stored.sequence_number, stored.offset):
        return True, 0
    number = reader.next[stored.partition]
    return False, 0 if number is None else stored.sequence_number - number


def _in_job(hub: Hub, stored: StoredEvent, reader: Reader, redis: Redis, is_worked_out: bool) -> InJob:
    has_passed, behind = _place(reader, stored)
    assert reader.job is not None
    closed = _closed(reader.job.progress.status)
    if not is_worked_out:
        return InJob(reader, has_passed, behind, closed, why="too many jobs read this hub to look into each")
    try:
        made = outcome(reader.job.name, reader.job.record.definition, hub, stored, redis)
    except InvalidJob as exc:
        return InJob(reader, has_passed, behind, closed, why=f"its query can't be read: {exc}")
    return InJob(reader, has_passed, behind, closed, made)


def _closed(its: JobStatus | None) -> int | None:
    return None if its is None or its.watermark is None else parse(its.watermark)
