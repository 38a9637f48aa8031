from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import redis as redis_py

from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.finding import JobFolders
from pipeline.windows.jobs.job_toml import InvalidJob

from ..support.running_jobs import load, write_job

QUERY = "SELECT n INTO {} FROM Input"
TOML = '[inputs.Input]\nhub = "events"\n'


@pytest.fixture
def folders(redis: redis_py.Redis, tmp_path: Path) -> JobFolders:
    hubs = Hubs(redis, {"events": 2})
    write_job(tmp_path / "one", QUERY.format("A"), TOML, "A")
    return JobFolders(tmp_path, lambda folder: load(folder, redis, hubs))


def test_jobs_come_change_and_go(folders: JobFolders, tmp_path: Path) -> None:
    (one,) = folders.jobs()
    write_job(tmp_path / "two", QUERY.format("B"), TOML, "B")
    assert [job.name for job in folders.jobs()] == ["one", "two"]
    assert next(iter(folders.jobs())) is one

    write_job(tmp_path / "one", QUERY.format("A") + " WHERE n > 1", TOML, "A")
    changed, _ = folders.jobs()
    assert changed is not one

    shutil.rmtree(tmp_path / "two")
    assert list(folders.jobs()) == [changed]


def test_a_change_that_is_wrong_leaves_the_job_as_it_was(
    folders: JobFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = list(folders.jobs())
    write_job(tmp_path / "one", "SELECT", TOML, "A")

    with caplog.at_level(logging.ERROR):
        assert [list(folders.jobs()) for _ in range(2)] == [before, before]
    assert len(caplog.records) == 1


def test_what_is_wrong_at_the_first_look_is_raised(folders: JobFolders, tmp_path: Path) -> None:
    write_job(tmp_path / "one", "SELECT", TOML, "A")

    with pytest.raises(InvalidJob, match=r"query\.asaql: 1:7"):
        folders.jobs()
