"""What the pages of /layers show as measured is what `python -m bench.layers` measures now."""

from __future__ import annotations

from bench.layers import measure, table
from handlers.console.layers.measured import PARTS, measured
from wz.tracing.spans import STEPS


def test_the_stored_run_has_what_a_run_has() -> None:
    run, stored = measure(rounds=1, calls=2), measured()

    assert [(bar.name, bar.what, list(bar.parts)) for bar in stored.bars] == [
        (bar.name, bar.what, list(PARTS)) for bar in run.bars
    ]
    assert {step: [cost.name for cost in costs] for step, costs in stored.steps.items()} == {
        step: [cost.name for cost in costs] for step, costs in run.steps.items()
    }
    assert list(stored.versions) == list(run.versions)
    assert set(stored.steps) <= set(STEPS)


def test_each_bar_of_the_stored_run_has_time() -> None:
    assert all(bar.total > 0 for bar in measured().bars)
    assert all(cost.microseconds > 0 for costs in measured().steps.values() for cost in costs)


def test_a_run_is_printed_with_all_that_it_has() -> None:
    text = table(measured())

    assert [line.split("  ")[0] for line in text.splitlines()[2:7]] == [bar.name for bar in measured().bars]
    assert all(f"{step} " in text for step in measured().steps)
