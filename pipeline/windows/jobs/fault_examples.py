"""The faults that a job's tasks met, which event, or row, and why: the last of each kind, and rows of an output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from ...store import Pipeline, Redis, while_full
from ..engine.engine import OutputRow
from ..language.ticks import isoformat
from ..operators.faults import KINDS, MOST_EXAMPLES, Found
from . import keys

_MOST_BODY = 500  # bytes
_MOST_REASON = 500  # characters


class FaultExample(msgspec.Struct, frozen=True, kw_only=True):
    """`time` is when a task found it, by Redis's clock.

    `hub`, `partition`, `offset`, `sequence_number` and `body` are those of the event, whose body is cut after 500
    bytes; null if it is about a row that was made of several events. `event_time` is the time that the row has.
    """

    time: str
    task: str
    reason: str
    hub: str | None
    partition: int | None
    offset: str | None
    sequence_number: int | None
    event_time: str | None
    body: str | None


def queue_examples(pipe: Pipeline, job: str, task: str, kind: str, found: Iterable[Found]) -> None:
    """Save faults of a kind, oldest first; of those that are saved the last `MOST_EXAMPLES` stay."""
    key = keys.faults(job, kind)
    while_full.write(pipe, "LPUSH", key, *(msgspec.json.encode(_example(task, each)) for each in found))
    pipe.ltrim(key, 0, MOST_EXAMPLES - 1)


def fault_examples(client: Redis, job: str, limit: int = MOST_EXAMPLES) -> dict[str, list[FaultExample]]:
    """Return the last faults of each kind, newest first; kinds without any have an empty list. One round trip."""
    with client.pipeline(transaction=False) as pipe:
        for kind in KINDS:
            pipe.lrange(keys.faults(job, kind), 0, limit - 1)
        found = cast("list[list[bytes]]", pipe.execute())
    return {
        kind: [msgspec.json.decode(each, type=FaultExample) for each in its]
        for kind, its in zip(KINDS, found, strict=True)
    }


def fault_rows(output: str, task: str, found: Iterable[Found]) -> list[OutputRow]:
    """Return faults as rows of `output`: `kind`, `count`, and the fields of `FaultExample`.

    Its number tells a fault from all others of its task and kind, also from those before the job began anew.
    """
    return [
        OutputRow(
            output,
            {"kind": each.kind, "count": each.times, **msgspec.structs.asdict(_example(task, each))},
            each.now,
            (task, each.kind, each.number),
            windowed=False,
        )
        for each in found
    ]


def _example(task: str, found: Found) -> FaultExample:
    event = found.event
    return FaultExample(
        time=isoformat(found.now),
        task=task,
        reason=found.message[:_MOST_REASON],
        hub=found.hub if event else None,
        partition=event.partition if event else None,
        offset=event.offset if event else None,
        sequence_number=event.sequence_number if event else None,
        event_time=None if found.time is None else isoformat(found.time),
        body=event.event.body[:_MOST_BODY].decode(errors="replace") if event else None,
    )
