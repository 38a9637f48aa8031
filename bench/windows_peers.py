"""The query of bench/windows.py in bytewax and in pathway, over the same events.

Their windows are [start, end), so times are one tick earlier there. bytewax folds in Python; its clock does not
advance, or events would count as late. pathway computes in Rust; its `max` takes no NULL, so there a reward is -1 if it
is missing. Both give each window's rows once: bytewax when the events end, pathway when time has passed its end.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from .windows_events import HOUR, START, Found, Seconds, begin, events


def with_bytewax(count: int, keys: int, is_json: bool, batches: int = 1) -> tuple[Seconds, list[Found]]:
    import bytewax.operators as op
    import bytewax.operators.windowing as win
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource, run_main

    epoch = datetime(2024, 5, 1, 10, tzinfo=UTC)
    tick = timedelta(microseconds=1)  # the smallest unit of time
    source: list[tuple[datetime, Any]] = [
        (
            epoch + timedelta(microseconds=(ticks - START) // 10) - tick,
            msgspec.json.encode(record) if is_json else record,
        )
        for ticks, record in events(count, keys)
    ]
    decode = msgspec.json.Decoder().decode

    def read(item: tuple[datetime, Any]) -> tuple[str, Any]:
        record = decode(item[1]) if is_json else item[1].copy()
        record["EventEnqueuedUtcTime"] = item[0]
        return record["eventid"], record

    def fold(state: tuple[Any, Any], record: dict[str, Any]) -> tuple[Any, Any]:
        first, most = state
        if first is None or record["EventEnqueuedUtcTime"] < first["EventEnqueuedUtcTime"]:
            first = record
        reward = record.get("reward")
        return first, reward if most is None or (reward is not None and reward > most) else most

    def merge(left: Any, right: Any) -> Any:
        raise AssertionError("only sessions merge")

    hour = timedelta(hours=1)
    out: list[Any] = []
    begin()
    flow = Dataflow("bench")
    keyed = op.map("read", op.input("in", flow, TestingSource(source, batch_size=count // batches)), read)
    clock: Any = win.EventClock(lambda record: record["EventEnqueuedUtcTime"], timedelta(0), now_getter=lambda: epoch)
    windower = win.SlidingWindower(length=2 * hour, offset=hour, align_to=epoch - 4 * hour)
    windowed = win.fold_window("fold", keyed, clock, windower, lambda: (None, None), fold, merge, ordered=False)

    def row(item: tuple[str, tuple[int, Any]]) -> dict[str, Any]:
        key, (window, (first, most)) = item
        return {
            "end": window,
            "eventid": key,
            "actionname": first.get("actionname"),
            "age": first.get("age"),
            "reward": most,
        }

    op.output("out", op.map("row", windowed.down, row), TestingSink(out))
    run_main(flow)
    seconds = time.process_time()
    return seconds, [(START + (each.pop("end") - 2) * HOUR, *each.values()) for each in out]


def with_pathway(count: int, keys: int, batches: int = 1) -> tuple[Seconds, list[Found]]:
    import pathway as pw

    names = ("eventid", "actionname", "age", "reward")
    source = [{"t": ticks - 1} | {name: record.get(name) for name in names} for ticks, record in events(count, keys)]

    class Event(pw.Schema):  # type: ignore[misc]
        t: int
        eventid: str
        actionname: str | None
        age: int | None
        reward: float | None

    class Source(pw.io.python.ConnectorSubject):  # type: ignore[misc]
        def run(self) -> None:
            for first in range(0, count, count // batches):
                for record in source[first : first + count // batches]:
                    self.next(**record)
                self.commit()

    out: dict[Any, Any] = {}

    def changed(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        if is_addition:
            out[key] = row
        else:
            del out[key]

    begin()
    table = pw.io.python.read(Source(), schema=Event, autocommit_duration_ms=None)
    windowed = table.windowby(
        pw.this.t,
        window=pw.temporal.sliding(hop=HOUR, duration=2 * HOUR, origin=START - 4 * HOUR),
        instance=pw.this.eventid,
        behavior=pw.temporal.exactly_once_behavior(),
    )
    rows = windowed.reduce(
        eventid=pw.this._pw_instance,
        end=pw.this._pw_window_end,
        first=pw.reducers.min(pw.make_tuple(pw.this.t, pw.this.actionname, pw.this.age)),
        reward=pw.reducers.max(pw.coalesce(pw.this.reward, -1.0)),
    )
    pw.io.subscribe(rows, on_change=changed)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    seconds = time.process_time()
    return seconds, [
        (row["end"], row["eventid"], *row["first"][1:], None if row["reward"] < 0 else row["reward"])
        for row in out.values()
    ]
