from __future__ import annotations

from pathlib import Path

import pytest

from .windows import OUTPUTS, run


@pytest.mark.parametrize(
    ("on_cluster", "kills"), [(False, 25), (True, 10)], ids=["jobs on a server", "jobs on a cluster"]
)
def test_rows_are_those_of_a_run_that_nobody_disturbed(tmp_path: Path, on_cluster: bool, kills: int) -> None:
    report = run(tmp_path, kills, seed=1, on_cluster=on_cluster)
    print(report)

    assert report.faults == []
    assert all(report.rows[output] > 20 for output in OUTPUTS)
