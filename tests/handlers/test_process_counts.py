"""Counts outlive their processes, in a few files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from handlers.metrics.process_counts import AllCounts, merge_ended
from pipeline.settings import Settings
from wz.testing import Client

from .. import stack

#: What a process counts, with the number that it is given.
COUNT = """
import sys
from prometheus_client import Counter, Gauge, Histogram

value = float(sys.argv[1])
Counter("sends", "Sends", ["hub"]).labels("e").inc(value)
Counter("others", "Others").inc(value)
Histogram("seconds", "Seconds", buckets=[1, 5]).observe(value)
for mode in ("min", "max", "sum", "mostrecent", "all"):
    Gauge(mode, mode, multiprocess_mode=mode).set(value)
"""
NOBODY = 1 << 22  # the first number that Linux gives to no process


def scrape(folder: Path) -> set[str]:
    registry = CollectorRegistry()
    registry.register(AllCounts(folder))
    return set(generate_latest(registry).decode().splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of two processes that have ended; the second had the larger numbers."""
    for number in (2, 7):
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", COUNT, str(number)], env=environ, check=True)
    return tmp_path


def test_merged_counts_are_the_counts(folder: Path) -> None:
    before = scrape(folder)

    merge_ended(folder)

    assert {'sends_total{hub="e"} 9.0', 'seconds_bucket{le="5.0"} 1.0', "seconds_sum 9.0"} <= before
    assert {"min 2.0", "max 7.0", "sum 9.0", "mostrecent 7.0"} <= before
    assert scrape(folder) == before


def test_the_next_that_end_are_added(folder: Path) -> None:
    merge_ended(folder)
    for file in folder.glob("*_ended.db"):  # a third process, which counted what both had together
        shutil.copy(file, str(file).replace("ended", str(NOBODY)))

    merge_ended(folder)

    assert {'sends_total{hub="e"} 18.0', "min 2.0", "max 7.0", "sum 18.0", "mostrecent 7.0"} <= scrape(folder)


def test_however_many_have_ended_there_is_one_file_for_a_kind(folder: Path) -> None:
    file = next(folder.glob("histogram_*.db"))
    for number in range(500):
        os.link(file, folder / f"histogram_{NOBODY + number}.db")

    merge_ended(folder)

    kinds = [file.stem.rpartition("_")[0] for file in folder.glob("*.db")]
    two = ["gauge_all"] * 2  # whose series name their processes
    assert sorted(kinds) == ["counter", *two, "gauge_max", "gauge_min", "gauge_mostrecent", "gauge_sum", "histogram"]


def test_a_process_that_runs_keeps_its_files(folder: Path) -> None:
    here = folder / f"counter_{os.getpid()}.db"
    next(folder.glob("counter_*.db")).rename(here)

    merge_ended(folder)

    assert here.exists()
    assert 'sends_total{hub="e"} 9.0' in scrape(folder)


def test_what_was_true_while_a_process_lived_ends_with_it(folder: Path) -> None:
    next(folder.glob("gauge_sum_*.db")).rename(folder / f"gauge_livesum_{NOBODY}.db")

    merge_ended(folder)

    assert not list(folder.glob("gauge_live*"))


@pytest.mark.parametrize("content", [b"", b"\x40\0\0\0\0\0\0\0cut"], ids=["empty", "cut"])
def test_a_file_that_is_broken_stops_nobody(folder: Path, content: bytes) -> None:
    before = scrape(folder)
    (folder / f"counter_{NOBODY}.db").write_bytes(content)

    merge_ended(folder)

    assert scrape(folder) == before


def has_its_space(file: Path) -> bool:
    return file.stat().st_blocks * 512 >= file.stat().st_size


def test_a_merged_file_has_its_space_on_the_disk(folder: Path) -> None:
    """Else a process that writes there while the disk is full is killed by SIGBUS."""
    merge_ended(folder)

    assert has_its_space(folder / "counter_ended.db")


def test_a_worker_takes_the_space_for_its_counts_when_it_starts(tmp_path: Path, settings: Settings) -> None:
    with stack.gunicorn(tmp_path, settings, WEB_CONCURRENCY="1"):
        files = list((tmp_path / "metrics").glob("*.db"))

        assert {file.stem.rpartition("_")[0] for file in files} == {"counter", "gauge_livesum", "histogram"}
        assert all(map(has_its_space, files))


def test_a_worker_that_finds_no_space_serves_and_counts_for_itself(tmp_path: Path, settings: Settings) -> None:
    with stack.gunicorn(tmp_path, settings, WEB_CONCURRENCY="1") as server:
        (file,) = (tmp_path / "metrics").glob("counter_*.db")
        shutil.rmtree(tmp_path / "metrics")
        os.kill(int(file.stem.rpartition("_")[2]), signal.SIGKILL)
        stack.until(lambda: stack.answers(server))

        client = Client(server)
        client.get("/healthz")
        answer = client.get("/metrics", headers={"Authorization": stack.token()})
        assert answer.status_code == 200
        assert 'route="/healthz"' in answer.text
        assert not (tmp_path / "metrics").exists()
