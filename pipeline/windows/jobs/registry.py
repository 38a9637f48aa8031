"""The registry of all jobs: those made over HTTP, and those that workers find among their folders."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

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
from .erase import detach
from .job import Job
from .job_toml import NOW, InvalidJob, ReferenceInput, check_start, config_of
from .keys import BEGIN, FOLDER
from .outputs import DeliveryStatus, delivery_status_of, queue_delivery_status, release_outputs
from .record import NEVER, JobRecord, Restart
from .reports import JobStatus, Reports, lags_of, queue_status, status_of
from .states import State, state_of

#: Milliseconds from a job's deletion until no worker can be about to begin it.
SETTLE_MS = 10_000

#: A hash that a job made over HTTP joins must begin with this, so that it can't read other hashes of the database.
REFERENCES = "reference:"


class UnknownJob(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no job {name!r}; `wz job list` shows which there are")
        self.name = name


class JobExists(PipelineError):
    """A job of a folder and one made over HTTP can't have the same name."""


class JobInUse(PipelineError):
    """The job can't be deleted, because a worker runs it from its folder."""


class ReferenceInUse(PipelineError):
    """The reference data can't be deleted, because a job joins it."""


class JobProgress(NamedTuple):
    """`status` is None until a worker has begun the job; `deliveries` are those of the outputs outside Redis.

    `reason` says why the job is in this state, None if it just runs.
    """

    state: State
    status: JobStatus | None
    deliveries: list[DeliveryStatus]
    reason: str | None


