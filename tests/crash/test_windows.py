from __future__ import annotations

from pathlib import Path

from .windows import OUTPUTS, run


def test_rows_are_those_of_a_run_that_nobody_disturbed(tmp_path: Path) -> None:
    report = run(tmp_path, kills=25, seed=1)
    print(report)

    assert report.faults == []
    assert all(report.rows[output] > 50 for output in OUTPUTS)
