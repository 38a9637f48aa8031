"""The two kinds of tasks: one for each partition of the inputs, and one that merges their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ...hub.consumer_group import least_offsets
from ...store import Pipeline
from ..engine.bodies import is_text
from ..engine.engine import ExchangeRow
from ..engine.input_rows import EventReader, InputRows
from ..operators.faults import Faults
from .exchange import MOST_ENTRIES, Exchange, ExchangeSource
from .keys import MERGE
from .opened import HubReader, OpenedJob
from .reports import place_of
from .sources import HubSource, TaskSource
from .state import Position, Progress
from .task import StageTask


class PartitionTask(StageTask):
    """The first stage, over one partition of each input."""

    def __init__(self, opened: OpenedJob, partition: int) -> None:
        super().__init__(opened, str(partition))
        self.partition = partition
        self.exchange = Exchange(opened.client, opened.name, partition) if opened.is_merged else None
        self._readers = [reader for reader in opened.readers if partition < reader.partitions]

    def _sources(self, faults: Faults) -> Sequence[TaskSource]:
        return [self._source(reader, faults) for reader in self._readers]

    def _source(self, reader: HubReader, faults: Faults) -> HubSource:
        plan = self.opened.plan
        rows = InputRows(plan.streams, reader.input, self.opened.policies, faults, is_text=is_text(reader.read))
        events = EventReader(plan.names, reader.read, keeps_events=plan.reads_metadata)
        return HubSource(reader.source(self.partition), reader.group.hub, self.partition, rows, events, faults)

    def _nodes(self) -> frozenset[int]:
        return self.opened.stages[0]

    def _buffers(self) -> Mapping[str, int]:
        if self.exchange is None:
            return super()._buffers()
        return {**super()._buffers(), self.exchange.key: MOST_ENTRIES}

    def _queue_given(self, pipe: Pipeline, rows: Sequence[ExchangeRow], closed: int) -> None:
        if self.exchange is not None:
            self.exchange.queue(pipe, rows, closed)

    @contextmanager
    def _releasing(self, offsets: Mapping[str, str]) -> Iterator[None]:
        """Let the hubs drop the events that no restart will read, after the transaction that is made in the block.

        A job that has begun anew meanwhile may need them: then it has changed the offsets that are read before.
        """
        found = ((reader.group, self.partition, offsets[reader.source(self.partition)]) for reader in self._readers)
        least = least_offsets(found)
        before = [group.stored_offset(partition) for group, partition, _ in least]
        yield
        for was, (group, partition, offset) in zip(before, least, strict=True):
            group.move(partition, was, offset)

    def _note_progress(self, closed: int, progress: Progress) -> None:
        if self.exchange is not None:
            self.exchange.publish(self.checkpoint.key, progress.commits, closed)

    def _next_numbers(self, progress: Progress) -> Mapping[str, int]:
        numbers: dict[str, int] = {}
        for reader in self._readers:
            place = place_of(reader.group.hub.name, self.partition)
            number = progress.done.get(reader.source(self.partition), Position()).sequence_number + 1
            numbers[place] = min(number, numbers.get(place, number))
        return numbers


class MergingTask(StageTask):
    """The second stage, over the rows that the tasks of all partitions give."""

    def __init__(self, opened: OpenedJob) -> None:
        super().__init__(opened, MERGE)
        self.exchanges = [Exchange(opened.client, opened.name, partition) for partition in range(opened.partitions)]

    def _sources(self, faults: Faults) -> Sequence[TaskSource]:
        return [ExchangeSource(exchange, faults) for exchange in self.exchanges]

    def _nodes(self) -> frozenset[int]:
        return self.opened.stages[1]

    def _queue_done(self, pipe: Pipeline, offsets: Mapping[str, str]) -> None:
        for exchange in self.exchanges:
            exchange.queue_trim(pipe, offsets[str(exchange.partition)])
