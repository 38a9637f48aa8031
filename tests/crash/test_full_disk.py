from __future__ import annotations

from pathlib import Path

from .full_disk import run


def test_events_that_were_acknowledged_are_there_after_a_full_disk(tmp_path: Path) -> None:
    report = run(tmp_path, "always", seed=1)
    print(report)

    assert report.faults == []
    assert report.starts > 2
