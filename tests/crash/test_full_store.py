from __future__ import annotations

from pathlib import Path

from .full_store import run


def test_a_store_that_is_full_heals_itself(tmp_path: Path) -> None:
    report = run(tmp_path, seed=1)
    print(report)

    assert report.faults == []
    assert report.counts["large events refused"] > 20
