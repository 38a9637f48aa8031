from __future__ import annotations

import pytest

from pipeline.windows.language.syntax import Session

from ..support.operations import HERE, STAR, call, column, operator, results, rows, snapshot

COUNT = call("COUNT", STAR)


def session(timeout: int, max_duration: int) -> Session:
    return Session(timeout, max_duration, (), HERE)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param((1, 4, 13, 15, 19, 24, 26, 34), [(9, 2), (30, 5), (39, 1)], id="documented"),
        pytest.param((1, 6, 12), [(11, 2), (17, 1)], id="a gap of exactly the timeout extends"),
        pytest.param((13, 18, 23, 28, 30), [(30, 5)], id="a row at the instant of the cut is before it"),
        pytest.param((13, 18, 23, 28, 31, 36), [(30, 4), (40, 2)], id="one that a cut opens lasts for one duration"),
        pytest.param((13, 18, 23, 28, 34), [(30, 4), (39, 1)], id="after a cut, within the timeout or not"),
        pytest.param((10, 15), [(20, 2)], id="one that opens on a multiple lasts for one duration"),
        pytest.param((15,), [(20, 1)], id="the end may be a multiple, too"),
    ],
)
def test_sessions_end_after_the_timeout_or_at_a_multiple_of_the_maximal_duration(
    times: tuple[int, ...], expected: list[tuple[int, int]]
) -> None:
    windows = operator(session(5, 10), COUNT, keys=())
    windows.feed(0, rows(*((time, {}) for time in times)))

    assert results(windows.advance(200)) == expected
    assert windows.due() is None


def test_without_a_session_key_groups_only_part_one_session() -> None:
    events = rows((1, {"k": "a"}), (5, {"k": "b"}), (9, {"k": "a"}))
    of_all, of_each = operator(session(5, 100), COUNT), operator(session(5, 100), COUNT, session_keys=("k",))
    of_all.feed(0, events)
    of_each.feed(0, events)

    assert results(of_all.advance(200)) == [(14, "a", 2), (14, "b", 1)]
    assert results(of_each.advance(200)) == [(6, "a", 1), (10, "b", 1), (14, "a", 1)]


def test_two_sessions_of_one_group_may_end_together() -> None:
    windows = operator(session(5, 100), COUNT, keys=("city",), session_keys=("user",))
    windows.feed(0, rows((1, {"city": "x", "user": "v"}), (1, {"city": "x", "user": "u"})))

    given = windows.advance(200)

    assert results(given) == [(6, "x", 1), (6, "x", 1)]
    assert given[0].arrival < given[1].arrival


def test_it_is_due_when_the_first_session_may_end() -> None:
    windows = operator(session(5, 100), COUNT, keys=())
    windows.feed(0, rows((10, {})))
    assert windows.due() == 15
    assert windows.advance(12) == []

    windows.feed(0, rows((14, {})))

    assert windows.advance(15) == []
    assert windows.due() == 19
    assert results(windows.advance(19)) == [(19, 2)]


def test_a_snapshot_writes_only_the_sessions_that_changed() -> None:
    windows = operator(session(5, 100), call("COLLECT", column("v")), session_keys=("k",))
    fields: dict[str, bytes] = {}
    windows.feed(0, rows((1, {"k": "a", "v": 1}), (2, {"k": "b", "v": 2})))
    windows.advance(2)
    assert snapshot(windows, fields) == {"open:0", "open:1"}
    windows.feed(0, rows((4, {"k": "b", "v": 4})))
    windows.advance(6)
    assert snapshot(windows, fields) == {"open:0", "open:1"}
    assert fields.keys() == {"open:1"}

    restored = operator(session(5, 100), call("COLLECT", column("v")), session_keys=("k",))
    restored.restore(fields, 6)

    assert restored.due() == 9
    assert results(restored.advance(100)) == [(9, "b", [2, 4])]
    assert snapshot(restored, fields) == {"open:1"}
    assert fields == {}
