"""Jobs for tests: makes small folders, and runs a job until there is nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import redis as redis_py

from pipeline.boards import Boards
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.definition import read_definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.jobs.reports import JobStatus, lags_of, queue_status, status_of
from pipeline.windows.jobs.task import StageTask
from pipeline.windows.language.ticks import BEGINNING


def write_job(folder: Path, query: str, toml: str, outputs: str = "Out") -> Path:
    """Write a job's folder. Its outputs, given as names with commas between them, are streams."""
    folder.mkdir(exist_ok=True)
    (folder / "query.asaql").write_text(query)
    streams = "".join(f'\n[outputs.{name}]\ntype = "stream"\n' for name in outputs.split(","))
    (folder / "job.toml").write_text(toml + streams)
    return folder


def load(folder: Path, redis: redis_py.Redis, hubs: Hubs, boards: Boards | None = None, **options: Any) -> Job:
    """Make the job of a folder, with the folder's name, without recording it."""
    return Job.of(folder.resolve().name, read_definition(folder), redis, hubs, boards, folder, **options)


def closed(task: StageTask) -> int:
    """Return the time up to which a task's rows are given; `BEGINNING` if this worker does not have the task."""
    return task._run.engine.closed if task._run else BEGINNING


def run(job: Job) -> None:
    """Run a job, as its only worker, until it has all of the tasks and they, and its deliveries, have nothing to do."""
    while sum(worker.step() for worker in job.workers) or len(job.share.held) < len(job.tasks):
        pass


def stop(job: Job) -> None:
    """Stop all that a worker runs for a job."""
    for worker in job.workers:
        worker.stop()


def end(job: Job) -> None:
    """Give up all that a job's worker holds, and save nothing."""
    for worker in job.workers:
        worker.share.stop()


def rows(redis: redis_py.Redis, name: str = "Out") -> list[tuple[str | None, dict[str, Any]]]:
    """Return each row with the end of its window."""
    entries = StreamOutput(redis, name).read(limit=1000)
    return [(entry.window_end, msgspec.json.decode(entry.row)) for entry in entries]


def read_status(client: redis_py.Redis, job: str) -> JobStatus | None:
    with client.pipeline(transaction=False) as pipe:
        queue_status(pipe, job)
        status = status_of(job, iter(pipe.execute()))
    if status is None:
        return None
    return msgspec.structs.replace(status, lag=lags_of(client, {job: status})[job])
