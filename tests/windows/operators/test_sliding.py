from __future__ import annotations

from pipeline.windows.language.syntax import Sliding

from ..support.operations import HERE, STAR, call, column, operator, order_by, results, rows, snapshot

COUNT = call("COUNT", STAR)


def test_there_is_a_row_when_a_row_enters_and_when_it_leaves_unless_nothing_is_left() -> None:
    windows = operator(Sliding(5, HERE), COUNT, keys=())
    windows.feed(0, rows((34, {}), (38, {}), (42, {})))

    assert results(windows.advance(100)) == [(34, 1), (38, 2), (39, 1), (42, 2), (43, 1)]
    assert windows.due() is None


def test_several_changes_at_one_instant_give_one_row() -> None:
    windows = operator(Sliding(10, HERE), COUNT, call("SUM", column("v")))
    windows.feed(0, rows((1, {"k": "a", "v": 1}), (11, {"k": "a", "v": 2}), (11, {"k": "a", "v": 4})))

    assert results(windows.advance(100)) == [(1, "a", 1, 1), (11, "a", 2, 6)]


def test_a_group_changes_alone() -> None:
    windows = operator(Sliding(10, HERE), COUNT)
    windows.feed(0, rows((1, {"k": "b"}), (1, {"k": "a"}), (2, {"k": "a"})))

    assert results(windows.advance(100)) == [(1, "a", 1), (1, "b", 1), (2, "a", 2), (11, "a", 1)]


def test_rows_wait_for_the_watermark_and_come_in_order() -> None:
    windows = operator(Sliding(10, HERE), call("COLLECT", column("v")), keys=())
    windows.feed(0, rows((7, {"v": 7}), (5, {"v": 5})))
    assert windows.due() == 5
    assert results(windows.advance(6)) == [(5, [5])]

    windows.feed(0, rows((7, {"v": 8})))

    assert results(windows.advance(7)) == [(7, [5, 7, 8])]
    assert windows.due() == 15


def test_a_snapshot_writes_a_row_once() -> None:
    windows = operator(Sliding(10, HERE), call("TOPONE", over=order_by("v")))
    fields: dict[str, bytes] = {}
    windows.feed(0, rows((1, {"k": "a", "v": 1})))
    assert snapshot(windows, fields) == {"rows:0"}
    windows.advance(1)
    assert snapshot(windows, fields) == {"rows:0", "live:0"}
    windows.feed(0, rows((2, {"k": "a", "v": 0})))
    windows.advance(2)
    assert snapshot(windows, fields) == {"live:1"}

    restored = operator(Sliding(10, HERE), call("TOPONE", over=order_by("v")))
    restored.restore(fields, 2)

    assert restored.due() == 11
    assert results(restored.advance(100)) == [(11, "a", {"k": "a", "v": 0})]
    assert snapshot(restored, fields) == {"live:0", "live:1"}
    assert fields == {}
