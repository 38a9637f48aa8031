from __future__ import annotations

import time

from pipeline.store.pace import FIRST_WAIT, Pace


def test_waits_double_up_to_the_longest_and_begin_again_after_a_success() -> None:
    pace = Pace(max_wait=8.0)

    for wait in (1.0, 2.0, 4.0, 8.0, 8.0, 8.0):
        assert wait <= pace.failed(1.0) <= wait * 1.25
    assert pace.not_before > time.monotonic() + 7.0
    pace.succeeded()

    assert pace.not_before == 0.0
    assert 1.0 <= pace.failed(1.0) <= 1.25


def test_what_is_asked_for_comes_before_the_longest_wait() -> None:
    assert 60.0 <= Pace(max_wait=8.0).failed(60.0) <= 75.0


def test_the_longest_wait_is_half_a_minute_unless_another_is_said() -> None:
    pace = Pace()

    waits = [pace.failed(FIRST_WAIT) for _ in range(10)]
    assert 0.5 <= waits[0] <= 0.625
    assert all(30.0 <= wait <= 37.5 for wait in waits[6:])
