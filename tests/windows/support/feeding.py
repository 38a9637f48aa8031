"""Drives an operator as an engine may do it: rows are fed in random portions, with snapshots and restarts between."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from pipeline.windows.operators.operator import Operator
from pipeline.windows.row import Row

Arrival = tuple[int, Row]  # port, row


def run(make: Callable[[], Operator], arrivals: Sequence[Arrival], seed: int, until: int) -> list[Row]:
    """Feed `arrivals`, each before the watermark reaches its row's time, and return all rows that come up to `until`.

    Checks what every operator must do: rows come by time and arrival, none twice, and none before `due` or a time that
    is closed; only fields that exist are deleted.
    """
    choose = random.Random(seed)
    operator, closed = make(), 0
    fields: dict[str, bytes] = {}
    out: list[Row] = []
    waiting = sorted(arrivals, key=lambda arrival: arrival[1].time + choose.randint(0, 12))
    while closed < until:
        for _ in range(choose.randint(0, 6)):
            if waiting:
                port, row = waiting.pop(0)
                operator.feed(port, [row])
        earliest = min((row.time for _, row in waiting), default=until + 1)
        to = choose.randint(closed, min(earliest - 1, until))
        due = operator.due()
        rows = list(operator.advance(to))
        assert all(closed < row.time <= to for row in rows)
        assert all(due is not None and due <= row.time for row in rows)
        out += rows
        closed = to
        if choose.random() < 0.4:
            for name, value in operator.snapshot():
                if value is None:
                    del fields[name]
                else:
                    fields[name] = value
            if choose.random() < 0.7:
                operator = make()
                operator.restore(dict(fields), closed)
    assert out == sorted(out, key=lambda row: (row.time, row.arrival))
    assert len({(row.time, row.arrival) for row in out}) == len(out)
    return out
