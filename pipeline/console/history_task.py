"""The worker's task that takes a sample of every hub's and every job's counters, every ten seconds."""

from __future__ import annotations

import time

from ..hub.namespace import Hubs
from ..hub.runtime import runtimes
from ..store.clock import clock_ms
from ..store.lease import Lease
from ..windows.jobs.registry import JobRegistry
from .history import Sample, hub_subject, job_subject, keep, of_hub, of_job
from .keys import HISTORY_LEASE, HISTORY_TTL, PERIOD

#: Seconds after which a worker looks again whether another one still takes the samples.
_LOOK = 2.0


class History:
    """The worker's task that samples, in one worker at a time. A turn costs eight round trips, however much there is.

    Redis keys: `HISTORY_LEASE`, and those of history.py; see keys.py.
    """

    name = "history"

    def __init__(self, hubs: Hubs, jobs: JobRegistry) -> None:
        self.hubs = hubs
        self.jobs = jobs
        self.lease = Lease(jobs.server, HISTORY_LEASE.pattern, HISTORY_TTL)
        self._next = 0.0  # time.monotonic()

    def step(self) -> int:
        """Take a sample of each hub and job, if it is time and no other worker does so; returns 0."""
        now = time.monotonic()
        if now < self._next:
            return 0
        if not self.lease.hold():
            self._next = now + _LOOK
            return 0
        keep(self.jobs.server, self.samples())
        self._next = now + PERIOD
        return 0

    def samples(self) -> dict[str, Sample]:
        """Count now: a sample of each hub and job, by subject."""
        hubs, jobs = list(self.hubs.values()), self.jobs.all()
        at_ms = clock_ms(self.jobs.server)
        logs, progress = runtimes(hubs), self.jobs.progress_of(jobs)
        its_jobs = [(jobs[name], progress[name]) for name in jobs]
        found = {hub_subject(hub.name): of_hub(hub.name, log, its_jobs) for hub, log in zip(hubs, logs, strict=True)}
        for name, one in progress.items():
            if one.status is not None:
                found[job_subject(name)] = of_job(one.status)
        return {subject: Sample(at_ms, counters) for subject, counters in found.items()}

    def stop(self) -> None:
        self.lease.release()
