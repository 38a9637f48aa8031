from __future__ import annotations

from pathlib import Path

from .relaying import run


def test_a_late_upstream_that_relays_back_has_every_event_once_in_order(tmp_path: Path) -> None:
    report = run(tmp_path, seconds=0.0, seed=1, clients=1)
    print(report)

    assert report.faults == []
    assert report.counts["tries of the relay that failed"] > 0
    assert report.counts["upstream"] > 0
