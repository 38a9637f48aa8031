from __future__ import annotations

from typing import NamedTuple

import pytest

from pipeline.windows.engine.engine import ExchangeRow, Given, OutputRow
from pipeline.windows.jobs.recovery import ENTRIES, TIMES, Phase, Recovery
from pipeline.windows.jobs.state import Mute, Position, Progress
from pipeline.windows.language.ticks import BEGINNING, END
from pipeline.windows.row import Row


class Entry(NamedTuple):
    offset: str


def parts(progress: Progress, *offsets: str) -> dict[Phase, list[str]]:
    found = Recovery(progress).parts("a", [Entry(offset) for offset in offsets])
    return {phase: [entry.offset for entry in part] for phase, part in found}


@pytest.mark.parametrize(
    ("done", "muted", "expected"),
    [
        pytest.param(None, None, {Phase.NEW: ["9-0", "10-0", "10-1", "11"]}, id="a job that has not run"),
        pytest.param("8", None, {Phase.NEW: ["9-0", "10-0", "10-1", "11"]}, id="all is after what is done"),
        pytest.param("10-0", None, {Phase.REPLAYED: ["9-0", "10-0"], Phase.NEW: ["10-1", "11"]}, id="some is done"),
        pytest.param("11-0", None, {Phase.REPLAYED: ["9-0", "10-0", "10-1", "11"]}, id="all is done"),
        pytest.param(None, "10", {Phase.MUTED: ["9-0", "10-0"], Phase.NEW: ["10-1", "11"]}, id="some was put out"),
        pytest.param(
            "9", "10-1", {Phase.REPLAYED: ["9-0"], Phase.MUTED: ["10-0", "10-1"], Phase.NEW: ["11"]}, id="all three"
        ),
        pytest.param("10-1", "9", {Phase.REPLAYED: ["9-0", "10-0", "10-1"], Phase.NEW: ["11"]}, id="done beyond that"),
        pytest.param("99", "100", {Phase.REPLAYED: ["9-0", "10-0", "10-1", "11"]}, id="numbers, not text"),
    ],
)
def test_entries_are_cut_at_the_borders(done: str | None, muted: str | None, expected: dict[Phase, list[str]]) -> None:
    progress = Progress(
        done={"b": Position("99")} | ({} if done is None else {"a": Position(done)}),
        mute=Mute(done={"b": "99"} | ({} if muted is None else {"a": muted})),
    )

    assert parts(progress, "9-0", "10-0", "10-1", "11") == expected


def test_no_entries_are_in_no_phase() -> None:
    assert parts(Progress()) == {}


def test_what_was_done_meanwhile_is_not_read_as_new_again() -> None:
    progress = Progress()
    recovery = Recovery(progress)
    progress.done["a"] = Position("10")

    assert recovery.parts("a", [Entry("10"), Entry("11")]) == [
        (Phase.REPLAYED, [Entry("10")]),
        (Phase.NEW, [Entry("11")]),
    ]


def test_times_are_those_of_the_resume() -> None:
    progress = Progress(closed=7, mute=Mute(advanced=5))
    recovery = Recovery(progress)
    progress.closed = 9

    assert recovery.times == ((Phase.REPLAYED, 7), (Phase.MUTED, 5), (Phase.NEW, END))


HANDED = ExchangeRow(0, Row({}, 3, ()))
EARLY, LATE = OutputRow("o", {}, 3, (), False), OutputRow("o", {}, 4, (), False)


@pytest.mark.parametrize(
    ("phase", "reported", "moves_done", "rows", "rows_after_three"),
    [
        (Phase.REPLAYED, (False, False), False, [], []),
        (Phase.MUTED, (False, True), True, [HANDED], [HANDED]),
        (Phase.NEW, (True, True), True, [HANDED, EARLY, LATE], [HANDED, LATE]),
    ],
)
def test_the_tables_of_the_head(
    phase: Phase, reported: tuple[bool, bool], moves_done: bool, rows: list[Given], rows_after_three: list[Given]
) -> None:
    given: list[Given] = [HANDED, EARLY, LATE]

    assert (ENTRIES[phase].reports_faults, TIMES[phase].reports_faults) == reported
    assert (ENTRIES[phase].moves_done, TIMES[phase].moves_done) == (moves_done, False)
    for table in (ENTRIES, TIMES):
        assert table[phase].given(given, BEGINNING) == rows
        assert table[phase].given(given, 3) == rows_after_three
