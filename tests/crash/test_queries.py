from __future__ import annotations

from pathlib import Path

from .queries import run


def test_drawn_queries_give_what_they_mean(tmp_path: Path) -> None:
    report = run(tmp_path, seed=1, queries=5)
    print(report)

    assert report.faults == []
    assert report.queries == 5
    assert report.rows > 0
