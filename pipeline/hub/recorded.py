"""Writes recorded events to a hub, at the times at which they came first or at new ones."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import PipelineError
from .event import Event
from .event_line import time_text
from .event_lines import NumberedLine
from .hops import WrongHops, check_hops
from .log import Hub
from .partition import partition_of
from .runtime import runtime
from .throughput import Throttled
from .writing import HubFull

#: The most events that are written at once, and the bytes of their bodies.
_EVENTS, _BYTES = 500, 1024 * 1024

#: How often in a row a hub may refuse the same events because it is full or throttled.
_TRIES = 20


class CannotImport(PipelineError):
    """The events can't be written as they were recorded; nothing was written."""


def check(hub: Hub, lines: Iterable[NumberedLine], *, keeps_times: bool) -> int:
    """Read lines to the end, and see whether the hub can take all of them and keep them. Returns how many they are.

    No event may have been in the hub, by what relays note on it. With `keeps_times`, each needs a time; in no partition
    may it be before that of the line above, or of an event that the hub has; and none may be so old that retention
    would drop it at once. Raises `CannotImport`.
    """
    state = runtime(hub)
    latest = {one.partition: (one.last_ms or 0, "the hub's newest event there") for one in state}
    size = Counter({one.partition: one.bytes for one in state})
    now = hub.clock_ms()
    oldest = now - hub.settings.retention_ms if hub.settings.retention_ms else 0
    count = 0
    for place, (number, line) in enumerate(lines):
        count += 1
        try:
            check_hops([line.event], lambda: hub.hop)
        except WrongHops as exc:
            raise CannotImport(f"line {number}: {exc}") from exc
        partition = partition_for(hub, line.event, line.partition, place)
        size[partition] += line.event.size
        if not keeps_times:
            continue
        if line.enqueued_ms is None:
            raise CannotImport(f"line {number} has no EventEnqueuedUtcTime to keep: --now gives the events new times")
        if line.enqueued_ms < oldest:
            raise CannotImport(
                f"line {number} is of {time_text(line.enqueued_ms)}, and the hub keeps events for "
                f"{hub.settings.retention_ms // 1000:,} s: `wz hub set {hub.name} --retention 0` first, or give the "
                "events new times with --now"
            )
        if line.enqueued_ms > now:
            raise CannotImport(f"line {number} is of {time_text(line.enqueued_ms)}, which is to come: use --now")
        before, whose = latest[partition]
        if line.enqueued_ms < before:
            raise CannotImport(
                f"line {number} is of {time_text(line.enqueued_ms)}, before {whose} ({time_text(before)}, partition "
                f"{partition}): import into an empty hub, sort the file by EventEnqueuedUtcTime, or use --now"
            )
        latest[partition] = line.enqueued_ms, f"line {number}"
    for partition, its in size.items():
        if hub.settings.partition_bytes and its > hub.settings.partition_bytes:
            raise CannotImport(
                f"partition {partition} would have {its:,} bytes of the {hub.settings.partition_bytes:,} that it "
                f"keeps, and lose its oldest events: `wz hub set {hub.name} --size 0` first, or a larger size"
            )
    return count


@dataclass
class Written:
    """How many events are written, among them all up to the line `number`.

    `repeated` of them the hub has left out, as duplicates by their MessageIds, if it looks for those.
    """

    events: int = 0
    number: int = 0
    repeated: int = 0


def write(
    hub: Hub,
    lines: Iterable[NumberedLine],
    written: Written,
    *,
    keeps_times: bool,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Write events in their order, and note in `written` how far this has come.

    Events with a key go to its partition; others to the one that they were recorded in, as far as the hub has it. While
    the hub is full or throttled, this waits. Raises `HubFull` or `Throttled` if that takes too long.
    """
    for run in _runs(enumerate(lines), keeps_times):
        by_partition: dict[int, list[Event]] = defaultdict(list)
        for place, (_, line) in run:
            by_partition[partition_for(hub, line.event, line.partition, place)].append(line.event)
        for partition, events in by_partition.items():
            written.repeated += _append(hub, partition, events, run[0][1].line.enqueued_ms if keeps_times else None)
            written.events += len(events)
        written.number = run[-1][1].number
        progress()


def partition_for(hub: Hub, event: Event, recorded: int | None, place: int) -> int:
    """Return where an event is written: the `place` of one that has neither key nor partition chooses it."""
    if event.partition_key is not None:
        return partition_of(event.partition_key, hub.partitions)
    return (place if recorded is None else recorded) % hub.partitions


def _runs(numbered: Iterator[tuple[int, NumberedLine]], keeps_times: bool) -> Iterator[list[tuple[int, NumberedLine]]]:
    """Cut events into runs of one time, each of a bounded size."""
    run: list[tuple[int, NumberedLine]] = []
    size = 0
    for place, one in numbered:
        is_other = keeps_times and run and one.line.enqueued_ms != run[0][1].line.enqueued_ms
        if run and (is_other or len(run) >= _EVENTS or size >= _BYTES):
            yield run
            run, size = [], 0
        run.append((place, one))
        size += len(one.line.event.body)
    if run:
        yield run


def _append(hub: Hub, partition: int, events: Sequence[Event], enqueued_ms: int | None) -> int:
    """Return how many the hub has left out."""
    tries = 0
    while True:
        try:
            return hub.append(events, partition=partition, enqueued_ms=enqueued_ms).repeated
        except (HubFull, Throttled) as exc:
            tries += 1
            if tries == _TRIES:
                raise
            time.sleep(exc.seconds)
