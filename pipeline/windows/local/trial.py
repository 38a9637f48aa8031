"""Runs a definition over the last events of its hubs, before it is put: no output, no state and no place is touched."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...hub import browse
from ...hub.log import Hub
from ...hub.namespace import UnknownHub
from ...store import Redis
from ..engine.bodies import is_text
from ..engine.engine import Engine, Given, OutputRow
from ..engine.input_rows import EventReader, InputRows
from ..jobs.definition import Definition
from ..jobs.job_toml import HubInput
from ..jobs.opening import hub_reader, reference_tables
from ..jobs.prepare import Prepared, prepare
from ..jobs.registry import JobRegistry
from ..language.ticks import from_unix_ms
from ..language.warned import Warned
from ..operators.operator import Waiting
from ..planning.columns import Unseen
from ..row import Row
from .run import FirstFaults

#: Events of each hub, at most.
EVENTS = 1_000

#: Rows of an output that are kept, the last ones.
KEPT = 20

#: A trial ends after so many rows, or so many seconds.
MOST_ROWS = 100_000
SECONDS = 5.0

_PAGE = 500


@dataclass
class Trial:
    """What a trial gave. `rows` are the numbers of rows by output, `last` the last of each.

    `waiting` is what would wait for the ends of windows, by step. `is_cut`: it gave too many rows, or took too long.
    `warnings` are about the query and these events.
    """

    events: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    last: defaultdict[str, deque[OutputRow]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=KEPT)))
    faults: FirstFaults = field(default_factory=FirstFaults)
    waiting: Mapping[str, Sequence[Waiting]] = field(default_factory=dict)
    is_cut: bool = False
    warnings: Sequence[Warned] = ()


def try_out(name: str, definition: Definition, registry: JobRegistry) -> tuple[Prepared, Trial]:
    """Run a definition over the last events of its hubs, as if they were all that there are.

    The first windows lack what came before these events. Costs at most `SECONDS`, or one step of the engine. Raises
    `InvalidJob`.
    """
    registry.check_references(name, definition)
    prepared = prepare(definition, Path(name))
    trial = Trial()
    run = _Run(name, prepared, registry, trial)
    for given in run.steps():
        for row in given:
            assert isinstance(row, OutputRow)  # one engine runs the whole plan
            trial.rows[row.output] += 1
            trial.last[row.output].append(row)
        if trial.rows.total() > MOST_ROWS or time.monotonic() > run.deadline:
            trial.is_cut = True
            break
    trial.waiting = run.engine.waiting()
    trial.warnings = prepared.warnings(run.unseen)
    return prepared, trial


def sampled_warnings(prepared: Prepared, registry: JobRegistry) -> list[Warned]:
    """Return what a query may not mean, also in the light of the last events of its hubs, as far as there are any."""
    unseen = Unseen(prepared.plan)
    for name in prepared.plan.inputs:
        table = prepared.config.inputs[name]
        if isinstance(table, HubInput):
            with suppress(UnknownHub):
                events = browse.search_all(registry.hubs[table.hub], EVENTS, browse.ANY).events
                unseen.look(name, EventReader(prepared.plan.names).rows(events, 0, FirstFaults()))
    return prepared.warnings(unseen)


class _Run:
    def __init__(self, name: str, prepared: Prepared, registry: JobRegistry, trial: Trial) -> None:
        path = Path(name) / "job.toml"
        client: Redis = registry.redis
        self.plan, self.config, self.trial = prepared.plan, prepared.config, trial
        self.hubs: dict[str, Hub] = {
            each: hub_reader(name, each, self.config, registry.hubs, path).group.hub for each in self.plan.inputs
        }
        tables = reference_tables(self.config, client, None, path)
        self.unseen = Unseen(self.plan)
        self.engine = Engine(self.plan, trial.faults, tables)
        self.deadline = time.monotonic() + SECONDS

    def steps(self) -> Iterator[list[Given]]:
        """Yield what each step of the trial gives."""
        sources: dict[tuple[str, int], InputRows] = {}
        now = 0
        for name, hub in self.hubs.items():
            now = max(now, from_unix_ms(hub.clock_ms()))
            events = browse.search_all(hub, EVENTS, browse.ANY).events[::-1]
            self.trial.events += len(events)
            read = self.config.events(name).read_body
            reader = EventReader(self.plan.names, read, keeps_events=self.plan.reads_metadata)
            for partition in range(hub.partitions):
                rows = sources[name, partition] = InputRows(
                    self.plan.streams, name, self.config.policies, self.trial.faults, is_text=is_text(read)
                )
                its_rows = reader.rows([each for each in events if each.partition == partition], now, self.trial.faults)
                self.unseen.look(name, its_rows)
                yield from self._feed(rows, its_rows)
        for rows in sources.values():
            rows.idle(now)
        watermark = min(rows.watermark for rows in sources.values())
        while self.engine.closed < watermark:
            yield self.engine.advance(watermark, _PAGE)

    def _feed(self, source: InputRows, rows: Sequence[Row]) -> Iterator[list[Given]]:
        for stream, taken in source.by_stream(rows, self.engine.closed):
            yield self.engine.feed(stream, taken)
