"""Runs a job in this process over files, to their ends. Needs neither Redis nor a hub."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...hub.event import StoredEvent
from ...reference.text import InvalidReference
from ..engine.engine import Engine, Given, OutputRow
from ..jobs.definition import read_definition
from ..jobs.job_toml import FileInput, InvalidJob, JobConfig, ReferenceInput
from ..jobs.prepare import Prepared, prepare
from ..jobs.tables import FileTable
from ..language.ticks import END
from ..operators.faults import KINDS, Faults, Timed
from ..operators.reference import Table
from ..planning.columns import Unseen
from ..planning.nodes import Plan
from .files import EventFile
from .replay import Replay

#: How many events are read at once, and about how many rows are given at once.
PAGE = 2_000


@dataclass(frozen=True)
class LocalJob:
    """The job of a folder. `config` has the names as the query writes them."""

    folder: Path
    prepared: Prepared

    @property
    def plan(self) -> Plan:
        return self.prepared.plan

    @property
    def config(self) -> JobConfig:
        return self.prepared.config

    @classmethod
    def read(cls, folder: Path) -> LocalJob:
        """Read a job's folder. Raises `InvalidJob`."""
        return cls(folder, prepare(read_definition(folder), folder))

    def input_files(self, given: Mapping[str, Path]) -> dict[str, Path]:
        """Return the file of each input: the one in `given` for its name, or else the one in job.toml.

        Raises `InvalidJob` for an input that has neither.
        """
        files = {}
        for name in self.plan.inputs:
            table = self.config.inputs[name]
            if name in given:
                files[name] = given[name]
            elif isinstance(table, FileInput):
                files[name] = self.folder / table.file
            else:
                raise InvalidJob(
                    self.folder / "job.toml",
                    f"[inputs.{name}] is a hub, but this run reads files: add --input {name}=FILE",
                )
        return files

    def tables(self, given: Mapping[str, Path]) -> dict[str, Table]:
        """Return the reference data: from the files in `given`, or else from those in job.toml. Raises `InvalidJob`."""
        tables: dict[str, Table] = {}
        for name in self.plan.references:
            table = self.config.inputs[name]
            assert isinstance(table, ReferenceInput)
            file = given.get(name) or (table.reference.file and self.folder / table.reference.file)
            place = f"[inputs.{name}]"
            if not file:
                raise InvalidJob(
                    self.folder / "job.toml",
                    f"{place} is in Redis, but this run reads files: add --input {name}=FILE",
                )
            try:
                tables[name] = FileTable(file)
            except InvalidReference as exc:
                raise InvalidJob(self.folder / "job.toml", f"{place}: {exc}") from exc
        return tables


class FirstFaults(Faults):
    """Counts faults, and keeps the first message of each kind instead of logging it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        super().__init__("", self.counts)

    def report(self, kind: str, message: object, row: Timed | None = None, event: StoredEvent | None = None) -> None:
        self.counts[kind] += 1
        self.first.setdefault(kind, str(message))


@dataclass
class Summary:
    """What a run did. `rows` are the numbers of rows, by output."""

    events: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    faults: FirstFaults = field(default_factory=FirstFaults)

    @property
    def is_failed(self) -> bool:
        """Whether there is no row, and as many faults that leave something out as there are events."""
        left_out = sum(count for kind, count in self.faults.counts.items() if KINDS[kind].leaves_out)
        return not self.rows.total() and 0 < self.events <= left_out


Write = Callable[[OutputRow], None]


def run(
    job: LocalJob,
    files: Mapping[str, EventFile],
    tables: Mapping[str, Table],
    write: Write,
    progress: Callable[[], None] = lambda: None,
    unseen: Unseen | None = None,
) -> Summary:
    """Run the query over the files of its inputs, to their ends; then all windows are closed. `unseen` looks at them.

    The same files and query give the same rows in the same order each time: rows of windows by time, all others in the
    order of the file. Raises `InvalidFile`.
    """
    summary = Summary()
    engine = Engine(job.plan, summary.faults, tables)
    config = job.config
    replays = [
        Replay(job.plan, name, file, config.policies, summary.faults, config.events(name).read_body)
        for name, file in files.items()
    ]
    for replay in replays:
        replay.unseen = unseen

    def give(rows: Sequence[Given]) -> None:
        for row in rows:
            assert isinstance(row, OutputRow)  # one engine runs the whole plan
            summary.rows[row.output] += 1
            write(row)

    with _rare_collections():
        while engine.closed < END:
            behind = min(replays, key=lambda replay: replay.watermark)
            give(behind.feed(engine, PAGE))
            watermark = min(replay.watermark for replay in replays)
            while engine.closed < watermark:
                give(engine.advance(watermark, PAGE))
            progress()
    summary.events = sum(replay.events for replay in replays)
    return summary


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Make garbage collections rare: windows hold many small objects without cycles, and looking for cycles is slow."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
