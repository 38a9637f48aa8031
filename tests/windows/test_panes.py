from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.aggregates import Extreme, Path, TopOne
from pipeline.windows.panes import Panes, Window
from pipeline.windows.rows import Row
from pipeline.windows.values import tagged

AGGREGATES = (Extreme(Path(("v",)), largest=True), TopOne(Path(("n",)), order=((Path(("by",)), False),)))
END = 300

Event = tuple[int, str, int | None, int]  # time, group, value, order column
Result = tuple[int, str, int | None, int]  # window end, group, largest value, number of the first event

# Small numbers, so that times fall on boundaries, and order columns and whole times tie, often.
windows = st.builds(Window, st.integers(1, 24), st.integers(1, 24), st.integers(0, 23))
events = st.lists(
    st.tuples(
        st.integers(1, 100),  # time
        st.sampled_from("ab"),
        st.one_of(st.none(), st.integers(0, 9)),  # value
        st.integers(0, 3),  # order column
    ),
    max_size=40,
)


def brute_force(window: Window, events: Iterable[Event]) -> list[Result]:
    """Ask of every window, every event: is it in?"""
    results: list[Result] = []
    for end in range(window.offset % window.hop, END + 1, window.hop):
        groups = defaultdict(list)
        for number, (time, key, value, by) in enumerate(events):
            if end - window.duration < time <= end:
                groups[key].append((by, time, number, value))
        for key, members in sorted(groups.items()):
            largest = max((value for *_, value in members if value is not None), default=None)
            results.append((end, key, largest, min(members)[2]))
    return results


def rows(events: Iterable[Event]) -> list[tuple[str, Row]]:
    return [
        (key, Row({"v": value, "by": by, "n": number}, time, (0, number, 0)))
        for number, (time, key, value, by) in enumerate(events)
    ]


def feed(panes: Panes, key: str, row: Row) -> bool:
    return panes.add(row.time, (tagged(key),), [a.lift(row) for a in AGGREGATES])


def close_all(panes: Panes, until: int = END) -> list[Result]:
    results: list[Result] = []
    while (end := panes.next_end()) is not None and end <= until:
        results += [(end, key, largest, first) for ((_, key),), (largest, first) in panes.close(end)]
    panes.advance(until)
    return results


@given(windows, events)
def test_panes_agree_with_brute_force(window: Window, events: list[Event]) -> None:
    panes = Panes(window, AGGREGATES)
    for key, row in rows(events):
        feed(panes, key, row)

    assert close_all(panes) == brute_force(window, events)
    assert panes.next_end() is None  # and nothing is kept


@given(windows, events)
def test_closing_as_the_watermark_moves_gives_the_same(window: Window, events: list[Event]) -> None:
    panes = Panes(window, AGGREGATES)
    results: list[Result] = []
    in_order = sorted(events, key=lambda event: event[0])
    for key, row in rows(in_order):
        results += close_all(panes, until=row.time - 1)
        feed(panes, key, row)

    assert results + close_all(panes) == brute_force(window, in_order)


@given(windows, events, st.integers(0, 120))
def test_what_is_needed_after_a_time_is_enough_to_go_on_from_it(
    window: Window, events: list[Event], closed: int
) -> None:
    panes = Panes(window, AGGREGATES, closed)
    for key, row in rows(events):
        if row.time > panes.needed_after(closed):
            feed(panes, key, row)

    assert close_all(panes) == [result for result in brute_force(window, events) if result[0] > closed]


def test_an_event_for_closed_windows_only_is_refused() -> None:
    panes = Panes(Window(duration=10, hop=10), AGGREGATES, closed=20)

    assert [feed(panes, "a", row) for _, row in rows([(20, "a", 1, 1), (21, "a", 1, 1)])] == [False, True]
