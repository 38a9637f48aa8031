"""The jobs of a folder: one folder each, found anew as they come, change and go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from ...errors import PipelineError
from .job import Job

log = logging.getLogger(__name__)

_FILES = ("job.toml", "query.asaql")

#: When each file was changed, in ns since the Unix epoch, and its bytes.
_Stamp = tuple[tuple[int, int] | None, ...]


class JobFolders:
    """The jobs whose folders are in `folder`. One that has changed is another job, which takes over from the first.

    The first look raises what is wrong with a job, so that a worker does not start with half of them. Later, a job
    that can't be read is as it was, and the log says why, once.
    """

    def __init__(self, folder: Path, load: Callable[[Path], Job]) -> None:
        self._folder = folder
        self._load = load
        self._jobs: dict[Path, tuple[_Stamp, Job | None]] = {}
        self._is_first = True

    def jobs(self) -> Iterable[Job]:
        """Return the jobs that there are now; the same ones for folders that have not changed. Stops none."""
        folders = sorted(file.parent for file in self._folder.glob("*/job.toml"))
        self._jobs = {folder: self._job(folder) for folder in folders}
        self._is_first = False
        return [job for _, job in self._jobs.values() if job is not None]

    def _job(self, folder: Path) -> tuple[_Stamp, Job | None]:
        stamp = tuple(_stamp(folder / name) for name in _FILES)
        known, job = self._jobs.get(folder, ((), None))
        if stamp == known:
            return stamp, job
        try:
            return stamp, self._load(folder)
        except PipelineError as exc:
            if self._is_first:
                raise
            log.error("%s", exc)
            return stamp, job


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
