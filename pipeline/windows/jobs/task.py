"""A task of a job: turn by turn, it reads its sources, runs its stage of the query, and commits the results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from ...store import Pipeline, transaction
from ...store.clock import queue_times, reply_ms
from ...store.lease import LeaseLost
from ..engine.engine import Engine, ExchangeRow, Given, OutputRow
from ..language.ticks import BEGINNING, END, from_unix_ms
from ..operators.faults import Faults
from .fault_examples import fault_rows
from .opened import OpenedJob
from .outputs import Sink
from .outputs.outbox import MOST_WAITING, Outbox
from .recovery import ENTRIES, TIMES, Recovery
from .reports import windows_of
from .sources import TaskSource
from .state import ROWS, Checkpoint, Position, Progress, SnapshotMark, positions


class Superseded(Exception):
    """Another worker has begun the job with another query, or another start, so this one must not go on."""


@dataclass
class Run:
    """What a task keeps in memory between turns. All of it can be made again from the checkpoint and the sources."""

    progress: Progress
    recovery: Recovery
    faults: Faults
    engine: Engine
    sources: Sequence[TaskSource]
    span: int  # the plan's
    read_to: dict[str, str]  # source -> offset
    watermark: int = BEGINNING  # the least of the sources' watermarks
    ready: Sequence[TaskSource] = ()  # the sources to be read next
    events: int = 0  # events since the last snapshot
    is_news: bool = False  # whether anything is new since the last snapshot
    snapshot_at: float = 0.0  # the time.monotonic() from which on there may be a snapshot
    saved: int = BEGINNING  # when the state was saved, or else when the task began, in ticks

    def settle(self) -> None:
        """Take the watermark from the sources, and choose the sources to read next.

        Rows of a source wait in memory for the slowest source. So a source whose watermark is more than `span` above
        the least one is not read. If `span` is 0, no rows are kept in memory, and all sources are read.
        """
        self.watermark = min([source.watermark for source in self.sources])
        furthest = self.watermark + self.span if self.span else END
        self.ready = [source for source in self.sources if source.watermark <= furthest]


class StageTask:
    """One task of a job: a stage of the query, for a worker that holds the task's lease.

    Its memory is the last snapshot and what was read since then. After a crash, or any error in a turn, the next turn
    resumes from the last snapshot. recovery.py explains what is read again then, what becomes of it, and why each row
    is written once.
    """

    def __init__(self, opened: OpenedJob, name: str) -> None:
        self.opened = opened
        self.name = name
        self.checkpoint = Checkpoint(opened.client, opened.name, name)
        self._run: Run | None = None
        sinks = [sink for sinks in opened.sinks.values() for sink in sinks]
        self._outboxes = {sink.key: MOST_WAITING for sink in sinks if isinstance(sink, Outbox)}

    def step(self) -> int:
        """Take one bounded turn; return about how many events were read and rows given. 0: there is nothing to do now.

        Raises `LeaseLost`, `Superseded`, or any error of the turn; then `step` may be called again to retry.
        """
        run, self._run = self._run or self._resume(), None
        done = self._turn(run)
        self._run = run
        return done

    def save(self) -> None:
        """Save the state, if anything is new, so that a worker that takes over has little to read again."""
        run, self._run = self._run, None
        if run is not None and run.is_news:
            self._commit(run, [], is_snapshot=True)

    def forget(self) -> None:
        """Drop what is in memory, because another worker has the task."""
        self._run = None

    # -- the parts in which tasks differ ------------------------------------------------------------------------------

    def _sources(self, faults: Faults) -> Sequence[TaskSource]:
        raise NotImplementedError

    def _nodes(self) -> frozenset[int]:
        raise NotImplementedError

    def _buffers(self) -> Mapping[str, int]:
        """Return the keys of the streams that this task fills and another empties, with the most entries for each."""
        return self._outboxes

    def _queue_given(self, pipe: Pipeline, rows: Sequence[ExchangeRow], closed: int) -> None:
        """Put the rows for the other stage into the transaction. All later ones will be after `closed`."""

    def _queue_done(self, pipe: Pipeline, offsets: Mapping[str, str]) -> None:
        """Drop the entries of each source of this job's own up to its offset: a snapshot makes them unnecessary."""

    def _releasing(self, offsets: Mapping[str, str]) -> AbstractContextManager[None]:
        """Let the sources that others have drop the same, once the transaction of the block has saved the snapshot."""
        return nullcontext()

    def _next_numbers(self, progress: Progress) -> Mapping[str, int]:
        """Return `TaskStatus.next`."""
        return {}

    def _note_progress(self, closed: int, progress: Progress) -> None:
        """Publish how far the engine has come, after a turn that had nothing to commit."""

    # -- a turn -------------------------------------------------------------------------------------------------------

    def _resume(self) -> Run:
        if self.opened.current_version() != self.opened.version:
            raise Superseded(self.opened.name)
        progress = self.checkpoint.load()
        faults = Faults(self.opened.name, progress.counts, keeps_new=self.opened.faults is not None)
        engine = Engine(self.opened.plan, faults, self.opened.tables, self._nodes())
        engine.restore(self.checkpoint.state(), progress.snapshot.closed)
        sources = self._sources(faults)
        for source in sources:
            if (state := progress.snapshot.sources.get(source.name)) is not None:
                source.restore(state)
        run = Run(
            progress,
            Recovery(progress),
            faults,
            engine,
            sources,
            self.opened.plan.span,
            read_to=positions(progress.snapshot.offsets, [source.name for source in sources]),
            snapshot_at=time.monotonic() + self.opened.pacing.snapshot_seconds,
            saved=progress.snapshot.saved,
        )
        run.settle()
        self.opened.reports.resumed(self.name, progress, self._next_numbers(progress))
        return run

    def _turn(self, run: Run) -> int:
        now, batches = self._read(run)
        if not batches:
            return 0
        rows: list[Given] = []
        count = 0
        is_news = False
        for source, entries in batches:
            given, is_new = self._feed(run, source, entries, now)
            rows += given
            count += source.count(entries)
            is_news |= is_new
        run.settle()
        rows += self._advance(run)
        run.events += count
        run.is_news |= is_news or bool(rows)
        is_snapshot = run.is_news and (
            run.events >= self.opened.pacing.snapshot_events or time.monotonic() >= run.snapshot_at
        )
        if rows or is_news or is_snapshot or run.faults.has_new:
            self._commit(run, rows, is_snapshot)
        elif run.engine.closed > run.progress.closed:
            self._note_progress(run.engine.closed, run.progress)
        self._report(run, now)
        read = [source for source, _ in batches]
        may_go_on = run.engine.closed < run.watermark or any(source not in read for source in run.ready)
        return count + len(rows) + may_go_on

    def _read(self, run: Run) -> tuple[int, list[tuple[TaskSource, Sequence[Any]]]]:
        """Read on, in one round trip; return Redis's time before the read, in ticks, and the entries of each source.

        On a cluster it is one of each node that is asked, and the time that of the slowest clock. Nothing is read while
        an outbox, or the exchange, that this task fills is full.
        """
        buffers = self._buffers()
        client = self.opened.client
        with client.pipeline(transaction=False) as pipe:
            times = queue_times(client, pipe, [self.checkpoint.key, *(source.key for source in run.ready)])
            self.checkpoint.queue_commits(pipe)
            for key in buffers:
                pipe.xlen(key)
            for source in run.ready:
                source.queue(pipe, run.read_to[source.name], self.opened.pacing.batch)
            replies = iter(pipe.execute())
        now = from_unix_ms(min(reply_ms(next(replies)) for _ in range(times)))
        if int(next(replies) or 0) != run.progress.commits:
            raise LeaseLost(self.checkpoint.key)
        waiting = [next(replies) for _ in buffers]
        if any(count >= most for count, most in zip(waiting, buffers.values(), strict=True)):
            return now, []
        batches = [(source, source.entries(replies)) for source in run.ready]
        for source, entries in batches:
            if entries:
                run.read_to[source.name] = entries[-1].offset
        return now, batches

    def _feed(self, run: Run, source: TaskSource, entries: Sequence[Any], now: int) -> tuple[list[Given], bool]:
        """Feed entries, and note what is done. Return the rows to pass on, and whether an entry was not replayed."""
        run.faults.now = now
        given: list[Given] = []
        is_new = False
        for phase, part in run.recovery.parts(source.name, entries):
            run.faults.silent = not ENTRIES[phase].reports_faults
            given += ENTRIES[phase].given(source.feed(run.engine, part, now), run.progress.mute.fed)
            if ENTRIES[phase].moves_done:
                run.progress.done[source.name] = Position(part[-1].offset, part[-1].sequence_number)
                is_new = True
        run.faults.silent = False
        source.settle(now)
        return given, is_new

    def _advance(self, run: Run) -> list[Given]:
        """Close times up to the watermark, until about a batch of rows is given; return the rows to pass on."""
        given: list[Given] = []
        for phase, last in run.recovery.times:
            if run.engine.closed < last:
                run.faults.silent = not TIMES[phase].reports_faults
                given += TIMES[phase].given(run.engine.advance(min(run.watermark, last), self.opened.pacing.batch))
                if run.engine.closed < last:
                    break
        run.faults.silent = False
        return given

    # -- its end ------------------------------------------------------------------------------------------------------

    def _commit(self, run: Run, given: Sequence[Given], is_snapshot: bool) -> None:
        """Write rows, boards, checkpoint and maybe the state in one transaction. Raises `LeaseLost`, or Redis's error.

        A sink may find a fault in a reply; the next commit counts it.
        """
        progress = run.progress
        releasing = self._releasing(run.read_to) if is_snapshot else nullcontext()
        with releasing, transaction(self.opened.client, self.checkpoint.key) as pipe:
            guarded = self.checkpoint.guard(pipe, progress)
            asked = self._queue_outputs(pipe, run, [row for row in given if isinstance(row, OutputRow)])
            if (output := self.opened.faults) is not None:
                asked += self._queue_outputs(pipe, run, fault_rows(output, self.name, run.faults.take_new()))
                run.faults.take_new()  # a fault of such a row makes no row: it would go on for ever
            progress.commits += 1
            progress.closed = max(progress.closed, run.engine.closed)
            self._queue_given(pipe, [row for row in given if isinstance(row, ExchangeRow)], progress.closed)
            self.checkpoint.queue(pipe, progress)
            if is_snapshot:
                self._queue_snapshot(pipe, run)
            replies = self.checkpoint.commit(pipe, guarded)
        for sink, reply in zip_longest(asked, replies):
            if sink is not None:
                sink.replied(reply, run.faults)
            elif isinstance(reply, Exception):
                raise reply

    def _queue_outputs(self, pipe: Pipeline, run: Run, rows: Sequence[OutputRow]) -> list[Sink]:
        """Put rows into the transaction; return the sink of each command."""
        by_output: dict[str, list[OutputRow]] = {}
        for row in rows:
            by_output.setdefault(row.output, []).append(row)
        asked: list[Sink] = []
        before = len(pipe)
        for output, its_rows in by_output.items():
            run.progress.counts[ROWS + output] += len(its_rows)
            for sink in self.opened.sinks[output]:
                sink.queue(pipe, its_rows, run.faults)
                asked += [sink] * (len(pipe) - before - len(asked))
        return asked

    def _queue_snapshot(self, pipe: Pipeline, run: Run) -> None:
        states = {source.name: source.snapshot() for source in run.sources}
        run.saved = run.faults.now
        snapshot = SnapshotMark(dict(run.read_to), states, run.engine.closed, run.saved)
        self.checkpoint.queue_snapshot(pipe, snapshot, run.engine.snapshot())
        self._queue_done(pipe, snapshot.offsets)
        run.events, run.is_news = 0, False
        run.snapshot_at = time.monotonic() + self.opened.pacing.snapshot_seconds

    def _report(self, run: Run, now: int) -> None:
        if not self.opened.reports.is_due(self.name):
            return
        closed = max(run.engine.closed, run.progress.closed)
        waiting = windows_of(run.engine.waiting(), self.opened.lateness)
        numbers = self._next_numbers(run.progress)
        run.saved = run.saved or now
        saved = run.saved if run.is_news else now
        self.opened.reports.write(self.name, run.progress, closed, numbers, waiting, run.faults.take(), saved, now)