class _Deleted(msgspec.Struct, frozen=True):
    ms: int
    job: JobRecord


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
        return _decoded(name, cast("bytes | None", self.redis.hget(keys.JOBS, name)))

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
        self.clean()

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
        over: list[str] = []

        def remove(pipe: Pipeline, data: bytes | None) -> None:
            nonlocal over
            job = None if data is None else msgspec.json.decode(data, type=JobRecord)
            over = [FOLDER] if job is not None and not job.folder else [BEGIN, FOLDER]
            if job is not None and job.folder and not job.tasks:
                pipe.hdel(keys.JOBS, name)

        self._transact(name, remove)
        Reports(self.redis, name).forget(*over)

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
        def replace(pipe: Pipeline, data: bytes | None) -> None:
            job = _decoded(name, data)
            pipe.hset(keys.JOBS, name, msgspec.json.encode(msgspec.structs.replace(job, **changes(job))))

        self._transact(name, replace)

    def delete(self, name: str) -> None:
        """Delete a job with its state and its consumer groups; workers stop it within two seconds.

        The rows of its outputs can be read until the outputs are deleted. Raises `UnknownJob`, or `JobInUse` if a
        worker has its folder.
        """

        deleted: list[tuple[JobRecord, bytes]] = []

        def remove(pipe: Pipeline, data: bytes | None) -> None:
            job = _decoded(name, data)
            if job.folder and (self.redis.exists(keys.workers(name), keys.found(name)) or self._is_tried(name)):
                raise JobInUse(f"a worker has the folder of the job {name!r}: remove the folder first")
            entry = msgspec.json.encode(_Deleted(clock_ms(self.redis), job))
            pipe.hdel(keys.JOBS, name)
            pipe.hset(keys.DELETED, name, entry)
            deleted.append((job, entry))

        self._transact(name, remove)
        self._erase(name, *deleted[-1])
        release_outputs(self.redis, name)

    def clean(self) -> None:
        """Erase deleted jobs once more when no worker can run them: one may have begun while it was deleted."""
        found = cast("dict[bytes, bytes]", self.redis.hgetall(keys.DELETED))
        for name, data in found.items():
            deleted = msgspec.json.decode(data, type=_Deleted)
            if clock_ms(self.redis) - deleted.ms < SETTLE_MS or self.is_run(name.decode()):
                continue
            self._erase(name.decode(), deleted.job, data)
            self.redis.hdel(keys.DELETED, name)

    def _erase(self, name: str, job: JobRecord, entry: bytes) -> None:
        """Erase a deleted job, unless a new one has its name: it would have taken `entry` away before it began."""
        with transaction(self.redis, keys.job(name)) as pipe:
            pipe.watch(keys.job(name))  # type: ignore[no-untyped-call]
            begun = {"version": cast("bytes | None", pipe.hget(keys.job(name), "version"))}
            if self.redis.hget(keys.DELETED, name) != entry:
                return
            for hub, group in job.groups:
                detach(self.hubs, name, hub, group)
            pipe.multi()
            pipe.unlink(*keys.of_job(name, job.tasks, job.outboxes))
            with suppress(WatchError):
                while_full.execute(self.redis, pipe, keys.job(name), begun)

    def is_run(self, name: str) -> bool:
        """Return whether a worker has run the job within the last five seconds."""
        return bool(self.redis.exists(keys.workers(name)))

    def _is_tried(self, name: str) -> bool:
        """Return whether a worker has lately tried in vain to begin the job."""
        status = Reports(self.redis, name).read()
        earliest = isoformat(from_unix_ms(clock_ms(self.redis) - SETTLE_MS))
        return any(error.task == BEGIN and error.time > earliest for error in (status.failing if status else ()))

    def _now(self) -> str:
        return isoformat(from_unix_ms(clock_ms(self.redis)))

    def progress(self, name: str, job: JobRecord) -> JobProgress:
        """Return the state of a job, its status and its deliveries. Costs two round trips."""
        return self.progress_of({name: job})[name]

    def progress_of(self, jobs: Mapping[str, JobRecord]) -> dict[str, JobProgress]:
        """Return the progress of each of these jobs: two round trips, however many they are."""
        if not jobs:
            return {}
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.exists(keys.LOOKED)
            for name, job in jobs.items():
                pipe.exists(keys.workers(name))
                queue_status(pipe, name)
                for output in job.outboxes:
                    queue_delivery_status(pipe, name, output)
            replies = iter(pipe.execute())
        is_worked = bool(next(replies))
        found: dict[str, tuple[bool, JobStatus | None, list[DeliveryStatus]]] = {}
        for name, job in jobs.items():
            is_run = bool(next(replies))
            status = status_of(name, replies)
            found[name] = is_run, status, [delivery_status_of(output, replies) for output in job.outboxes]
        lags = lags_of(self.redis, {name: status for name, (_, status, _) in found.items() if status is not None})
        progress = {}
        for name, (is_run, status, deliveries) in found.items():
            if status is not None:
                status = msgspec.structs.replace(status, lag=lags[name])
            state, reason = state_of(jobs[name], is_run, is_worked, status, deliveries)
            progress[name] = JobProgress(state, status, deliveries, reason)
        return progress

    def _refuse_taken(self, name: str, *, is_folder: bool) -> JobRecord | None:
        """Return the record of a job, None if there is none. Raises `JobExists` if it is of the other kind."""
        data = cast("bytes | None", self.redis.hget(keys.JOBS, name))
        job = None if data is None else msgspec.json.decode(data, type=JobRecord)
        if job is not None and job.folder != is_folder:
            where = "made over HTTP" if is_folder else "which is a folder of a worker"
            raise JobExists(f"there is already a job {name!r}, {where}: use another name, or delete that job")
        return job

    def _record(self, job: Job, definition: Definition, *, is_folder: bool) -> JobRecord | None:
        """Record a job; return its record before, None if there was none."""
        old: JobRecord | None = None
        left: list[tuple[str, str]] = []

        def replace(pipe: Pipeline, data: bytes | None) -> None:
            nonlocal old
            old = None if data is None else msgspec.json.decode(data, type=JobRecord)
            new = self.record_of(job, definition, is_folder, old)
            pipe.hset(keys.JOBS, job.name, msgspec.json.encode(new))
            pipe.hdel(keys.DELETED, job.name)
            left[:] = [] if old is None else set(old.groups) - set(new.groups)

        self._transact(job.name, replace)
        for hub, group in left:
            detach(self.hubs, job.name, hub, group)
        release_outputs(self.redis, job.name, keep=job.opened.sinks)
        return old

    def _transact(self, name: str, queue: Callable[[Pipeline, bytes | None], None]) -> None:
        """Do what `queue` puts into a transaction, given the record of the job as it is; again if that was changed.

        It is done although Redis has no memory left: a worker that begins then must find its jobs, since hubs keep
        events for them, and whoever deletes one makes room.
        """
        while True:
            with transaction(self.redis, keys.JOBS) as pipe:
                pipe.watch(keys.JOBS)  # type: ignore[no-untyped-call]
                data = cast("bytes | None", pipe.hget(keys.JOBS, name))
                pipe.multi()
                queue(pipe, data)
                try:
                    while_full.execute(self.redis, pipe, keys.JOBS, {name: data})
                except WatchError:
                    continue
                return

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


def _decoded(name: str, data: bytes | None) -> JobRecord:
    if data is None:
        raise UnknownJob(name)
    return msgspec.json.decode(data, type=JobRecord)
