from __future__ import annotations

from pathlib import Path

from . import late_upstream, ring


def test_an_upstream_hub_that_is_made_late_gets_everything_in_order(tmp_path: Path) -> None:
    report = late_upstream.run(tmp_path, seconds=2.0, seed=1)
    print(report)

    assert report.faults == []
    assert report.counts["tries of the relay that failed"] > 0
    assert report.counts["upstream"] > 0


def test_a_ring_stops_with_every_event_once_in_each_hub(tmp_path: Path) -> None:
    report = ring.run(tmp_path, seconds=2.0, seed=1)
    print(report)

    assert report.faults == []
    assert report.counts["upstream"] > 0
