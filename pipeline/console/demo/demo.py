"""Begins, stops and deletes the demo, and says how far it has come. All of it is named after `NAME`."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from operator import attrgetter
from typing import Any, cast

from msgspec import Struct

from ...boards import Boards, UnknownBoard
from ...errors import PipelineError
from ...hub.description import Description
from ...hub.namespace import Hubs, UnknownHub
from ...store.clock import clock_ms
from ...store.lease import Lease
from ...windows.jobs.definition import Definition
from ...windows.jobs.outputs import StreamOutput, UnknownOutput, list_outputs
from ...windows.jobs.registry import JobRegistry, UnknownJob
from ..history import hub_subject, job_subject
from ..keys import DEMO, DEMO_LEASE
from .story import DURATION, END, story

#: The names of its hub, job and board, and of the output with its rows.
NAME, ROWS = "demo", "demo_rows"

#: How much faster than it happened the story is told.
SPEED = 100.0

#: Seconds of the story that are sent at once, so that its first windows end when it begins.
_AT_ONCE = 2 * 3600 + 300

#: Seconds for which to wait until the worker that plays has stopped.
_PATIENCE = 4.0

_PARTITIONS = 2

_FIELDS = frozenset({"state", "begun", "speed", "sent", "second", "total"})

DEFINITION = Definition(
    (files(__package__) / "demo.asaql").read_text(),
    {
        "time": {"late_arrival": -1},  # recorded times are late by days, and windows end by them alone
        "inputs": {"Recorded": {"hub": NAME, "partition_key": "eventid"}},
        "outputs": {
            ROWS: {"type": "stream", "maxlen": 100_000},
            "demo_rewards": {"type": "board", "board": NAME, "member": "actionname", "score": "reward", "mode": "add"},
        },
    },
)


class DemoPlays(PipelineError):
    def __init__(self, progress: Progress) -> None:
        super().__init__(f"the demo plays already, {progress.percent:.0f} % of it: stop it, or delete it, first")


class DemoTaken(PipelineError):
    """A hub, job, output or board with a name of the demo's exists, and is not the demo's."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"there is a {what} {name!r} that the demo has not made, and does not touch: rename or delete it"
        )


class DemoBusy(PipelineError):
    def __init__(self) -> None:
        super().__init__("the demo is being begun, stopped or deleted by another process: try again")


class NoDemo(PipelineError, LookupError):
    def __init__(self) -> None:
        super().__init__("there is no demo: nothing of it is left")


class State(StrEnum):
    BEGINS = "begins"
    PLAYS = "plays"
    STOPPED = "stopped"
    DONE = "done"


class Progress(Struct, frozen=True):
    """How far the demo has come. `begin` is the time of the story's first event, `now` that of the last one sent, both
    UTC; `ends` is when the last one will be. `worker` says that a worker plays, or may play within a second.
    """

    state: State
    sent: int
    total: int
    speed: float
    begun_ms: int
    begin: datetime
    now: datetime
    ends: datetime
    worker: bool

    @property
    def percent(self) -> float:
        return 100 * self.sent / self.total


