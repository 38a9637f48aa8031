"""bench.sums: a run has what the stored one has. What the page makes of it is in tests/tour/test_sums.py."""

from __future__ import annotations

import pytest

from bench import sums


def test_the_stored_run_has_what_a_run_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "FEW", 20)  # how long they take does not matter here
    monkeypatch.setattr(sums, "MANY", 80)
    run, found = sums.measure(rounds=2), sums.stored()

    assert list(run) == list(found)
    for costs in (run["microseconds"], found["microseconds"]):
        assert list(costs) == list(sums.STEPS)
        assert all(list(of) == list(sums.KINDS) for of in costs.values())
        assert all(len(times) == 2 and min(times) > 0 for of in costs.values() for times in of.values())
    assert len(sums.table(run).splitlines()) == len(sums.table(found).splitlines()) == len(sums.STEPS) + 4
