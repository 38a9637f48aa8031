"""A job: a folder with a query and its settings, run turn by turn."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from ..boards.boards import Boards
from ..boards.shard import Code, error_of
from ..errors import InvalidValue, PipelineError
from ..hub.group import ConsumerGroup
from ..hub.log import Hub, StoredEvent, UnknownHub
from ..hub.registry import Hubs
from ..lease import Lease, LeaseLost
from .clock import Clock, from_unix_ms
from .config import Config, InvalidJob, read_config
from .engine import Engine, OutputRow
from .faults import BOARD, INPUT, Faults
from .outputs import BoardOutput, Sink, StreamOutput
from .plan import Plan, plan
from .query import parse
from .rows import InputError, Row, rows_of
from .state import Checkpoint, Position, Progress
from .tokens import QueryError

log = logging.getLogger(__name__)


@dataclass
class _Run:
    """What a job holds in memory between turns; all of it comes from the checkpoint and the log."""

    progress: Progress
    faults: Faults
    engine: Engine
    clock: Clock
    read_to: dict[int, str]  # partition -> offset
    needed: dict[int, str]  # partition -> offset after which the hub must keep the events


class Job:
    """One query over one hub. The job is a consumer group of its own: one owner at a time reads every partition.

    Whatever goes wrong in a turn, memory is dropped and the next turn begins from the checkpoint: whether a
    transaction took place is known only there.

    Redis keys:
        job:NAME:lease       see Lease
        job:NAME:checkpoint  see Checkpoint
        and the offsets of the consumer group `job:NAME`, see ConsumerGroup: the hub keeps what comes after them, which
        is what the job would read again if it began anew
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        hub: Hub,
        sinks: Mapping[str, Sequence[Sink]],
        client: redis.Redis,
        batch: int = 500,
    ) -> None:
        """`sinks` by output; `batch` is how many events of a partition, and about how many rows, a turn takes."""
        self.name = name
        self.plan = plan
        self.hub = hub
        self.sinks = sinks
        self.redis = client
        self.batch = batch
        self.lease = Lease(client, f"job:{name}:lease")
        self.checkpoint = Checkpoint(client, name)
        self.group = ConsumerGroup(hub, f"job:{name}")
        self._run: _Run | None = None

    @classmethod
    def load(cls, folder: Path, client: redis.Redis, hubs: Hubs, boards: Boards | None = None, batch: int = 500) -> Job:
        """Read query.asaql and job.toml; the folder's name is the job's. Declares the job's outputs.

        Raises `InvalidJob`, or `OutputTaken`.
        """
        planned = _read_query(folder / "query.asaql")
        config_path = folder / "job.toml"
        config = read_config(config_path, planned)
        try:
            hub = hubs[config.input.hub]
        except UnknownHub as exc:
            raise InvalidJob(config_path, f"[inputs.{planned.input}]: {exc}") from exc
        try:
            sinks = _sinks(config, client, boards or Boards(client))
        except InvalidValue as exc:
            raise InvalidJob(config_path, f"[[boards]]: {exc}") from exc
        for name in planned.outputs:
            StreamOutput(client, name).declare(folder.name)
        return cls(folder.name, planned, hub, sinks, client, batch)

    def step(self) -> int:
        """Take one bounded turn; return how many events were read and rows written. 0 means that there is a pause.

        A job whose lease another has does nothing. Anything raised may be tried again by another `step`.
        """
        if not self.lease.hold():
            self._run = None
            return 0
        run, self._run = self._run or self._resume(), None
        try:
            work = self._turn(run)
        except LeaseLost:
            log.warning("job %s: another worker has taken over", self.name)
            return 0
        self._run = run
        return work

    def stop(self) -> None:
        """Let another take over at once."""
        self._run = None
        self.lease.release()

    def _resume(self) -> _Run:
        self.group.attach()
        progress = self.checkpoint.load()
        faults = Faults(self.name, progress.counts)
        engine = Engine(self.plan, faults, closed=progress.watermark)
        partitions = range(self.hub.partitions)
        for partition in partitions:
            progress.done.setdefault(partition, Position())
        read_to = {p: progress.done[p].replay_from(engine.needed_after) for p in partitions}
        return _Run(progress, faults, engine, Clock(partitions, progress.watermark), dict(read_to), read_to)

    def _turn(self, run: _Run) -> int:
        now = from_unix_ms(self.hub.clock_ms())  # before the read: what the read does not see is not earlier
        events = self._read(run, now)
        rows, is_news = self._feed(run, events, now)
        rows += run.engine.close(run.clock.watermark, self.batch)
        if rows or is_news or self._is_done_with_all(run):
            self._commit(run, rows)
        return len(events) + len(rows)

    def _read(self, run: _Run, now: int) -> list[StoredEvent]:
        """Read on, and move the clock.

        A partition that is a window ahead of the slowest waits, so that memory holds two windows, not the whole log.
        """
        furthest = run.clock.watermark + run.engine.span
        after = {p: offset for p, offset in run.read_to.items() if run.clock.of(p) <= furthest}
        batches = self.hub.read_all(after, self.batch)
        for partition, batch in zip(after, batches, strict=True):
            if batch:
                run.read_to[partition] = batch[-1].offset
                run.clock.reach(partition, from_unix_ms(batch[-1].enqueued_ms))
            if len(batch) < self.batch:
                run.clock.reach(partition, now)
        events = [event for batch in batches for event in batch]
        return sorted(events, key=lambda event: (event.enqueued_ms, event.partition, event.sequence_number))

    def _feed(self, run: _Run, events: Iterable[StoredEvent], now: int) -> tuple[list[OutputRow], bool]:
        """Return the rows that events give at once, and whether any event had not been done before."""
        rows: list[OutputRow] = []
        is_news = False
        for event in events:
            replayed = event.sequence_number <= run.progress.done[event.partition].sequence_number
            for row in self._rows_of(run, event, now, replayed):
                rows += run.engine.feed(row, replayed)
            if not replayed:
                is_news = True
                position = Position(event.offset, event.sequence_number, event.enqueued_ms)
                run.progress.done[event.partition] = position
        return rows, is_news

    def _rows_of(self, run: _Run, event: StoredEvent, now: int, replayed: bool) -> list[Row]:
        try:
            return rows_of(event, now)
        except InputError as exc:
            if not replayed:
                run.faults.report(INPUT, f"{exc} (partition {event.partition}, offset {event.offset})")
            return []

    def _is_done_with_all(self, run: _Run) -> bool:
        """Say whether the hub keeps events for windows that have closed without a row, to let them go."""
        needed = self._needed(run)
        return needed != run.needed and all(offset == run.progress.done[p].offset for p, offset in needed.items())

    def _needed(self, run: _Run) -> dict[int, str]:
        return {p: position.replay_from(run.engine.needed_after) for p, position in run.progress.done.items()}

    def _commit(self, run: _Run, rows: Sequence[OutputRow]) -> None:
        """Write rows, boards and checkpoint in one transaction. Raises `LeaseLost`.

        A command that fails inside the transaction undoes no other. What a board did not take is a fault that is
        counted; any other error is raised.
        """
        with self.redis.pipeline() as pipe:
            self.checkpoint.guard(pipe, run.progress)
            self.lease.guard(pipe)
            for row in rows:
                run.progress.counts[f"rows:{row.output}"] += 1
                for sink in self.sinks[row.output]:
                    sink.queue(pipe, row, run.faults)
            run.progress.commits += 1
            run.progress.watermark = run.engine.closed
            self.checkpoint.queue(pipe, run.progress)
            run.needed = self._needed(run)
            for partition, offset in run.needed.items():
                self.group.commit(pipe, partition, offset)
            replies = self.lease.commit(pipe, raise_on_error=False)
        for reply in replies:
            if isinstance(reply, redis.ResponseError) and isinstance(error_of(reply), PipelineError):
                run.faults.report(BOARD, str(reply))
            elif isinstance(reply, Exception):
                raise reply
            elif isinstance(reply, list) and reply[0] != Code.OK.encode():  # only a board answers with a list
                run.faults.report(BOARD, f"a score that a board did not take ({reply[0].decode()})")


def _read_query(path: Path) -> Plan:
    try:
        return plan(parse(path.read_text()))
    except OSError as exc:
        raise InvalidJob(path, f"can't be read: {exc}") from exc
    except QueryError as exc:
        raise InvalidJob(path, str(exc)) from exc


def _sinks(config: Config, client: redis.Redis, boards: Boards) -> dict[str, list[Sink]]:
    sinks: dict[str, list[Sink]] = {
        name: [StreamOutput(client, name, output.maxlen)] for name, output in config.outputs.items()
    }
    if config.boards and not boards.are_in(client):
        raise InvalidValue(
            "rows and scores are written in one transaction: not where boards are split, or on a cluster", "boards"
        )
    for table in config.boards:
        sinks[table.source].append(BoardOutput(boards, table.board, table.member, table.score, table.mode))
    return sinks