class Demo:
    """The demo of a service.

    Redis keys: `DEMO` and `DEMO_LEASE`, which is held by whoever sends its events, or makes or deletes what it has.
    """

    def __init__(self, hubs: Hubs, jobs: JobRegistry, boards: Boards) -> None:
        self.hubs = hubs
        self.jobs = jobs
        self.boards = boards
        self.redis = jobs.server
        self.lease = Lease(self.redis, DEMO_LEASE.pattern)

    def progress(self) -> Progress | None:
        """Return how far it has come, None if there is none. One round trip."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(DEMO.pattern)
            pipe.exists(DEMO_LEASE.pattern)
            fields, is_held = cast("tuple[dict[bytes, bytes], int]", pipe.execute())
        found = {name.decode(): value.decode() for name, value in fields.items()}
        if not found.keys() >= _FIELDS:
            return None
        begun_ms, speed = int(found["begun"]), float(found["speed"])
        begin = _begin_of(begun_ms)
        return Progress(
            state=State(found["state"]),
            sent=int(found["sent"]),
            total=int(found["total"]),
            speed=speed,
            begun_ms=begun_ms,
            begin=begin,
            now=begin + timedelta(seconds=int(found["second"])),
            ends=datetime.fromtimestamp(begun_ms / 1000 + (DURATION - _AT_ONCE) / speed, UTC),
            worker=bool(is_held),
        )

    def begin(self, speed: float = SPEED) -> None:
        """Make hub, job and board, anew if they were there, and have a worker send the events.

        Raises `DemoPlays`, `DemoTaken` or `DemoBusy`; or `InvalidJob` where no job can run: then nothing is left.
        """
        self._refuse_to_begin_twice()
        with self._alone():
            if self._refuse_to_begin_twice() is None:
                self._refuse_taken()
            else:
                self._remove()
            self._note(
                state=State.BEGINS, begun=clock_ms(self.redis), speed=speed, sent=0, second=0, total=len(story())
            )
            try:
                self.hubs.create(
                    NAME, Description(partitions=_PARTITIONS, metadata="made by the demo, deleted with it")
                )
                self.jobs.put(NAME, DEFINITION)
            except PipelineError:
                self._remove()
                raise
            self._note(state=State.PLAYS, begun=clock_ms(self.redis))

    def stop(self) -> None:
        """Send no more events. What was sent stays, with its rows and its board. Raises `NoDemo`."""
        found = self.progress()
        if found is None:
            raise NoDemo
        if found.state is State.PLAYS:
            self.note_end(State.STOPPED)

    def delete(self) -> None:
        """Delete hub, job, rows and board of the demo, and nothing else. Raises `NoDemo` or `DemoBusy`."""
        self.stop()
        with self._alone():
            self._remove()

    def due(self, progress: Progress) -> int:
        """Return how many events of the story have happened by now."""
        second = _AT_ONCE + (clock_ms(self.redis) - progress.begun_ms) / 1000 * progress.speed
        return bisect_right(story(), second, key=attrgetter("second"))

    def note_sent(self, sent: int) -> None:
        """Record how many events were sent, which may be all of them."""
        told = story()
        self._note(sent=sent, second=told[sent - 1].second)

    def note_end(self, state: State) -> None:
        """Record that no more events will be sent."""
        self._note(state=state)

    def _note(self, **fields: str | float) -> None:
        self.redis.hset(DEMO.pattern, mapping=cast("dict[Any, Any]", fields))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lease. A worker that plays releases its own within a second after the demo was stopped."""
        lease = Lease(self.redis, DEMO_LEASE.pattern)
        end = time.monotonic() + _PATIENCE
        while not lease.hold():
            if time.monotonic() > end:
                raise DemoBusy
            time.sleep(0.05)
        try:
            yield
        finally:
            lease.release()

    def _refuse_to_begin_twice(self) -> Progress | None:
        found = self.progress()
        if found is not None and found.state is State.PLAYS:
            raise DemoPlays(found)
        return found

    def _refuse_taken(self) -> None:
        if NAME in self.hubs.list():
            raise DemoTaken("hub", NAME)
        if NAME in self.jobs.all():
            raise DemoTaken("job", NAME)
        if any(output.name == ROWS for output in list_outputs(self.hubs.redis)):
            raise DemoTaken("output", ROWS)
        if self.boards.listed([NAME]):
            raise DemoTaken("board", NAME)

    def _remove(self) -> None:
        """The job first, since it would write on, and the record last, so that what a crash leaves can be deleted."""
        with suppress(UnknownJob):
            self.jobs.delete(NAME)
        with suppress(UnknownOutput):
            StreamOutput(self.hubs.redis, ROWS).delete()
        with suppress(UnknownBoard):
            self.boards[NAME].delete()
        with suppress(UnknownHub):
            self.hubs.delete(NAME)
        self.redis.delete(hub_subject(NAME), job_subject(NAME), DEMO.pattern)


def _begin_of(begun_ms: int) -> datetime:
    """Return when the story begins, so that all of it is over, and windows end when its clock strikes."""
    begun = datetime.fromtimestamp(begun_ms / 1000, UTC).replace(minute=0, second=0, microsecond=0)
    return begun - timedelta(seconds=END)
