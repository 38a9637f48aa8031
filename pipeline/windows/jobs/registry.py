"""The registry of all jobs: those made over HTTP, and those that workers find among their folders."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from ...boards import Boards
from ...errors import PipelineError
from ...hub.namespace import Hubs
from ...hub.share import BEAT
from ...reference import References
from ...store import Pipeline, Redis, WatchError, transaction, while_full
from ...store.clock import clock_ms
from ..language.ticks import from_unix_ms, isoformat
from . import keys
from .definition import Definition, name_of, read_definition
from .erase import SETTLE_MS, Deleted, clean, detach, erase
from .job import Job
from .job_toml import NOW, InvalidJob, ReferenceInput, check_start, config_of
from .keys import BEGIN, FOLDER
from .outputs import release_outputs
from .progress import JobProgress, progress_of
from .record import NEVER, JobRecord, Restart
from .reports import Reports, TaskError

T = TypeVar("T")

#: A hash that a job made over HTTP joins must begin with this, so that it can't read other hashes of the database.
REFERENCES = "reference:"


class UnknownJob(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no job {name!r}; `wz job list` shows which there are")
        self.name = name


class JobExists(PipelineError):
    """Another job has this name: one of a folder, one made over HTTP, or the copied one."""


class JobInUse(PipelineError):
    """A worker has the job, so that it can't be deleted, or its name can't be taken yet."""


class ReferenceInUse(PipelineError):
    """The reference data can't be deleted, because a job joins it."""


