"""A task of a job: reads some sources, runs its stage of the query, and commits what came of it, turn by turn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis.client import Pipeline

from ...boards.changes import Code
from ...boards.shard import error_of
from ...errors import PipelineError
from ...store.lease import LeaseLost
from ..engine.engine import Engine, ExchangeRow, Given, OutputRow
from ..language.ticks import BEGINNING, END, from_unix_ms
from ..operators.faults import BOARD, Faults
from .outputs.outbox import MOST_WAITING, Outbox
from .sources import Source
from .state import Checkpoint, Position, Progress, Snapshot, order, positions
from .work import Work


class Superseded(Exception):
    """Another worker has begun the job with another query, or another start: this one has nothing to do any more."""


@dataclass
class Run:
    """What a task holds in memory between turns; all of it comes from the checkpoint and the sources."""

    progress: Progress
    faults: Faults
    engine: Engine
    sources: Sequence[Source]
    read_to: dict[str, str]  # source -> offset
    replay_to: int  # of what a state gives up to this time, all is written
    events: int = 0  # since the last snapshot
    is_news: bool = False  # since the last snapshot
    snapshot_at: float = 0.0  # time.monotonic() from which there may be one

    @property
    def watermark(self) -> int:
        return min(source.watermark for source in self.sources)


class Task:
    """One task, for a worker that holds its lease.

    Memory is the last snapshot and what was read since. After a crash, or after anything that went wrong in a turn,
    the next turn begins there: the entries up to those that are done are read again, and give nothing. That the rest
    comes out as it would have is what operators.py asks of the operators, and event_times.py of the event times.
    """

    def __init__(self, work: Work, name: str) -> None:
        self.work = work
        self.name = name
        self.checkpoint = Checkpoint(work.client, work.name, name)
        self._run: Run | None = None
        sinks = [sink for sinks in work.sinks.values() for sink in sinks]
        self._outboxes = {sink.key: MOST_WAITING for sink in sinks if isinstance(sink, Outbox)}

    def step(self) -> int:
        """Take one bounded turn; return how many entries were read and rows given, about. 0: there is a pause.

        Raises `LeaseLost`, `Superseded`, or what went wrong: it may be tried again by another `step`.
        """
        run, self._run = self._run or self._resume(), None
        done = self._turn(run)
        self._run = run
        return done

    @property
    def closed(self) -> int:
        """The time up to which its rows are given, as far as this worker knows; the beginning if it is another's."""
        return self._run.engine.closed if self._run else BEGINNING

    def save(self) -> None:
        """Save the state, if there is news, so that whoever takes over need not read much again."""
        run, self._run = self._run, None
        if run is not None and run.is_news:
            self._commit(run, [], is_snapshot=True)

    def forget(self) -> None:
        """Drop what is in memory: another worker has the task."""
        self._run = None

    # -- the parts in which tasks differ ------------------------------------------------------------------------------

    def _sources(self, faults: Faults) -> Sequence[Source]:
        raise NotImplementedError

    def _nodes(self) -> frozenset[int]:
        raise NotImplementedError

    def _buffers(self) -> Mapping[str, int]:
        """Return the streams that the task fills and another empties, and how many entries may wait in each."""
        return self._outboxes

    def _queue_given(self, pipe: Pipeline, rows: Sequence[ExchangeRow], closed: int) -> None:
        """Put what the other stage takes into the transaction."""

    def _queue_done(self, pipe: Pipeline, offsets: Mapping[str, str]) -> None:
        """Let go of the entries up to these offsets: there is a snapshot."""

    def _following(self, progress: Progress) -> Mapping[str, int]:
        """Return `TaskStatus.next`."""
        return {}

    def _came_to(self, closed: int, progress: Progress) -> None:
        """Take note of how far the engine has come in a turn that had nothing to commit."""

    # -- a turn -------------------------------------------------------------------------------------------------------

    def _resume(self) -> Run:
        if self.work.current_version() != self.work.version:
            raise Superseded(self.work.name)
        progress = self.checkpoint.load()
        faults = Faults(self.work.name, progress.counts)
        engine = Engine(self.work.plan, faults, self.work.tables, self._nodes())
        engine.restore(self.checkpoint.state(), progress.snapshot.closed)
        sources = self._sources(faults)
        for source in sources:
            if (state := progress.snapshot.sources.get(source.name)) is not None:
                source.restore(state)
        read_to = positions(progress.snapshot.offsets, [source.name for source in sources])
        snapshot_at = time.monotonic() + self.work.pacing.snapshot_seconds
        return Run(progress, faults, engine, sources, read_to, progress.closed, snapshot_at=snapshot_at)

    def _turn(self, run: Run) -> int:
        now, batches = self._read(run)
        if not batches:
            return 0
        rows: list[Given] = []
        count = 0
        is_news = False
        for source, entries in batches:
            rows += self._feed(run, source, entries, now)
            count += source.count(entries)
            is_news |= self._done(run, source, entries)
        rows += self._advance(run)
        run.events += count
        run.is_news |= is_news or bool(rows)
        is_snapshot = run.is_news and (
            run.events >= self.work.pacing.snapshot_events or time.monotonic() >= run.snapshot_at
        )
        if rows or is_news or is_snapshot:
            self._commit(run, rows, is_snapshot)
        elif run.engine.closed > run.progress.closed:
            self._came_to(run.engine.closed, run.progress)
        self._report(run, now)
        read = {source for source, _ in batches}
        may_go_on = run.engine.closed < run.watermark or any(source not in read for source in self._ready(run))
        return count + len(rows) + may_go_on

    def _ready(self, run: Run) -> list[Source]:
        """Return the sources to read.

        One that is further ahead of the slowest than rows matter waits, so that memory does not hold the log. Where no
        row is ever kept, none need wait.
        """
        span = self.work.plan.span
        furthest = run.watermark + span if span else END
        return [source for source in run.sources if source.watermark <= furthest]

    def _read(self, run: Run) -> tuple[int, list[tuple[Source, Sequence[Any]]]]:
        """Read on, in one round trip; return Redis's time before that, and the entries.

        Nothing is read while what takes the task's rows is so far behind that there is no room.
        """
        ready = self._ready(run)
        buffers = self._buffers()
        with self.work.client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hget(self.checkpoint.key, "commits")
            for key in buffers:
                pipe.xlen(key)
            for source in ready:
                source.queue(pipe, run.read_to[source.name], self.work.pacing.batch)
            replies = iter(pipe.execute())
        seconds, microseconds = next(replies)
        now = from_unix_ms(seconds * 1000 + microseconds // 1000)
        if int(next(replies) or 0) != run.progress.commits:
            raise LeaseLost(self.checkpoint.key)
        waiting = [next(replies) for _ in buffers]
        if any(count >= most for count, most in zip(waiting, buffers.values(), strict=True)):
            return now, []
        batches = [(source, source.entries(replies)) for source in ready]
        for source, entries in batches:
            if entries:
                run.read_to[source.name] = entries[-1].offset
        return now, batches

    def _feed(self, run: Run, source: Source, entries: Sequence[Any], now: int) -> list[Given]:
        """Feed what was read; return the rows that come out at once, and were not given before."""
        given: list[Given] = []
        mute = run.progress.mute
        for part, is_done, is_muted in self._parts(run, source, entries):
            run.faults.silent = is_done or is_muted
            rows = source.feed(run.engine, part, now)
            run.faults.silent = False
            if is_done:
                continue
            given += [row for row in rows if isinstance(row, ExchangeRow) or not (is_muted or row.time <= mute.fed)]
        if source.has_ended:
            source.at_end(now)
        return given

    def _parts(self, run: Run, source: Source, entries: Sequence[Any]) -> Iterator[tuple[Sequence[Any], bool, bool]]:
        """Cut entries into those that are done, those that a job which began anew is not to put out, and the rest."""
        done = run.progress.done.get(source.name, Position()).offset
        muted = max(done, run.progress.mute.done.get(source.name, done), key=order)
        if not entries or order(entries[0].offset) > order(muted):
            if entries:
                yield entries, False, False
            return
        offsets = [order(entry.offset) for entry in entries]
        first = sum(offset <= order(done) for offset in offsets)
        second = sum(offset <= order(muted) for offset in offsets)
        for part, is_done, is_muted in (
            (entries[:first], True, True),
            (entries[first:second], False, True),
            (entries[second:], False, False),
        ):
            if part:
                yield part, is_done, is_muted

    def _done(self, run: Run, source: Source, entries: Sequence[Any]) -> bool:
        """Take note of what is done now; say whether any entry had not been before."""
        if not entries:
            return False
        last = entries[-1]
        if order(last.offset) <= order(run.progress.done.get(source.name, Position()).offset):
            return False
        run.progress.done[source.name] = Position(last.offset, getattr(last, "sequence_number", -1))
        return True

    def _advance(self, run: Run) -> list[Given]:
        """Advance to the watermark; return the rows that were not given before."""
        watermark = run.watermark
        batch = self.work.pacing.batch
        if run.engine.closed < run.replay_to:
            run.faults.silent = True
            run.engine.advance(min(watermark, run.replay_to), batch)
            run.faults.silent = False
            if run.engine.closed < run.replay_to:
                return []
        muted = run.progress.mute.advanced
        rows = run.engine.advance(watermark, batch)
        return [row for row in rows if isinstance(row, ExchangeRow) or row.time > muted]

    # -- its end ------------------------------------------------------------------------------------------------------

    def _commit(self, run: Run, given: Sequence[Given], is_snapshot: bool) -> None:
        """Write rows, boards, checkpoint and maybe the state in one transaction. Raises `LeaseLost`.

        What a board did not take is a fault that is counted; any other error is raised.
        """
        progress = run.progress
        with self.work.client.pipeline() as pipe:
            self.checkpoint.guard(pipe, progress)
            for row in given:
                if isinstance(row, OutputRow):
                    progress.counts[f"rows:{row.output}"] += 1
                    for sink in self.work.sinks[row.output]:
                        sink.queue(pipe, row, run.faults)
            progress.commits += 1
            progress.closed = max(progress.closed, run.engine.closed)
            self._queue_given(pipe, [row for row in given if isinstance(row, ExchangeRow)], progress.closed)
            self.checkpoint.queue(pipe, progress)
            if is_snapshot:
                self._queue_snapshot(pipe, run)
            replies = self.checkpoint.commit(pipe)
        for reply in replies:
            if isinstance(reply, redis.ResponseError) and isinstance(error_of(reply), PipelineError):
                run.faults.report(BOARD, str(reply))
            elif isinstance(reply, Exception):
                raise reply
            elif isinstance(reply, list) and reply[0] != Code.OK.encode():  # only a board answers with a list
                run.faults.report(BOARD, f"a score that a board did not take ({reply[0].decode()})")

    def _queue_snapshot(self, pipe: Pipeline, run: Run) -> None:
        states = {source.name: source.snapshot() for source in run.sources}
        snapshot = Snapshot(dict(run.read_to), states, run.engine.closed)
        self.checkpoint.queue_snapshot(pipe, snapshot, run.engine.snapshot())
        self._queue_done(pipe, snapshot.offsets)
        run.events, run.is_news = 0, False
        run.snapshot_at = time.monotonic() + self.work.pacing.snapshot_seconds

    def _report(self, run: Run, now: int) -> None:
        closed = max(run.engine.closed, run.progress.closed)
        self.work.reports.write(self.name, run.progress, closed, self._following(run.progress), now)
