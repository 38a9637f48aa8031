"""The status of a job: what each of its tasks reports once a second, and what follows from that for the job."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from ...hub.hub_keys import HubKeys
from ...store import Pipeline, Redis, while_full
from ..language.ticks import BEGINNING, isoformat
from ..operators.faults import BOARD_NULL, KINDS, Found
from ..operators.operator import Waiting
from . import keys
from .fault_examples import queue_examples
from .keys import BEGIN, MERGE
from .state import ROWS, Progress

#: Seconds between two reports of a task.
PERIOD = 1.0

_RECENT = 60.0  # seconds

#: The kinds of fault that say that something is wrong: it leaves out what should be there.
_BAD = [kind for kind, about in KINDS.items() if about.leaves_out and kind != BOARD_NULL]


def place_of(hub: str, partition: int) -> str:
    """Return how a task's report names a partition of a hub, in `TaskStatus.next`: HUB/P."""
    return f"{hub}/{partition}"


def _partition_at(place: str) -> tuple[str, int]:
    """Return the hub and the partition that `place_of` has named so."""
    hub, _, partition = place.rpartition("/")
    return hub, int(partition)


class WaitingWindow(msgspec.Struct, frozen=True):
    """Events that a step of the query has taken, and whose rows wait until the watermark has passed `end`.

    `step` is its name in the query, or its output's. `end` is the end of a window, or of the session that ends first if
    nothing more comes; of a step without windows, the earliest time of a row. `groups` is 0 without groups. A group
    counts for each partition that has it unless the events' partition key is in the GROUP BY, and 10,000 groups in
    several panes of a window are only estimated. The rows come by `due`, by Redis's clock, if a worker runs the job; it
    is None if only further events move the watermark.
    """

    step: str
    end: str
    events: int
    groups: int
    due: str | None = None


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`next` has, for each partition of a hub, as `HUB/P`, the sequence number of the event that comes next.

    Times are UTC; `watermark` is None before the first event. `saved` is when the state was saved with which the task
    would begin after a crash, or `reported` if nothing was new since. `recent_events` and `recent_faults` are those of
    the last minute, as far as this worker has had the task.
    """

    reported: str
    watermark: str | None = None
    recent_events: int = 0
    recent_faults: int = 0
    next: Mapping[str, int] = {}
    rows: Mapping[str, int] = {}
    faults: Mapping[str, int] = {}
    waiting: Sequence[WaitingWindow] = ()
    saved: str | None = None


class TaskError(msgspec.Struct, frozen=True):
    """`task` may also be the name of reference data, `BEGIN` or `FOLDER`. `time` is a UTC time of Redis's clock."""

    task: str
    time: str
    message: str


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`watermark`: the rows of windows that end by this time are written, for all partitions. None before the first.

    `lag` is the number of events of the hubs that are not done yet. `rows`, by output, and `faults`, by kind
    (operators/faults.py), are totals since the job was made. `waiting` has the windows that are not over, those that
    end first first. If time alone does not end the first of them, `silent` has the partitions, as `HUB/P`, that it
    waits for: its rows come after later events of all of these. `error` is the last error that stopped a task for a
    while; `failing` has those of tasks that have not worked since. `recent_events` and `recent_faults` are those of the
    last minute, without faults that leave nothing out, or only a NULL for a board. `tasks` has the status of each task.
    """

    job: str
    watermark: str | None
    lag: int
    rows: Mapping[str, int]
    faults: Mapping[str, int]
    waiting: Sequence[WaitingWindow]
    silent: Sequence[str]
    error: TaskError | None
    failing: Sequence[TaskError]
    recent_events: int
    recent_faults: int
    tasks: Mapping[str, TaskStatus]


class Reports:
    """The reports of a job's tasks.

    Redis keys: `keys.status`, `keys.errors` and `keys.faults`.
    """

    def __init__(self, client: Redis, job: str) -> None:
        self.redis = client
        self.job = job
        self.key = keys.status(job)
        self.errors_key = keys.errors(job)
        self._next: dict[str, float] = {}  # time.monotonic()
        self._recent: dict[str, _Recent] = {}

    def is_due(self, task: str) -> bool:
        """Return whether a task has not reported within the last second."""
        return time.monotonic() >= self._next.get(task, 0.0)

    def resumed(self, task: str, progress: Progress, done: Mapping[str, int]) -> None:
        """Note how far a task was when this worker got it: what is recent comes after that."""
        self._recent.setdefault(task, _Recent()).of(progress, done)

    def write(
        self,
        task: str,
        progress: Progress,
        watermark: int,
        done: Mapping[str, int],
        waiting: Sequence[WaitingWindow],
        faults: Mapping[str, Sequence[Found]],
        saved: int,
        now: int,
    ) -> None:
        """Report, in one round trip; `done` is `TaskStatus.next`, `faults` are those since the last report.

        Times are in ticks; of `saved`, `TaskStatus` says what it is.
        """
        self._next[task] = time.monotonic() + PERIOD
        rows = {name[len(ROWS) :]: count for name, count in progress.counts.items() if name.startswith(ROWS)}
        events, faults_now = self._recent.setdefault(task, _Recent()).of(progress, done)
        status = TaskStatus(
            reported=isoformat(now),
            watermark=None if watermark == BEGINNING else isoformat(watermark),
            recent_events=events,
            recent_faults=faults_now,
            next=done,
            rows=rows,
            faults={name: count for name, count in progress.counts.items() if not name.startswith(ROWS)},
            waiting=waiting,
            saved=isoformat(saved),
        )
        with self.redis.pipeline(transaction=False) as pipe:
            while_full.write(pipe, "HSET", self.key, task, msgspec.json.encode(status))
            for kind, found in faults.items():
                queue_examples(pipe, self.job, task, kind, found)
            pipe.execute()

    def error(self, task: str, message: str, now: int) -> None:
        """Save the last error of a task, of reference data, or of `BEGIN`. `now` is in ticks."""
        error = msgspec.json.encode(TaskError(task, isoformat(now), message))
        while_full.write(self.redis, "HSET", self.errors_key, task, error)

    def forget(self, *tasks: str) -> None:
        """Delete the errors of these: they are over."""
        self.redis.hdel(self.errors_key, *tasks)


def queue_status(pipe: Pipeline, job: str) -> None:
    """Ask for what the tasks of a job have reported."""
    pipe.hgetall(keys.status(job))
    pipe.hvals(keys.errors(job))


def status_of(job: str, replies: Iterator[Any]) -> JobStatus | None:
    """Return what the replies to `queue_status` say, without the lag; None if the job has never run."""
    reports, errors = next(replies), next(replies)
    if not reports and not errors:
        return None
    found = {task.decode(): msgspec.json.decode(report, type=TaskStatus) for task, report in reports.items()}
    tasks = {name: found[name] for name in sorted(found, key=lambda name: (len(name), name))}
    watermarks = [task.watermark for task in tasks.values()]
    known = [watermark for watermark in watermarks if watermark is not None]
    waiting = _together([window for task in tasks.values() for window in task.waiting])
    found_errors = sorted(
        (msgspec.json.decode(error, type=TaskError) for error in errors), key=lambda error: error.time
    )
    return JobStatus(
        job=job,
        watermark=min(known) if watermarks and len(known) == len(watermarks) else None,
        lag=0,
        rows=_total([task.rows for task in tasks.values()]),
        faults=_total([task.faults for task in tasks.values()]),
        waiting=waiting,
        silent=_silent(waiting[0].end, tasks) if waiting and waiting[0].due is None else [],
        error=found_errors[-1] if found_errors else None,
        failing=[error for error in found_errors if _is_failing(error, tasks)],
        recent_events=sum(task.recent_events for task in tasks.values()),
        recent_faults=sum(task.recent_faults for task in tasks.values()),
        tasks=tasks,
    )


def lags_of(client: Redis, statuses: Mapping[str, JobStatus]) -> dict[str, int]:
    """Return the lag of each job: one round trip, however many they are."""
    following = {
        job: {place: number for task in status.tasks.values() for place, number in task.next.items()}
        for job, status in statuses.items()
    }
    places = list(dict.fromkeys(place for its in following.values() for place in its))
    with client.pipeline(transaction=False) as pipe:
        for place in places:
            hub, partition = _partition_at(place)
            pipe.get(HubKeys(hub)[partition].sequence)
        sequences = dict(zip(places, cast("list[bytes | None]", pipe.execute()), strict=True))
    return {
        job: sum(max(0, int(sequences[place] or 0) - number) for place, number in its.items())
        for job, its in following.items()
    }


def windows_of(waiting: Mapping[str, Sequence[Waiting]], lateness: int | None) -> list[WaitingWindow]:
    """Return what a task reports of what its operators wait for; `lateness` is that of `OpenedJob`."""
    return [
        WaitingWindow(
            step,
            isoformat(each.end),
            each.events,
            each.groups,
            None if lateness is None else isoformat(each.end + lateness),
        )
        for step, its in waiting.items()
        for each in its
    ]


def _is_failing(error: TaskError, tasks: Mapping[str, TaskStatus]) -> bool:
    """Return whether a task has not reported since its error. Reference data that can't be read fails no task."""
    if not (error.task in (BEGIN, MERGE) or error.task.isdecimal()):
        return False
    task = tasks.get(error.task)
    return task is None or error.time > task.reported


