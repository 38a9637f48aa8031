"""Jobs that die at a commit of their own choice."""

from __future__ import annotations

from typing import Any

from redis.client import Pipeline

from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.outputs.outbox import Batch, Receiver
from pipeline.windows.jobs.state import Checkpoint, Guarded

from .running_jobs import end


class Crash(BaseException):
    pass


class Fuse:
    """Lets the process die at its nth commit, either before or after Redis has executed it."""

    def __init__(self, job: Job, nth: int, after: bool) -> None:
        self.left = nth
        self.after = after
        for task in job.tasks:
            task.checkpoint = CrashingCheckpoint(job, task.name, self)


class CrashingCheckpoint(Checkpoint):
    def __init__(self, job: Job, task: str, fuse: Fuse) -> None:
        super().__init__(job.opened.client, job.name, task)
        self.fuse = fuse

    def commit(self, pipe: Pipeline, guarded: Guarded) -> list[Any]:
        self.fuse.left -= 1
        if self.fuse.left == 0 and not self.fuse.after:
            raise Crash
        replies = super().commit(pipe, guarded)
        if self.fuse.left == 0:
            raise Crash
        return replies


class Dying:
    """A receiver that takes a batch, and dies before that can be saved."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.most_rows, self.key, self.begin = receiver.most_rows, receiver.key, receiver.begin

    def send(self, batch: Batch) -> str:
        self.receiver.send(batch)
        raise Crash


def die(job: Job) -> None:
    """End a job as kill -9 does, except that its leases and its presence end at once."""
    end(job)
    job.tasks.clear()
