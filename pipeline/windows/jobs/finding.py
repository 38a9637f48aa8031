"""Finds the jobs that a worker runs, from its folders and made over HTTP, again and again as they change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ...errors import PipelineError
from ...store.clock import clock_ms
from ..language.ticks import from_unix_ms
from .definition import Definition, function_files
from .job import Job
from .outputs import OutputTaken
from .record import BEGIN, JobRecord
from .registry import JobExists, JobRegistry
from .reports import Reports

logger = logging.getLogger(__name__)

_FILES = ("job.toml", "query.asaql")

#: For each file the time of its last change, in ns since the Unix epoch, and its size in bytes; None without a file.
_Stamp = tuple[tuple[int, int] | None, ...]


class JobFolders:
    """The jobs whose folders are in `folder`. If one changes, a new `Job` is made, which takes over from the old one.

    The first call of `jobs` raises the error of a job that can't be read, so that a worker does not start with only
    some of its jobs. Later, such a job stays as it was, and the error is logged once. One whose name or output another
    job has is no reason not to start, as that one could then not be deleted: it is logged once, and begins when it can.
    """

    def __init__(
        self, folder: Path, load: Callable[[Path], Job], stopped: Callable[[], Collection[str]] = frozenset
    ) -> None:
        """`stopped` returns the names of jobs that are not to run; one that is to run again is made again."""
        self._folder = folder
        self._load = load
        self._stopped = stopped
        self._jobs: dict[Path, tuple[_Stamp, Job | None]] = {}
        self._refusals: dict[Path, str] = {}
        self._is_first = True

    def jobs(self) -> Iterable[Job]:
        """Return the jobs that exist now: the same objects for folders that have not changed. Stops no job.

        The first call raises `PipelineError`.
        """
        folders = sorted(file.parent for file in self._folder.glob("*/job.toml"))
        stopped = self._stopped()
        self._jobs = {folder: self._job(folder) for folder in folders if folder.resolve().name not in stopped}
        self._is_first = False
        return [job for _, job in self._jobs.values() if job is not None]

    def _job(self, folder: Path) -> tuple[_Stamp, Job | None]:
        stamp = tuple(map(_stamp, [*(folder / name for name in _FILES), *function_files(folder)]))
        known, job = self._jobs.get(folder, ((), None))
        if stamp == known:
            return stamp, job
        try:
            return stamp, self._load(folder)
        except (JobExists, OutputTaken) as exc:
            if self._refusals.get(folder) != str(exc):
                logger.error("job %s can't begin: %s", folder.resolve().name, exc)
                self._refusals[folder] = str(exc)
            return (), job
        except PipelineError as exc:
            if self._is_first:
                raise
            logger.error("%s", exc)
            return stamp, job


class RegisteredJobs:
    """The jobs made over HTTP. If one is put again, a new `Job` is made, which takes over from the old one.

    A job that can't begin, for example because its hub was deleted, is tried again at each call of `jobs`. A job that
    was stopped is left out; once it is started, a new `Job` is made.
    """

    def __init__(self, registry: JobRegistry, make: Callable[[str, Definition], Job]) -> None:
        self._registry = registry
        self._make = make
        self._jobs: dict[str, tuple[str, Job | None]] = {}
        self._errors: dict[str, str] = {}

    def jobs(self) -> list[Job]:
        """Return the jobs that exist now: the same objects for jobs that were not put again. Stops no job."""
        self._registry.clean()
        found = self._registry.all().items()
        wanted = {name: job for name, job in found if not job.folder and job.stopped is None}
        self._jobs = {name: (job.revision, self._job(name, job)) for name, job in wanted.items()}
        return [job for _, job in self._jobs.values() if job is not None]

    def _job(self, name: str, registered: JobRecord) -> Job | None:
        revision, job = self._jobs.get(name, ("", None))
        if job is not None and revision == registered.revision:
            return job
        reports = Reports(self._registry.redis, name)
        try:
            job = self._make(name, registered.definition)
        except PipelineError as exc:
            if self._errors.get(name) != str(exc):
                logger.error("job %s can't begin: %s", name, exc)
                self._errors[name] = str(exc)
            reports.error(BEGIN, str(exc), from_unix_ms(clock_ms(self._registry.redis)))
            return None
        if self._errors.pop(name, None) is not None:
            self._registry.redis.hdel(reports.errors_key, BEGIN)
        return job


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
