"""The pictures of docs/windows.md. What an engine computes in them, the engine computes here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

from pipeline.windows.engine.event_times import EARLY_TOLERANCE, EventTimes
from pipeline.windows.language.ticks import TICKS_PER_MINUTE, isoformat
from pipeline.windows.operators.faults import Faults
from tests.windows.support.example import EVENTS, WINDOWS
from tests.windows.support.illustrated import ILLUSTRATED, POLICIES, at
from tests.windows.support.run import run

from ..drawing import arrow, box, circle, line, rect, svg, text

KINDS = {"done": "grey", "held": "yellow", "new": "green", "lost": "red", "box": "page"}

#: The windows of the picture of kinds: what is in GROUP BY, and how many rows of its picture its bars take.
GROUPINGS = {
    "tumbling": ("TumblingWindow(second, 5)", 1),
    "hopping": ("HoppingWindow(second, 10, 5)", 3),
    "sliding": ("SlidingWindow(second, 5)", 0),
    "session": ("SessionWindow(second, 3, 10)", 1),
    "snapshot": ("System.Timestamp()", 0),
}
#: When its events come. The first is not at 0, so that a window begins before it.
INSTANTS = (1, 4, 5, 5, 8, 12, 19)


def example() -> str:
    """Draw the worked example: its events, and the rows of each window."""

    def x(time: str) -> float:
        hours, minutes = map(int, time.split(":"))
        return 84 + 112 * (hours + minutes / 60 - 9)

    lanes = {f"e{number}": 36 + 40 * number for number in (1, 2, 3)}
    lines: list[str] = [text(24, 34, "events")]
    for hour in range(9, 16):
        lines += [line((x(f"{hour}:00"), 48), (x(f"{hour}:00"), 532), kind="grid")]
        lines += [text(x(f"{hour}:00"), 44, f"{hour:02}:00", "small middle")]
    for name, y in lanes.items():
        lines += [text(24, y + 5, name, "code"), line((84, y), (756, y), kind="grid")]
    for time, columns in EVENTS:
        at_x, y = x(time), lanes[columns["eventid"]]
        if "reward" in columns:
            lines += [circle(at_x, y, 6.5, "held"), text(at_x + 10, y + 16, str(columns["reward"]), "small")]
        else:
            lines += [rect(at_x - 6, y - 6, 12, 12, "new"), text(at_x + 10, y - 8, columns["actionname"], "small")]
    lines += [rect(606, 64, 12, 12, "new"), text(626, 75, "context: which action", "small")]
    lines += [circle(612, 92, 6.5, "held"), text(626, 96, "reward", "small")]
    lines.append(text(24, 180, "windows"))
    top = 186
    for end, rows in groupby(WINDOWS, key=lambda row: row[0]):
        cells = [(key, context[0] or "NULL", "NULL" if reward is None else reward) for _, key, context, reward in rows]
        lines += _window_of_example(x(end), top, end, cells)
        top += 22 + 18 * len(cells)
    description = (
        "Three lanes show the events of e1, e2 and e3 between 10:00 and 14:00: a context each, then rewards. "
        "Below are the five windows of two hours, one ending each hour, with the row of each event id."
    )
    title = "The worked example: eight events, panes of an hour, windows of two"
    return svg(title, description, 800, 548, lines, KINDS)


def _window_of_example(x: float, top: float, end: str, cells: list[tuple[Any, ...]]) -> Iterator[str]:
    height = 14 + 18 * len(cells)
    yield rect(x - 221, top, 218, height, "done")
    for number, row in enumerate(cells):
        for left, cell in zip((208, 168, 74), row, strict=True):
            yield text(x - left, top + 20 + 18 * number, str(cell), "code")
    yield line((x, top), (x, top + height), kind="mark")
    if x < 700:
        yield text(x + 8, top + height / 2 + 4, f"row time {end}", "small")
    else:
        yield text(x - 230, top + height / 2 + 4, f"row time {end}", "small end")


def counts(grouping: str) -> list[tuple[float, int, float]]:
    """Return the rows of COUNT(*) over the events: the time of each, its count, and its first event."""
    query = f"SELECT COUNT(*) AS n, MIN(second) AS first INTO Counts FROM Input GROUP BY {grouping}"
    events = [(float(second), {"second": second}) for second in INSTANTS]
    return [(end, row["n"], row["first"]) for end, row in run(query, events, base="2024-05-01T00:00:00Z")["Counts"]]


def kinds() -> str:
    """Draw what COUNT(*) gives in each kind of window over the same events."""
    lines: list[str] = [text(24, 38, "seconds", "small"), text(24, 70, "events")]
    for second in range(0, 26, 5):
        lines += [line((_second(second), 44), (_second(second), 446), kind="grid")]
        lines += [text(_second(second), 38, str(second), "small middle")]
    for second, several in Counter(INSTANTS).items():
        lines += [circle(_second(second), 66 - 13 * number, 5.5, "new") for number in range(several)]
    top = 100
    for kind, (grouping, rows) in GROUPINGS.items():
        name, _, arguments = grouping.partition("Window")
        lines.append(text(24, top + (16 + 15 * (rows - 1) if rows else 16), name if rows or arguments else "Snapshot"))
        lines.append(text(24, top + (32 + 15 * (rows - 1) if rows else 32), arguments or grouping, "small"))
        lines += _bars(kind, top, rows) if rows else _points(kind, top)
        if kind == "session":
            lines.append(text(_second(10), top + 42, "3 s after the last event", "small end"))
        top += 20 + 30 * rows if rows else 62
    ends = "A window is (start, end]: an event exactly at the end is in it, one at the start is not."
    lines.append(text(24, 466, f"{ends} A bold line is the time of a row.", "small"))
    seconds = ", ".join(map(str, INSTANTS))
    description = (
        f"Seven events at seconds {seconds}, and what COUNT(*) gives in tumbling windows of 5 seconds, hopping "
        "windows of 10 seconds every 5, sliding windows of 5, sessions with a timeout of 3, and snapshots. Each "
        "number stands at the time of its row, which is the end of its window."
    )
    return svg("The five kinds of windows, over the same seven events", description, 800, 486, lines, KINDS)


def _second(second: float) -> float:
    return 196 + 22.4 * second


def _bars(kind: str, top: float, rows: int) -> Iterator[str]:
    """Windows that end where no other one does: each is a bar, in a row that is free."""
    lengths = {"tumbling": 5.0, "hopping": 10.0}
    for number, (end, count, first) in enumerate(counts(GROUPINGS[kind][0])):
        start = end - lengths[kind] if kind in lengths else first
        left, right, y = max(_second(start), 175), _second(end), top + 30 * (number % rows)
        yield rect(left + 1.5, y, right - left - 3, 26, "done")
        yield line((right, y), (right, y + 26), kind="mark")
        yield text(right - 8, y + 18, str(count), "code end", kind=kind, end=f"{end:g}")


def _points(kind: str, top: float) -> Iterator[str]:
    """Windows that overlap: only the times of their rows."""
    for end, count, _ in counts(GROUPINGS[kind][0]):
        yield line((_second(end), top + 16), (_second(end), top + 42), kind="mark")
        yield text(_second(end), top + 10, str(count), "code middle", kind=kind, end=f"{end:g}")
    yield line((_second(0), top + 42), (_second(25), top + 42), kind="grid")


def time() -> str:
    """Draw what becomes of the times of the illustrated example, and its watermark."""

    def x(minutes: float) -> float:
        return 90 + 28 * (minutes - 6)

    def y(minutes: float) -> float:
        return 470 - 21.5 * (minutes - 4)

    late, early = ((ticks or 0) / TICKS_PER_MINUTE for ticks in (POLICIES.late, EARLY_TOLERANCE))
    lines: list[str] = []
    for minute in range(4, 25, 2):
        lines += [line((x(6), y(minute)), (x(28), y(minute)), kind="grid")]
        lines += [text(x(6) - 8, y(minute) + 4, f"12:{minute:02}", "small end")]
    lines += [text(x(minute), 490, f"12:{minute:02}", "small middle") for minute in range(6, 29, 2)]
    lines += [text(24, 28, "event time: TIMESTAMP BY"), text(x(28), 510, "arrival", "end")]
    lines += [line((x(6), y(6)), (x(24), y(24)), kind="grid")]
    lines += [line((x(6), y(6 + early)), (x(24 - early), y(24)))]
    lines += [text(x(14.6), y(14.6 + early) - 6, f"{early:g} min early: dropped above", "small end")]
    lines += [line((x(4 + late), y(4)), (x(28), y(28 - late)))]
    lines += [text(x(16.4), y(16.4 - late) + 14, f"{late:g} min late: adjusted below, up to the line", "small")]
    points: list[tuple[float, float]] = []
    marks: list[str] = []
    times = EventTimes(POLICIES, Faults("picture", Counter()))
    for event, arrival, _, _ in ILLUSTRATED:
        before = times.watermark
        counted = times.time_of(at(event), at(arrival))
        across, sent = x(_minute(at(arrival))), _minute(at(event))
        points += [(across, y(_minute(mark + 1))) for mark in (before, times.watermark) if mark > at("12:00")]
        marks += _moved(across, y(sent), None if counted is None else y(_minute(counted)), _label(event, counted))
    lines += [line(*_without_repeats(points), kind="mark"), *marks]
    lines.append(text(x(22.2), y(20.4) + 18, "watermark", "small"))
    description = (
        "A chart of event time over arrival, with the example of the documentation. Two lines limit what is "
        "taken: five minutes early and five minutes late. A staircase is the watermark. Events keep their times "
        "or are moved up to the watermark or the late line; one, more than five minutes early, is dropped."
    )
    return svg("What becomes of an event's time", description, 800, 520, lines, KINDS)


def _minute(ticks: int) -> float:
    return (ticks - at("12:00")) / TICKS_PER_MINUTE


def _label(event: str, counted: int | None) -> str:
    return "dropped" if counted is None else "" if counted == at(event) else f"{event} → {isoformat(counted)[11:16]}"


def _moved(x: float, sent: float, counted: float | None, label: str) -> Iterator[str]:
    if counted is None:
        yield from (circle(x, sent, 6, "lost"), text(x + 10, sent + 4, label, "small"))
    elif not label:
        yield circle(x, sent, 6, "new")
    else:
        if sent - counted > 22:
            yield from arrow(x, sent - 6, x, counted + 6)
        yield from (circle(x, sent, 6, "held"), circle(x, counted, 6, "new"))
        yield text(x + 10, sent + (16 if sent - counted < 30 else 4), label, "small")


def _without_repeats(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return points[:1] + [after for before, after in pairwise(points) if after != before]


def recovery() -> str:
    """Draw a turn of a task, and what is read again after a crash."""
    lines: list[str] = [text(24, 36, "a partition of the hub, oldest event first")]
    snapshot, commit, events = 7, 13, 20
    for place in range(events):
        kind = "done" if place < snapshot else "held" if place < commit else "new"
        lines.append(rect(24 + 36 * place, 96, 36, 44, kind))
    for place, name, meaning in (
        (snapshot, "last snapshot", "state as of here"),
        (commit, "last commit", "rows of all before are written"),
    ):
        left = 24 + 36 * place
        lines += [line((left, 68), (left, 140), kind="mark"), text(left + 6, 64, name)]
        lines.append(text(left + 6, 82, meaning, "small"))
    lines += [
        text(24, 162, "in the snapshot", "small"),
        text(280, 162, "read again after a crash, in silence", "small"),
    ]
    lines += [text(496, 162, "read on", "small"), rect(24, 200, 752, 116, "box")]
    lines.append(text(40, 224, "one transaction (MULTI) a turn, refused if another worker has the lease"))
    parts = {
        "rows": "XADD output:NAME",
        "scores": "boards",
        "outbox": "for hub, file, hook",
        "offset, counts": "how far all is done",
        "state": "every 30 s",
    }
    for number, (what, how) in enumerate(parts.items()):
        lines += box(40 + 146 * number, 242, 138, 58, "held" if what == "state" else "new", what, how)
    lines.append(text(24, 340, "Killed at any moment, a task has done all of a turn or nothing of it.", "small"))
    description = (
        "A partition's log. A snapshot of the state belongs to one offset, the last commit to a later one. After "
        "a crash the task takes the snapshot, reads what is between the two again without writing anything, and "
        "goes on behind the last commit. Below, one transaction writes rows, scores, the offset and sometimes the "
        "state."
    )
    return svg("What a task does in a turn, and after a crash", description, 800, 356, lines, KINDS)


def stages() -> str:
    """Draw a job in one stage, and one in two."""
    lines: list[str] = [text(24, 34, "GROUP BY the partition key: one stage"), line((388, 24), (388, 290), kind="grid")]
    lines.append(text(404, 34, "GROUP BY something else: two"))
    for number in range(3):
        y = 60 + 76 * number
        lines += [*box(24, y, 92, 48, "done", f"partition {number}"), *arrow(116, y + 24, 150, y + 24)]
        lines += [*box(150, y, 110, 48, "new", f"task {number}", "whole windows"), *arrow(260, y + 24, 316, 136)]
        lines += [*box(404, y, 92, 48, "done", f"partition {number}"), *arrow(496, y + 24, 518, y + 24)]
        lines += [*box(518, y, 84, 48, "new", f"task {number}", "panes"), *arrow(602, y + 24, 650, 136)]
    lines += [*box(316, 112, 60, 48, "box", "output"), *box(650, 112, 62, 48, "held", "merge", "windows")]
    lines += [*arrow(712, 136, 730, 136), *box(730, 112, 60, 48, "box", "output")]
    shared = (
        "Workers share the tasks: each has one of them at a time, and a dead one's are taken over within ten seconds."
    )
    lines.append(text(24, 312, shared, "small"))
    lines.append(text(24, 330, "Between the stages rows wait in Redis Streams, job:NAME:exchange:P.", "small"))
    description = (
        "Left: each partition has a task that writes rows by itself. Right: each partition has a task that makes "
        "panes, which go through exchanges to one merging task that writes rows."
    )
    return svg("A job in one stage, and in two", description, 800, 344, lines, KINDS)


PICTURES = {
    "windows/example.svg": example,
    "windows/kinds.svg": kinds,
    "windows/time.svg": time,
    "windows/recovery.svg": recovery,
    "windows/stages.svg": stages,
}