class JobRegistry:
    """All jobs, by their names.

    Redis keys: `keys.JOBS`, `keys.DELETED` and `keys.LOOKED`.
    """

    def __init__(self, client: Redis, hubs: Hubs, boards: Boards | None = None) -> None:
        """`client` is of what belongs to neither hubs nor boards, as reference data. Jobs are where the hubs are."""
        self.server = client
        self.redis = hubs.redis
        self.hubs = hubs
        self.boards = boards or Boards(client)

    def all(self) -> dict[str, JobRecord]:
        """Return all jobs, sorted by name."""
        found = cast("dict[bytes, bytes]", self.redis.hgetall(keys.JOBS))
        return {name.decode(): msgspec.json.decode(data, type=JobRecord) for name, data in sorted(found.items())}

    def get(self, name: str) -> JobRecord:
        """Return the record of a job. Raises `UnknownJob`."""
        return _known(name, self._find(name))

    def put(self, name: str, definition: Definition) -> bool:
        """Make a job, or change one; return whether it is new. Workers begin it within two seconds.

        Its outputs exist at once. A delivery that has stopped begins again, even if the definition is the same. A job
        that was stopped stays so. Raises `InvalidJob`, `OutputTaken`, or `JobExists` if a job of this name comes from a
        folder.
        """
        self.check_references(name, definition)
        self._refuse_taken(name, is_folder=False)  # before its outputs are declared
        old = self._record(self.make(name, definition), definition, is_folder=False)
        reports = Reports(self.redis, name)
        self.redis.delete(reports.key, reports.errors_key)  # they are about the old definition
        return old is None

    def check_references(self, name: str, definition: Definition) -> None:
        """Raise `InvalidJob` if a definition that comes over HTTP joins a hash that it may not read."""
        path = Path(name)
        for input_name, table in config_of(definition.document, path / "job.toml").inputs.items():
            hash_ = table.reference.hash if isinstance(table, ReferenceInput) else None
            if hash_ is not None and not hash_.startswith(REFERENCES):
                field = f"inputs.{input_name}"
                raise InvalidJob(
                    path, f"[{field}]: the name of a hash that is joined must begin with {REFERENCES}", field
                )

    def delete_reference(self, name: str, expected: Collection[str] | None = None) -> None:
        """Delete reference data that was put. Raises what `References.delete` does, and `ReferenceInUse`."""

        def check() -> None:
            for job, record in self.all().items():
                tables = record.definition.document.get("inputs", {}).values()
                if name in [table["reference"].get("name") for table in tables if table.get("reference")]:
                    raise ReferenceInUse(f"the job {job!r} joins {name!r}: change or delete the job first")

        References(self.server).delete(name, expected, check)

    def load(self, folder: Path, beat: float = BEAT) -> Job:
        """Make the job of a worker's folder, and record it.

        Raises `InvalidJob`, `OutputTaken`, or `JobExists` if a job of this name was made over HTTP.
        """
        name, definition = name_of(folder), read_definition(folder)
        old = self._refuse_taken(name, is_folder=True)
        job = self.make(name, definition, folder, beat, NEVER if old is None else old.restart)
        self._record(job, definition, is_folder=True)
        return job

    def open(self, name: str, record: JobRecord, beat: float = BEAT) -> Job:
        """Make a job that was put. Raises `InvalidJob` or `OutputTaken`."""
        return self.make(name, record.definition, None, beat, record.restart)

    def make(
        self,
        name: str,
        definition: Definition,
        folder: Path | None = None,
        beat: float = BEAT,
        restart: Restart = NEVER,
    ) -> Job:
        """Make a job, and declare its outputs. Raises `InvalidJob` or `OutputTaken`."""
        return Job.of(name, definition, self.server, self.hubs, self.boards, folder, beat=beat, restart=restart)

    # -- what a worker says of the jobs that it finds ---------------------------------------------------------------

    def look(self) -> None:
        """Note that a worker looks for jobs, and erase what deleted ones have left."""
        self._note(keys.LOOKED)
        clean(self.hubs)

    def found(self, name: str) -> None:
        """Note that a worker has found the folder of a job that is stopped."""
        self._note(keys.found(name))

    def _note(self, key: str) -> None:
        while_full.write(self.redis, "SET", key, 1, "PX", int(keys.LOOKED_SECONDS * 1000))

    def refuse(self, name: str, reason: str, folder: Path | None) -> None:
        """Record why a job can't begin. A folder that nobody knows yet is recorded, so that everybody sees it."""
        place = BEGIN
        if folder is not None:
            new = JobRecord(definition=Definition("", {}), folder=True, revision="", updated=self._now())
            if not while_full.write(self.redis, "HSETNX", keys.JOBS, name, msgspec.json.encode(new)):
                place = BEGIN if self.get(name).folder else FOLDER
        Reports(self.redis, name).error(place, reason, from_unix_ms(clock_ms(self.redis)))

    def accept(self, name: str, folder: Path | None) -> None:
        """Note that a job can begin."""
        Reports(self.redis, name).forget(*([BEGIN] if folder is None else [BEGIN, FOLDER]))

    def forget(self, name: str) -> None:
        """Note that a worker's folder is gone. A job that could never begin goes with it."""

        def remove(pipe: Pipeline, job: JobRecord | None) -> list[str]:
            if job is not None and job.folder and not job.tasks:
                pipe.hdel(keys.JOBS, name)
            return [FOLDER] if job is not None and not job.folder else [BEGIN, FOLDER]

        Reports(self.redis, name).forget(*self._transact(name, remove))

    # -- what a person does with a job --------------------------------------------------------------------------------

    def stop(self, name: str) -> None:
        """Have workers leave a job alone, within two seconds, until `start`. Raises `UnknownJob`.

        It keeps its state and its place: its hubs keep the events that it has not read, as while no worker runs.
        """
        self._change(name, lambda job: {"stopped": job.stopped or self._now()})

    def start(self, name: str) -> None:
        """Have workers run a job that was stopped: it goes on where it was. Raises `UnknownJob`."""
        self._change(name, lambda job: {"stopped": None})

    def restart(self, name: str, start: Any) -> None:
        """Have workers begin a job anew within two seconds, also one that was stopped: its state is made again.

        `start` is the time of its first row: a UTC time, `now`, or `last`, after the last row that was written. Rows
        after it that were written before are written again. Raises `UnknownJob` or `InvalidValue`.
        """
        checked = check_start(start)
        at = self._now() if checked == NOW else checked

        def changes(job: JobRecord) -> dict[str, Any]:
            restart = Restart(job.restart.number + 1, at)
            return {"stopped": None, "restart": restart, "revision": secrets.token_hex(8)}

        self._change(name, changes)

    def _change(self, name: str, changes: Callable[[JobRecord], dict[str, Any]]) -> None:
        def replace(pipe: Pipeline, found: JobRecord | None) -> None:
            job = _known(name, found)
            pipe.hset(keys.JOBS, name, msgspec.json.encode(msgspec.structs.replace(job, **changes(job))))

        self._transact(name, replace)

    def delete(self, name: str) -> None:
        """Delete a job with its state and its consumer groups; workers stop it within two seconds.

        The rows of its outputs can be read until the outputs are deleted. Raises `UnknownJob`, or `JobInUse` if a
        worker has its folder.
        """

        def remove(pipe: Pipeline, found: JobRecord | None) -> tuple[JobRecord, bytes]:
            job = _known(name, found)
            if job.folder and (self.redis.exists(keys.workers(name), keys.found(name)) or self._is_tried(name)):
                raise JobInUse(f"a worker has the folder of the job {name!r}: remove the folder first")
            entry = msgspec.json.encode(Deleted(clock_ms(self.redis), job))
            pipe.hdel(keys.JOBS, name)
            pipe.hset(keys.DELETED, name, entry)
            return job, entry

        erase(self.hubs, name, *self._transact(name, remove))
        release_outputs(self.redis, name)

    def _is_tried(self, name: str) -> bool:
        """Return whether a worker has lately tried in vain to begin the job."""
        error = cast("bytes | None", self.redis.hget(keys.errors(name), BEGIN))
        earliest = isoformat(from_unix_ms(clock_ms(self.redis) - SETTLE_MS))
        return error is not None and msgspec.json.decode(error, type=TaskError).time > earliest

    def _now(self) -> str:
        return isoformat(from_unix_ms(clock_ms(self.redis)))

    def progress(self, name: str, job: JobRecord) -> JobProgress:
        """Return the state of a job, its status and its deliveries. Costs two round trips."""
        return self.progress_of({name: job})[name]

    def progress_of(self, jobs: Mapping[str, JobRecord]) -> dict[str, JobProgress]:
        """Return the progress of each of these jobs: two round trips, however many they are."""
        return progress_of(self.redis, jobs)

    def _refuse_taken(self, name: str, *, is_folder: bool) -> JobRecord | None:
        """Return the record of a job, None if there is none. Raises `JobExists` if it is of the other kind."""
        job = self._find(name)
        if job is not None and job.folder != is_folder:
            where = "made over HTTP" if is_folder else "which is a folder of a worker"
            raise JobExists(f"there is already a job {name!r}, {where}: use another name, or delete that job")
        return job

    def _record(self, job: Job, definition: Definition, *, is_folder: bool) -> JobRecord | None:
        """Record a job; return its record before, None if there was none."""

        def replace(pipe: Pipeline, old: JobRecord | None) -> tuple[JobRecord | None, JobRecord]:
            new = self.record_of(job, definition, is_folder, old)
            pipe.hset(keys.JOBS, job.name, msgspec.json.encode(new))
            pipe.hdel(keys.DELETED, job.name)
            return old, new

        old, new = self._transact(job.name, replace)
        for hub, group in set(old.groups if old else ()) - set(new.groups):
            detach(self.hubs, job.name, hub, group)
        release_outputs(self.redis, job.name, keep=job.opened.sinks)
        return old

    def _find(self, name: str) -> JobRecord | None:
        return _decoded(cast("bytes | None", self.redis.hget(keys.JOBS, name)))

    def _transact(self, name: str, queue: Callable[[Pipeline, JobRecord | None], T]) -> T:
        """Do what `queue` puts into a transaction, given the record of the job as it is; again if that was changed.

        Returns what `queue` returned last. It is done although Redis has no memory left: a worker that begins then must
        find its jobs, since hubs keep events for them, and whoever deletes one makes room.
        """
        while True:
            with transaction(self.redis, keys.JOBS) as pipe:
                pipe.watch(keys.JOBS)  # type: ignore[no-untyped-call]
                data = cast("bytes | None", pipe.hget(keys.JOBS, name))
                pipe.multi()
                queued = queue(pipe, _decoded(data))
                try:
                    while_full.execute(self.redis, pipe, keys.JOBS, {name: data})
                except WatchError:
                    continue
                return queued

    def record_of(self, job: Job, definition: Definition, is_folder: bool, old: JobRecord | None) -> JobRecord:
        """Return the record of a job; `old` is the one that it replaces."""
        groups = {(reader.group.hub.name, reader.group.name) for reader in job.opened.readers}
        outboxes = {delivery.outbox.output for delivery in job.deliveries}
        tasks, before = ([], []) if old is None else (old.tasks, old.outboxes)
        if "start" in definition.document:  # TOML has a type for times, JSON does not
            definition = Definition(definition.query, {**definition.document, "start": job.start})
        return JobRecord(
            definition=definition,
            folder=is_folder,
            revision=secrets.token_hex(8),
            updated=self._now(),
            groups=sorted(groups),
            tasks=sorted({*tasks, *job.opened.tasks}),
            outboxes=sorted(outboxes.union(before)),
            stopped=None if old is None else old.stopped,
            restart=NEVER if old is None else old.restart,
        )


def _decoded(data: bytes | None) -> JobRecord | None:
    return None if data is None else msgspec.json.decode(data, type=JobRecord)


def _known(name: str, job: JobRecord | None) -> JobRecord:
    if job is None:
        raise UnknownJob(name)
    return job
