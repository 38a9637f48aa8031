"""Finds the jobs that a worker runs, from its folders and made over HTTP, again and again as they change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ...errors import PipelineError
from ...hub.share import BEAT
from ...store import OUTAGES
from ...store.client import RedisUnavailable
from .definition import function_files, name_of
from .job import Job
from .record import JobRecord
from .registry import JobRegistry

logger = logging.getLogger(__name__)

_FILES = ("job.toml", "query.asaql")

_AWAY: tuple[type[Exception], ...] = (*OUTAGES, RedisUnavailable)

#: What tells that a job has changed: for a folder each file's time of change, in ns, and bytes; else the revision.
_Stamp = tuple[object, ...]


class _Candidate(NamedTuple):
    """A job that this worker is to run. `folder` is None for one made over HTTP."""

    name: str
    folder: Path | None
    stamp: _Stamp
    load: Callable[[], Job]


class JobFinder:
    """The jobs that this worker is to run. If one changes, a new `Job` is made, which takes over from the old one.

    A job that can't be read or can't begin harms itself alone, whatever the error is: `registry` has the reason, which
    is logged once, and each call of `jobs` tries it again. A folder whose change can't be begun runs as it was; a job
    that was put again does not. A job that was stopped is left out, and made again once it is started.
    """

    def __init__(self, registry: JobRegistry, folder: Path | None = None, beat: float = BEAT) -> None:
        """`folder` has the folders of jobs; `beat` is that of `Share`."""
        self._registry = registry
        self._folder = folder
        self._beat = beat
        self._jobs: dict[Path | str, tuple[_Stamp, Job | None]] = {}
        self._folders: dict[Path, str] = {}
        self._reasons: dict[Path | str, str] = {}

    def jobs(self) -> list[Job]:
        """Return the jobs that exist now: the same objects for jobs that have not changed. Stops no job.

        Their hubs keep what they have not read, from now on. Raises only errors of a Redis that is away or refuses.
        """
        self._registry.look()
        records = self._registry.all()
        before, self._folders = self._folders, self._listed()
        for folder in before.keys() - self._folders.keys():
            self._reasons.pop(folder, None)
            self._registry.forget(before[folder])
        self._jobs = {one.folder or one.name: self._job(one) for one in self._candidates(records)}
        return [job for _, job in self._jobs.values() if job is not None]

    def _listed(self) -> dict[Path, str]:
        """Return the folders of jobs, each with its job's name: those that have a job.toml, or don't say."""
        if self._folder is None:
            return {}
        try:
            found = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return {}
        except OSError as exc:
            self._log_once(self._folder, f"the folder of jobs can't be read, so they stay as they were: {exc}")
            return self._folders
        self._reasons.pop(self._folder, None)
        return {folder: name_of(folder) for folder in found if _may_be_job(folder)}

    def _candidates(self, records: Mapping[str, JobRecord]) -> Iterator[_Candidate]:
        registry, beat = self._registry, self._beat
        for folder, name in self._folders.items():
            record = records.get(name)
            if record is not None and record.folder and record.stopped is not None:
                registry.found(name)
            else:
                files = (*(folder / file for file in _FILES), *function_files(folder))
                stamp = (*map(_stamp, files), 0 if record is None else record.restart.number)
                yield _Candidate(name, folder, stamp, lambda folder=folder: registry.load(folder, beat))  # type: ignore[misc]
        for name, record in records.items():
            if not record.folder and record.stopped is None:
                make = lambda name=name, record=record: registry.open(name, record, beat)  # noqa: E731
                yield _Candidate(name, None, (record.revision,), make)

    def _job(self, one: _Candidate) -> tuple[_Stamp, Job | None]:
        place = one.folder or one.name
        stamp, job = self._jobs.get(place, ((), None))
        if job is not None and stamp == one.stamp:
            return stamp, job
        try:
            made = one.load()
            made.attach()
        except _AWAY:
            raise
        except Exception as exc:
            is_fault = not isinstance(exc, PipelineError)  # of the program
            reason = (f"{type(exc).__name__}: {exc}" if is_fault else str(exc)).encode(errors="replace").decode()
            self._log_once(place, f"job {one.name} can't begin: {reason}", exc if is_fault else None)
            self._registry.refuse(one.name, reason, one.folder)
            return (), job if one.folder else None
        self._reasons.pop(place, None)
        self._registry.accept(one.name, one.folder)
        return one.stamp, made

    def _log_once(self, place: Path | str, reason: str, exc: Exception | None = None) -> None:
        if self._reasons.get(place) != reason:
            logger.error("%s", reason, exc_info=exc)
            self._reasons[place] = reason


def _may_be_job(folder: Path) -> bool:
    try:
        (folder / "job.toml").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a link in a circle, or a folder that may not be read: a job that can say why it does not begin
        return True
    return True


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
