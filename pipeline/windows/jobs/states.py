"""The state of a job, and why it is in it: made of what its tasks report, and of which workers there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from .keys import BEGIN, MERGE
from .outputs import DeliveryStatus
from .record import JobRecord
from .reports import JobStatus

#: The share of the events of the last minute from which on faults make a job `degraded`.
MOST_FAULTS = 0.05


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"
    NO_WORKER = "no_worker"


#: What each state means; docs/windows.md has the same table.
MEANINGS: Mapping[State, str] = {
    State.STARTING: "a worker begins it, or reads its state back, and has not reported yet",
    State.RUNNING: "it runs, and all is well",
    State.DEGRADED: "it runs, but a task fails, a delivery waits or has stopped, its folder can't be begun as it was "
    f"changed, or faults that leave out an event or a row are more than {MOST_FAULTS:.0%} of the last minute's events",
    State.FAILED: "it can't begin, or nothing of it works; it is tried again every few seconds while a worker runs",
    State.STOPPING: "somebody has stopped it, and its workers are about to leave it",
    State.STOPPED: "somebody has stopped it; it keeps its state and its place",
    State.NO_WORKER: "nobody has stopped it, but no worker runs it",
}


def state_of(
    job: JobRecord, is_run: bool, is_worked: bool, status: JobStatus | None, deliveries: Sequence[DeliveryStatus]
) -> tuple[State, str | None]:
    """Return a job's state, and the reason in words; None if it is just as it should be.

    `is_run`: a worker is there for the job. `is_worked`: a worker looks for jobs.
    """
    failing = () if status is None else status.failing
    reason = "; ".join(_said(error.task, error.message) for error in failing)
    if job.stopped is not None:
        return (State.STOPPING if is_run else State.STOPPED), f"it was stopped at {job.stopped[:19]}Z"
    if failing and _is_all(status, {error.task for error in failing}, is_run):
        return State.FAILED, reason
    if not is_run:
        if is_worked and (not job.folder or not job.tasks):
            return State.STARTING, "a worker begins it within a few seconds"
        missing = (
            "a worker runs, but none has its folder" if is_worked else "no worker runs: start one with `wz worker`"
        )
        return State.NO_WORKER, missing
    if status is None:
        return State.STARTING, "a worker has it, and has not reported yet"
    reasons = [reason] if reason else []
    reasons += [
        f"{one.output} {'has stopped' if one.stopped else 'waits'}: {one.error}" for one in deliveries if one.error
    ]
    if status.recent_faults > MOST_FAULTS * status.recent_events:
        faults = "1 fault" if status.recent_faults == 1 else f"{status.recent_faults:,} faults"
        reasons.append(f"{faults} in a minute, at {status.recent_events:,} events")
    return (State.DEGRADED, "; ".join(reasons)) if reasons else (State.RUNNING, None)


def _is_all(status: JobStatus | None, failing: set[str], is_run: bool) -> bool:
    """Return whether nothing of a job works, or nothing that matters: without its merging task it writes no window."""
    if BEGIN in failing and not is_run:
        return True
    return MERGE in failing or (status is not None and status.tasks.keys() <= failing and failing != {BEGIN})


def _said(task: str, message: str) -> str:
    return message if task == BEGIN else f"task {task} fails: {message}"
