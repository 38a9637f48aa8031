from __future__ import annotations

from pathlib import Path

from .run import run


def test_what_was_acknowledged_survives_every_kill_in_order(tmp_path: Path) -> None:
    report = run(tmp_path, seconds=0.0, seed=1, kills=7, acknowledged=101)
    print(report)

    assert report.faults == []
    assert report.counts["acknowledged"] > 100
    assert sum(report.kills.values()) > 5
