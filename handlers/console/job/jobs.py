"""The list of jobs."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.console.history import Sample, histories, job_subject, rates
from pipeline.hub.rules import Right
from pipeline.windows.jobs.progress import JobProgress
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.reports import WaitingWindow
from pipeline.windows.jobs.states import State
from wz import Request, Response

from ...services import services
from ..access import access
from ..frame import Pages, page

blueprint = Pages("console_jobs", "/console/jobs")

#: Samples of which the rows a minute are the mean: the last minute.
MINUTE = 7


@dataclass(frozen=True)
class Row:
    """A job in the list. `minute` is how many rows it writes a minute, None where no worker counts them."""

    name: str
    record: JobRecord
    progress: JobProgress
    minute: float | None

    @property
    def tag(self) -> tuple[str, str]:
        """The class of the state's tag, "" for none, and its word."""
        return tag(self.progress)

    @property
    def next(self) -> WaitingWindow | None:
        status = self.progress.status
        return status.waiting[0] if status is not None and status.waiting else None


@blueprint.get("")
def jobs(request: Request) -> Response:
    """List the jobs: the state of each, how far it has come, and when its next rows come."""
    may = access(request)
    may.need(Right.LISTEN, "jobs")
    registry = services(request).jobs
    records = registry.all()
    progress = registry.progress_of(records)
    samples = histories(registry.server, map(job_subject, records), MINUTE) if records else []
    rows = [
        Row(name, record, progress[name], rows_a_minute(its))
        for (name, record), its in zip(records.items(), samples, strict=True)
    ]
    return page(request, "jobs.html", rows=rows, may_make=may.may(Right.MANAGE, "jobs"))


def tag(progress: JobProgress) -> tuple[str, str]:
    """Return what a job's tag says, and its class: "" for a job that runs as it should."""
    match progress.state:
        case State.FAILED:
            return "failed", "failed"
        case State.DEGRADED | State.NO_WORKER:
            return "look", progress.state.replace("_", " ")
        case State.RUNNING:
            return "", "runs"
    return "", str(progress.state)


def rows_a_minute(samples: list[Sample]) -> float | None:
    """Return the mean of the rows of all outputs; None if nobody has counted."""
    counters = {name for sample in samples for name in sample.counters if name.startswith("rows:")}
    found = [[rate for rate in rates(samples, counter) if rate is not None] for counter in counters]
    means = [sum(each) / len(each) for each in found if each]
    return sum(means) * 60 if means else (0.0 if len(samples) > 1 else None)
