from __future__ import annotations

import random
from collections import Counter

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.syntax import Sliding, Snapshot
from pipeline.windows.language.values import Datetime
from pipeline.windows.operators.faults import ROW
from pipeline.windows.operators.panes import Panes
from pipeline.windows.operators.slices import Slices
from pipeline.windows.operators.totals import AT_ONCE
from pipeline.windows.operators.windowing import can_be_partial

from ..support.operations import (
    HERE,
    STAR,
    call,
    column,
    constant,
    hopping,
    operator,
    order_by,
    results,
    rows,
    snapshot,
)

COUNT = call("COUNT", STAR)
MAX = call("MAX", column("v"))
FIRST = call("TOPONE", column("v"), over=order_by("t"))
SUM = call("SUM", column("v"))
DISTINCT = call("COUNT", column("v"), distinct=True)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(-9, 40), st.integers(1, 200))
def test_a_slice_is_in_all_of_a_window_or_in_nothing_of_it(duration: int, hop: int, offset: int, time: int) -> None:
    slices = Slices(duration, hop, offset)
    since, until = slices.around(time)
    assert since < time <= until

    def windows(at: int) -> list[int]:
        return [end for end in range(offset % hop - hop, 300, hop) if end - duration < at <= end]

    assert windows(since + 1) == windows(time) == windows(until)
    if windows(time):
        assert (slices.first_end(until), slices.last_end(until)) == (windows(time)[0], windows(time)[-1])
    else:
        assert slices.last_end(until) < until
    assert slices.end_after(time) == min(end for end in range(offset % hop - hop, 400, hop) if end > time)


