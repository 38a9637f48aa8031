"""Fills outboxes with rows as a job's transaction does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import redis as redis_py

from pipeline.windows.engine.engine import OutputRow
from pipeline.windows.jobs.delivery import Delivery
from pipeline.windows.jobs.outputs import DeliveryStatus, Outbox, delivery_status_of, queue_delivery_status
from pipeline.windows.jobs.outputs.outbox import Receiver
from pipeline.windows.language.ticks import parse
from pipeline.windows.operators.faults import Faults

NOON = "2024-05-01T12:00:00.0000000Z"


def outbox(redis: redis_py.Redis, receiver: Receiver) -> Outbox:
    return Outbox(redis, "j", "Out", receiver)


def put(box: Outbox, rows: Iterable[Mapping[str, Any]], faults: Counter[str] | None = None) -> None:
    with box.redis.pipeline() as pipe:
        its_rows = [OutputRow(box.output, columns, parse(NOON), (number,), True) for number, columns in enumerate(rows)]
        box.queue(pipe, its_rows, Faults("j", Counter() if faults is None else faults))
        pipe.execute()


def numbers(*wanted: int) -> list[dict[str, int]]:
    return [{"n": n} for n in wanted]


def run(delivery: Delivery) -> int:
    """Step until no rows wait, or the delivery pauses; return how many rows were taken."""
    taken = 0
    while done := delivery.step():
        taken += done
    return taken


def die(delivery: Delivery) -> None:
    """End a delivery as kill -9 does, except that its lease and its presence end at once."""
    delivery.share.stop()


def delivery_status(client: redis_py.Redis, job: str, output: str) -> DeliveryStatus:
    with client.pipeline(transaction=False) as pipe:
        queue_delivery_status(pipe, job, output)
        return delivery_status_of(output, iter(pipe.execute()))