class _Recent:
    """The totals of a task at each report of the last minute, oldest first."""

    def __init__(self) -> None:
        self._totals: deque[tuple[float, int, int]] = deque()

    def of(self, progress: Progress, done: Mapping[str, int]) -> tuple[int, int]:
        """Return how many events and faults have come since the oldest of the reports, and keep this one."""
        now, events = time.monotonic(), sum(done.values())
        faults = sum(progress.counts[kind] for kind in _BAD)
        while self._totals and now - self._totals[0][0] > _RECENT:
            self._totals.popleft()
        self._totals.append((now, events, faults))
        _, first_events, first_faults = self._totals[0]
        return max(0, events - first_events), max(0, faults - first_faults)


def _together(windows: Sequence[WaitingWindow]) -> list[WaitingWindow]:
    """Return the windows of all tasks, those that end first first, and the same window of several tasks as one."""
    found: dict[tuple[str, str], WaitingWindow] = {}
    for window in windows:
        same = found.get((window.end, window.step))
        if same is not None:
            events, groups = same.events + window.events, same.groups + window.groups
            window = msgspec.structs.replace(same, events=events, groups=groups)
        found[window.end, window.step] = window
    return [found[key] for key in sorted(found)]


def _silent(end: str, tasks: Mapping[str, TaskStatus]) -> list[str]:
    """Return the partitions whose watermark has not passed `end`."""
    behind = [task for task in tasks.values() if task.watermark is None or task.watermark < end]
    return sorted({place for task in behind for place in task.next}, key=_partition_at)


def _total(counts: list[Mapping[str, int]]) -> dict[str, int]:
    return dict(sorted(sum(map(Counter, counts), Counter[str]()).items()))