@given(st.integers(1, 500), st.integers(1, 500))
def test_there_are_two_slices_a_hop_at_most(duration: int, hop: int) -> None:
    slices = Slices(duration, hop)

    assert len({slices.around(time) for time in range(1, 10 * hop + 1, max(1, hop // 50))}) <= 20


def test_a_row_on_the_border_belongs_to_what_ends_there() -> None:
    windows = operator(hopping(10, 5), COUNT)
    windows.feed(0, rows((5, {"k": "a"}), (10, {"k": "a"})))

    assert results(windows.advance(30)) == [(5, "a", 1), (10, "a", 2), (15, "a", 1)]


def test_what_falls_into_a_gap_between_windows_is_dropped() -> None:
    windows = operator(hopping(2, 10), COUNT)
    windows.feed(0, rows((8, {"k": "a"}), (9, {"k": "a"}), (10, {"k": "a"}), (11, {"k": "a"})))

    assert windows.due() == 10
    assert results(windows.advance(100)) == [(10, "a", 2)]
    assert windows.due() is None


def test_groups_come_in_the_order_of_kinds_then_values_and_null_is_one() -> None:
    windows = operator(hopping(10, 10), COUNT)
    keys = ["b", "a", 10, 9, 9.0, None, None, True, Datetime(3)]
    windows.feed(0, rows(*((1, {"k": key}) for key in keys)))

    given = results(windows.advance(10))

    assert given == [
        (10, None, 2),
        (10, True, 1),
        (10, 9, 2),
        (10, 10, 1),
        (10, Datetime(3), 1),
        (10, "a", 1),
        (10, "b", 1),
    ]


def test_groups_by_several_keys_and_by_none() -> None:
    events = rows((1, {"k": "a", "l": 1}), (1, {"k": "a", "l": None}), (2, {"k": "a", "l": 1.0}))
    by_two, by_none = operator(hopping(10, 10), COUNT, keys=("k", "l")), operator(hopping(10, 10), COUNT, keys=())
    by_two.feed(0, events)
    by_none.feed(0, events)

    assert results(by_two.advance(10)) == [(10, "a", None, 1), (10, "a", 1, 2)]
    assert results(by_none.advance(10)) == [(10, 3)]


def test_a_snapshot_window_holds_rows_of_one_time() -> None:
    windows = operator(Snapshot(HERE), COUNT)
    windows.feed(0, rows((4, {"k": "a"}), (5, {"k": "a"}), (4, {"k": "a"})))

    assert results(windows.advance(9)) == [(4, "a", 2), (5, "a", 1)]


def test_a_row_with_a_value_of_no_use_is_reported_and_adds_to_nothing() -> None:
    faults: Counter[str] = Counter()
    windows = operator(hopping(10, 10), COUNT, SUM, faults=faults)
    windows.feed(0, rows((1, {"k": "a", "v": 1}), (2, {"k": "a", "v": "one"}), (3, {"k": [], "v": 1})))

    assert results(windows.advance(10)) == [(10, "a", 1, 1)]
    assert faults == {ROW: 2}


def test_a_result_that_is_refused_is_reported_and_the_other_groups_are_given() -> None:
    faults: Counter[str] = Counter()
    windows = operator(hopping(10, 10), SUM, faults=faults)
    windows.feed(0, rows((1, {"k": "a", "v": 2**63 - 1}), (2, {"k": "a", "v": 1}), (3, {"k": "b", "v": 1})))

    assert results(windows.advance(10)) == [(10, "b", 1)]
    assert faults == {ROW: 1}


def test_a_snapshot_writes_only_the_panes_that_changed_and_deletes_those_that_went() -> None:
    windows = operator(hopping(20, 10), COUNT)
    fields: dict[str, bytes] = {}
    windows.feed(0, rows((5, {"k": "a"}), (15, {"k": "a"})))
    assert snapshot(windows, fields) == {"10:0", "20:0"}

    windows.feed(0, rows((16, {"k": "b"})))
    assert snapshot(windows, fields) == {"20:0"}
    assert snapshot(windows, fields) == set()

    assert results(windows.advance(20)) == [(10, "a", 1), (20, "a", 2), (20, "b", 1)]
    assert snapshot(windows, fields) == {"10:0"}
    assert results(windows.advance(30)) == [(30, "a", 1), (30, "b", 1)]
    assert snapshot(windows, fields) == {"20:0"}
    assert fields == {}


def test_a_large_pane_is_kept_in_several_fields() -> None:
    windows, fields = operator(hopping(10, 10), COUNT), dict[str, bytes]()
    windows.feed(0, rows(*((1, {"k": number}) for number in range(5_000))))
    assert snapshot(windows, fields) == {"10:0", "10:1"}

    restored = operator(hopping(10, 10), COUNT)
    restored.restore(fields, 0)

    assert list(restored.advance(10)) == list(windows.advance(10))
    assert snapshot(restored, fields) == {"10:0", "10:1"}
    assert fields == {}


def test_a_batch_with_rows_of_no_use_leaves_out_just_those() -> None:
    faults: Counter[str] = Counter()
    windows = operator(hopping(10, 5), COUNT, SUM, MAX, faults=faults)
    bad = {3, 4, 500, 999}
    windows.feed(0, rows(*((1 + n % 20, {"k": "a", "v": "one" if n in bad else 1}) for n in range(1_000))))

    assert sum(count for _, _, count, *_ in results(windows.advance(40))) == 2 * (1_000 - len(bad))
    assert faults == {ROW: len(bad)}


@given(
    st.lists(st.tuples(st.integers(1, 90), st.sampled_from("abc")), min_size=1), st.integers(1, 9), st.integers(1, 9)
)
def test_batches_are_the_rows_of_all_windows_in_their_order(
    fed: list[tuple[int, str]], duration: int, hop: int
) -> None:
    one, other = (operator(hopping(duration, hop), COUNT, MAX, FIRST) for _ in range(2))
    assert isinstance(one, Panes)
    for windows in (one, other):
        windows.feed(0, rows(*[(time, {"k": key, "v": time % 7, "t": time}) for time, key in fed]))

    given = list(one.batches(200))
    assert [row for batch in given for row in batch] == list(other.advance(200))
    for batch in given:
        assert batch.values is not None
        assert batch.columns == list(zip(*batch.values, strict=True)) == [row.columns for row in batch]
        assert (batch.times, batch.arrivals) == ([row.time for row in batch], [row.arrival for row in batch])
        assert (batch[0], batch[1:]) == (next(iter(batch)), list(batch)[1:])


def test_small_windows_are_put_together_and_large_ones_are_cut() -> None:
    windows = operator(hopping(1, 1), COUNT)
    small = [(time, {"k": key}) for time in range(1, 21) for key in "ab"]
    windows.feed(0, rows(*small, *[(30, {"k": f"{key:04}"}) for key in range(AT_ONCE + 10)]))

    assert isinstance(windows, Panes)
    assert [len(batch) for batch in windows.batches(40)] == [40, AT_ONCE, 10]


@given(st.data(), st.integers(1, 20), st.integers(1, 20))
def test_panes_of_several_stages_merge_into_the_same_windows(data: st.DataObject, duration: int, hop: int) -> None:
    events = data.draw(
        st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["a", "b", None]), st.integers(0, 5)), max_size=30)
    )
    given = rows(*((time, {"k": key, "v": value, "t": value}) for time, key, value in events))
    calls = (
        COUNT,
        MAX,
        FIRST,
        DISTINCT,
        call("COLLECT", column("v")),
        call("PERCENTILE_CONT", constant(0.5), over=order_by("v")),
    )
    window = hopping(duration, hop)
    whole, merge = operator(window, *calls), operator(window, *calls, mode="merge")
    parts = [operator(window, *calls, mode="partial") for _ in range(3)]
    whole.feed(0, given)
    for number, row in enumerate(given):
        parts[number % 3].feed(0, [row])
    kept: list[dict[str, bytes]] = [{} for _ in parts]
    for closed, to in ((0, 30), (30, 200)):
        for place, fields in enumerate(kept):
            snapshot(parts[place], fields)
            parts[place] = operator(window, *calls, mode="partial")
            parts[place].restore(fields, closed)
            merge.feed(0, list(parts[place].advance(to)))
        assert list(merge.advance(to)) == list(whole.advance(to))
    assert all(part.due() is None for part in parts)


def test_only_windows_of_panes_can_be_divided() -> None:
    assert can_be_partial(hopping(2, 1))
    assert not can_be_partial(Sliding(1, HERE))
    with pytest.raises(ValueError, match="divided"):
        operator(Sliding(1, HERE), COUNT, mode="partial")


@pytest.mark.parametrize(("duration", "hop"), [(10, 10), (20, 10), (70, 30), (5, 20)])
def test_windows_agree_with_duckdb(duration: int, hop: int) -> None:
    rnd = random.Random(duration)
    values = [None, *range(-9, 9)]
    table = [
        (rnd.randrange(1, 600), rnd.choice("aaab") + str(rnd.randrange(3)), rnd.choice(values), number)
        for number in range(2_000)
    ]
    calls = (
        COUNT,
        call("COUNT", column("v")),
        DISTINCT,
        SUM,
        MAX,
        call("MIN", column("v")),
        call("STDEV", column("v")),
        call("VARP", column("v")),
        call("TOPONE", column("n"), over=order_by("t")),
        call("PERCENTILE_CONT", constant(0.9), over=order_by("v")),
        call("PERCENTILE_DISC", constant(0.4), over=order_by("v")),
        call("COLLECT", column("v")),
    )
    windows = operator(hopping(duration, hop), *calls)
    windows.feed(0, rows(*((time, {"k": key, "v": v, "t": Datetime(time), "n": n}) for time, key, v, n in table)))
    connection = duckdb.connect()
    connection.execute("CREATE TABLE events (t BIGINT, k VARCHAR, v BIGINT, n BIGINT)")
    columns = list(zip(*table, strict=True))
    connection.execute("INSERT INTO events SELECT unnest(?), unnest(?), unnest(?), unnest(?)", columns)

    expected = connection.execute(
        """
        SELECT w, k, count(*), count(v), count(DISTINCT v), sum(v)::BIGINT, max(v), min(v), stddev_samp(v), var_pop(v),
               arg_min(n, t * 10000 + n), quantile_cont(v, 0.9), quantile_disc(v, 0.4),
               coalesce(list(v ORDER BY t, n) FILTER (v IS NOT NULL), [])
        FROM events, range(0, 1000, ?) ends(w)
        WHERE w - ? < t AND t <= w
        GROUP BY w, k ORDER BY w, k
        """,
        [hop, duration],
    ).fetchall()

    given = results(windows.advance(1_000))
    assert len(given) == len(expected) > 20
    for ours, theirs in zip(given, expected, strict=True):
        assert ours[:8] + ours[10:11] + ours[12:] == theirs[:8] + theirs[10:11] + theirs[12:]
        assert ours[8:12] == pytest.approx(theirs[8:12])
