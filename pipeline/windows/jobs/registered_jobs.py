"""The jobs made over HTTP, as a worker runs them: found anew as they come, change and go."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...errors import PipelineError
from ...store.clock import clock_ms
from ..language.ticks import from_unix_ms
from .definition import Definition
from .job import Job
from .registered import BEGIN, Registered
from .registry import JobRegistry
from .status import Reports

log = logging.getLogger(__name__)


class RegisteredJobs:
    """A job that is put again is another one, which takes over from the first.

    One that can't be begun, since its hub was deleted, say, is tried at each look.
    """

    def __init__(self, registry: JobRegistry, make: Callable[[str, Definition], Job]) -> None:
        self._registry = registry
        self._make = make
        self._jobs: dict[str, tuple[str, Job | None]] = {}
        self._errors: dict[str, str] = {}

    def jobs(self) -> list[Job]:
        """Return the jobs that there are now; the same ones for those that were not put again. Stops none."""
        self._registry.clean()
        wanted = {name: job for name, job in self._registry.all().items() if not job.folder}
        self._jobs = {name: (job.revision, self._job(name, job)) for name, job in wanted.items()}
        return [job for _, job in self._jobs.values() if job is not None]

    def _job(self, name: str, registered: Registered) -> Job | None:
        revision, job = self._jobs.get(name, ("", None))
        if job is not None and revision == registered.revision:
            return job
        reports = Reports(self._registry.redis, name)
        try:
            job = self._make(name, registered.definition)
        except PipelineError as exc:
            if self._errors.get(name) != str(exc):
                log.error("job %s can't begin: %s", name, exc)
                self._errors[name] = str(exc)
            reports.error(BEGIN, str(exc), from_unix_ms(clock_ms(self._registry.redis)))
            return None
        if self._errors.pop(name, None) is not None:
            self._registry.redis.hdel(reports.errors_key, BEGIN)
        return job
