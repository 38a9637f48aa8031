"""Runs a job, turn by turn."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

from ...boards import Boards
from ...hub.namespace import Hubs
from ...hub.share import BEAT, TTL, Share
from ...reference.text import InvalidReference
from ...store import OUTAGES, OutOfMemoryError, Redis
from ...store.lease import LeaseLost
from ...store.outage_log import outages
from ...store.pace import FIRST_WAIT, Pace
from ..language.ticks import from_unix_ms
from . import keys
from .begin import begin
from .definition import Definition
from .delivery import Delivery
from .job_toml import START
from .keys import BEGIN, MERGE
from .opened import OpenedJob, Pacing
from .opening import open_job
from .outputs.outbox import Outbox
from .record import NEVER, Restart
from .stages import MergingTask, PartitionTask
from .task import StageTask, Superseded

logger = logging.getLogger(__name__)

#: Seconds between two looks for new reference data.
REFRESH = 60.0


_FULL = "the store is full, and has no room for what this turn changes on a board; it is tried again"


class Job:
    """One query. All workers that run the job share its tasks; each task runs in one worker at a time.

    Redis keys: all in keys.py that name a job, and the offsets of its consumer group, which is the job's own unless
    job.toml names another. The hub keeps the events after these offsets: the job reads them again if it resumes from
    its last snapshot.
    """

    def __init__(
        self,
        opened: OpenedJob,
        start: str = START,
        beat: float = BEAT,
        ttl: float = TTL,
        restart: Restart = NEVER,
    ) -> None:
        """`start` is last, now or a UTC time; `beat` and `ttl` are those of `Share`."""
        self.name = opened.name
        self.opened = opened
        self.start = start
        self.restart = restart
        leases = [keys.lease(opened.name, task) for task in opened.tasks]
        self.share = Share(opened.client, leases, keys.workers(opened.name), beat=beat, ttl=ttl)
        self.tasks: list[StageTask] = [
            MergingTask(opened) if name == MERGE else PartitionTask(opened, int(name)) for name in opened.tasks
        ]
        outboxes = {sink.key: sink for sinks in opened.sinks.values() for sink in sinks if isinstance(sink, Outbox)}
        self.deliveries = [Delivery(outbox, beat, ttl) for outbox in outboxes.values()]
        self._paces = [Pace() for _ in self.tasks]
        self._is_begun = False
        self._is_superseded = False
        self._refresh_at = time.monotonic() + REFRESH
        self._stale: set[str] = set()  # reference data that could not be read again

    @classmethod
    def of(
        cls,
        name: str,
        definition: Definition,
        client: Redis,
        hubs: Hubs,
        boards: Boards | None = None,
        folder: Path | None = None,
        pacing: Pacing | None = None,
        beat: float = BEAT,
        ttl: float = TTL,
        restart: Restart = NEVER,
    ) -> Job:
        """Make a job, and declare its outputs. Files are in `folder`; without a folder, the job may not use files.

        `client` has the reference data; all else is where the hubs are. `pacing` overrides the settings of job.toml;
        `beat` and `ttl` are seconds. Raises `InvalidJob` or `OutputTaken`.
        """
        opened, config = open_job(name, definition, client, hubs, boards or Boards(client), folder, pacing)
        return cls(opened, config.start, beat, ttl, restart)

    @property
    def workers(self) -> list[Job | Delivery]:
        """What needs a thread each: the job, and the deliveries of its outputs outside Redis."""
        return [self, *self.deliveries]

    def attach(self) -> None:
        """Have the hubs keep the events that the job has not read yet. A worker calls it before it drops events."""
        for reader in self.opened.readers:
            reader.group.attach()

    def step(self) -> int:
        """Take one bounded turn of each task that this worker has; return how many events were read and rows written.

        0 means that there is nothing to do now, or that another worker has begun another version of the job. A task
        that fails tries again after a pause, and the other tasks go on. Raises an error of `OUTAGES` if Redis is away
        or refuses.
        """
        if self._is_superseded:
            return 0
        if not self._is_begun:
            self._begin()
        self._refresh()
        held = self.share.partitions()
        for place, task in enumerate(self.tasks):
            if place not in self.share.held:
                task.forget()
        # First the partitions' tasks, then the merging one.
        held.sort(key=lambda place: max(place, self.opened.partitions - 1))
        return sum(self._step(place) for place in held)

    def stop(self) -> None:
        """Save the states of this worker's tasks, and let other workers take over at once."""
        try:
            for place in self.share.held:
                with contextlib.suppress(LeaseLost):
                    self.tasks[place].save()
        finally:
            self.share.stop()

    def _begin(self) -> None:
        try:
            begin(self.opened, self.start, self.restart)
        except OUTAGES:
            raise
        except Exception as exc:
            self.opened.reports.error(BEGIN, f"{type(exc).__name__}: {exc}", self._now())
            raise
        self.opened.reports.forget(BEGIN)
        self._is_begun = True

    def _step(self, place: int) -> int:
        task, pace = self.tasks[place], self._paces[place]
        if self._is_superseded or time.monotonic() < pace.not_before:
            return 0
        try:
            done = task.step()
        except LeaseLost:
            self.share.lost(place)
            self.share.leases[place].release()  # the lease may still be ours, but our state of the task is too old
            if self.opened.current_version() != self.opened.version:
                self._rest()
            else:
                logger.warning("job %s: another worker has taken over task %s", self.name, task.name)
        except Superseded:
            self._rest()
        except OutOfMemoryError as exc:  # the others go on, and so may make room
            outages.note(exc)
            pace.failed(FIRST_WAIT)
            self.opened.reports.error(task.name, _FULL, self._now())
        except OUTAGES:
            raise  # all tasks meet it, and the worker's log has it once
        except Exception as exc:
            wait = pace.failed(FIRST_WAIT)
            logger.exception("job %s: task %s failed, next try in %.1f s", self.name, task.name, wait)
            self.opened.reports.error(task.name, f"{type(exc).__name__}: {exc}", self._now())
        else:
            pace.succeeded()
            return done
        return 0

    def _rest(self) -> None:
        logger.warning(
            "job %s: another worker has begun another version of it, so this worker does nothing more for it", self.name
        )
        self._is_superseded = True
        self.share.stop()

    def _refresh(self) -> None:
        """Look for new reference data every `REFRESH` seconds. If it can't be read, the old data stays."""
        if not self.opened.tables or time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + REFRESH
        for name, table in self.opened.tables.items():
            try:
                table.refresh()
            except InvalidReference as exc:
                logger.error("job %s: the reference data %s stays as it was: %s", self.name, name, exc)
                self.opened.reports.error(name, str(exc), self._now())
                self._stale.add(name)
            else:
                if name in self._stale:
                    self._stale.remove(name)
                    self.opened.client.hdel(self.opened.reports.errors_key, name)

    def _now(self) -> int:
        return from_unix_ms(self.opened.readers[0].group.hub.clock_ms())
