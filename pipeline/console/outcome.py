"""What a job makes of one event: in which windows it is, and in which rows of the job's outputs.

It runs the first part of the job's query over this event alone: the SELECTs before the first window, and the window.
The windows that an event is in, and its group, follow from the event, whatever other events do; so no more is told than
is known. What lies behind (a JOIN, LAG, a second window, reference data) needs other events, and is not followed. Then
it looks for the rows that the job has written for the same windows and groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..hub import StoredEvent
from ..hub.browse import backwards
from ..hub.log import Hub
from ..store import Redis
from ..windows.engine.bodies import is_text
from ..windows.engine.engine import Engine, ExchangeRow, OutputRow
from ..windows.engine.event_times import EARLY_TOLERANCE
from ..windows.engine.input_rows import EventReader, InputRows
from ..windows.jobs.definition import Definition
from ..windows.jobs.job_toml import (
    BoardConfig,
    FileConfig,
    HubConfig,
    HubInput,
    JobConfig,
    OutputConfig,
    StreamConfig,
    WebhookConfig,
)
from ..windows.jobs.outputs import StoredRow, StreamOutput, UnknownOutput
from ..windows.jobs.prepare import prepare
from ..windows.language.syntax import Session, Sliding
from ..windows.language.ticks import END, from_unix_ms, isoformat, to_unix_ms
from ..windows.language.values import lookup, to_json
from ..windows.operators.faults import Faults, Timed
from ..windows.planning import nodes
from ..windows.planning.lineage import key_columns
from ..windows.planning.nodes import Plan
from ..windows.row import Row

#: Events before this one that are read, since their times may change its own; records of its body, and windows of it,
#: that are followed; rows of an output that are looked at.
BEFORE, RECORDS, WINDOWS, ROWS = 1_000, 100, 500, 2_000

_SKEW_MS = 5_000  # between the clocks of two servers
_FOLLOWED = (nodes.Input, nodes.Metadata, nodes.Select, nodes.Union, nodes.Window, nodes.Output)
_PROCESSED = "eventprocessedutctime"


class BoardEntry(NamedTuple):
    """What a row did to a board. `score` is the row's value, as it was written."""

    board: str
    member: Any
    score: Any
    mode: str


@dataclass(frozen=True)
class InOutput:
    """A row of an output that the event is in. `row` is the one that the job has written; None if it is not found.

    A row that is made of the event alone is known before it is written: `made` has its columns. `keys` has, for each
    value of the group, the names of the output's columns that hold it; a row can be told from those of other groups
    only if none of them is empty. `to` says where rows go that can't be read back: `board live`; "" for a stream.
    """

    output: str
    made: Mapping[str, Any] | None = None
    keys: tuple[frozenset[str], ...] = ()
    row: StoredRow | None = None
    boards: tuple[BoardEntry, ...] = ()
    to: str = ""

    @property
    def is_told(self) -> bool:
        """Whether the row can be told from those of other groups, and so be looked for."""
        return all(self.keys)


@dataclass(frozen=True)
class Placed:
    """A window that the event is in, or with `window` None a row that is made of the event alone.

    `end` is the window's end, in ticks; of sliding windows the first one, and `last` the last. `end` is None for a
    session, which ends as later events come. `group` has the values of GROUP BY, in its order.
    """

    step: str
    window: nodes.Window | None
    end: int | None
    last: int | None
    group: tuple[Any, ...]
    outputs: tuple[InOutput, ...]


@dataclass
class Outcome:
    """`faults` are what the job finds wrong with the event, as kind and message. `times` are the event's times, in
    ticks, where the query gives it others than its arrival. `is_sure` is False if more events than `BEFORE` might have
    changed them. `placed` is by window's end. `is_cut`: there are more records or windows than are followed.
    """

    faults: list[tuple[str, str]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    is_sure: bool = True
    placed: list[Placed] = field(default_factory=list)
    is_cut: bool = False


class _Told(Faults):
    """Keeps what is found wrong, and logs nothing."""

    def __init__(self) -> None:
        super().__init__("", Counter())
        self.found: list[tuple[str, str]] = []

    def report(self, kind: str, message: object, row: Timed | None = None, event: StoredEvent | None = None) -> None:
        if not self.silent:
            self.found.append((kind, str(message)))


def outcome(name: str, definition: Definition, hub: Hub, stored: StoredEvent, client: Redis) -> Outcome:
    """Return what a job makes of an event of `hub`. Raises `InvalidJob`.

    Costs a few round trips for each output, and reads at most `ROWS` rows of it.
    """
    prepared = prepare(definition, Path(name))
    plan, config = prepared.plan, prepared.config
    faults, found = _Told(), Outcome()
    for input_name in plan.inputs:
        table = config.inputs[input_name]
        if isinstance(table, HubInput) and table.hub.lower() == hub.name:
            _of_input(found, plan, config, input_name, hub, stored, faults)
    found.faults = list(dict.fromkeys(faults.found))
    found.placed.sort(key=lambda one: (one.end is None, one.end or 0))
    found.placed = _with_rows(found.placed, config, stored, client)
    return found


# -- running the query over the event ----------------------------------------------------------------------------------


def _of_input(
    found: Outcome, plan: Plan, config: JobConfig, name: str, hub: Hub, stored: StoredEvent, faults: _Told
) -> None:
    read = config.events(name).read_body
    inputs = InputRows(plan.streams, name, config.policies, faults, is_text=is_text(read))
    reader = EventReader(plan.names, read, keeps_events=plan.reads_metadata)
    processed = from_unix_ms(stored.enqueued_ms)
    if any(stream.timestamp for stream in plan.streams if stream.input == name):
        faults.silent = True
        inputs.by_stream(reader.rows(_before(found, config, hub, stored), processed, faults))
        faults.silent = False
    rows = reader.rows([stored], processed, faults)
    found.is_cut |= len(rows) > RECORDS
    ours = _followed(plan)
    engine = Engine(plan, faults, nodes=ours)
    for stream, timed in inputs.by_stream(rows[:RECORDS]):
        if plan.streams[stream].timestamp is not None:
            found.times += [row.time for row in timed]
        for given in engine.feed(stream, timed):
            if isinstance(given, OutputRow):
                found.placed.append(_alone(given, plan.streams[stream].timestamp is not None))
    given_rows = [given for given in engine.advance(END, WINDOWS) if isinstance(given, ExchangeRow)]
    found.is_cut |= engine.closed < END
    for given in given_rows:
        node = plan.nodes[given.node]
        if isinstance(node, nodes.Window):
            found.placed.append(_in_window(plan, given.node, node, given.row))


def _before(found: Outcome, config: JobConfig, hub: Hub, stored: StoredEvent) -> list[StoredEvent]:
    """Return the events that may have put this one out of order: times are within the policies of their arrivals."""
    look = backwards(hub, stored.partition, stored.offset, BEFORE)
    events = look.events[::-1]
    if config.policies.late is not None:
        reach = (config.policies.late + EARLY_TOLERANCE + config.policies.out_of_order) // 10_000
        within = [one for one in events if one.enqueued_ms >= stored.enqueued_ms - reach]
        if len(within) < len(events):
            return within
    found.is_sure = found.is_sure and len(events) < BEFORE
    return events


def _followed(plan: Plan) -> frozenset[int]:
    """Return the nodes that depend on no other event: those up to the first windows."""
    simple: set[int] = set()
    windows: set[int] = set()
    for place, node in enumerate(plan.nodes):
        if isinstance(node, _FOLLOWED) and all(source in simple for source in node.sources):
            (windows if isinstance(node, nodes.Window) else simple).add(place)
    return frozenset(simple | windows)


def _alone(row: OutputRow, has_time: bool) -> Placed:
    time = row.time if has_time else None
    columns = msgspec.json.decode(to_json(row.columns))
    return Placed(row.output, None, time, time, (), (InOutput(row.output, made=columns),))


def _in_window(plan: Plan, place: int, node: nodes.Window, row: Row) -> Placed:
    end, last = row.time, row.time
    if isinstance(node.window, Sliding):
        last += node.window.duration - 1
    group = tuple(row.columns[: len(node.keys)])
    outputs = [InOutput(plan.nodes[output].step, keys=names) for output, names in key_columns(plan, place).items()]
    if isinstance(node.window, Session):
        return Placed(node.step, node, None, None, group, tuple(outputs))
    return Placed(node.step, node, end, last, group, tuple(outputs))


# -- looking for the rows that the job has written ---------------------------------------------------------------------

_Written = list[tuple[StoredRow, Mapping[str, Any]]]


def _with_rows(placed: Sequence[Placed], config: JobConfig, stored: StoredEvent, client: Redis) -> list[Placed]:
    begins: dict[str, int] = {}
    for one in placed:
        for output in one.outputs:
            if isinstance(config.outputs[output.output], StreamConfig) and output.is_told:
                begins[output.output] = min(
                    _written_from(one, stored), begins.get(output.output, stored.enqueued_ms * 2)
                )
    written = {name: _written(StreamOutput(client, name), first) for name, first in begins.items()}
    return [replace(one, outputs=tuple(_found(one, each, written, config) for each in one.outputs)) for one in placed]


def _written_from(one: Placed, stored: StoredEvent) -> int:
    """Return a time before which the row can't be written, ms since the Unix epoch.

    A window ends after its events came, and no event is more than `EARLY_TOLERANCE` before its time.
    """
    ends = stored.enqueued_ms if one.window is None or one.end is None else to_unix_ms(one.end - EARLY_TOLERANCE)
    return max(0, max(stored.enqueued_ms, ends) - _SKEW_MS)


def _written(output: StreamOutput, first_ms: int) -> _Written:
    after = str(first_ms)
    rows: _Written = []
    while len(rows) < ROWS:
        try:
            page = output.read(after, 500)
        except UnknownOutput:
            break
        rows += [(row, msgspec.json.decode(row.row)) for row in page]
        if len(page) < 500:
            break
        after = page[-1].id
    return rows


def _found(one: Placed, output: InOutput, written: Mapping[str, _Written], config: JobConfig) -> InOutput:
    its = written.get(output.output, [])
    row = next((row for row, columns in its if _is_it(one, output, row.window_end, columns)), None)
    columns = output.made if row is None else msgspec.json.decode(row.row)
    boards = () if columns is None else tuple(_boards(output.output, columns, config))
    return replace(output, row=row, boards=boards, to=_to(config.outputs[output.output]))


def _to(table: OutputConfig) -> str:
    match table:
        case StreamConfig():
            return ""
        case BoardConfig(board=name):
            return f"board {name}"
        case HubConfig(hub=name):
            return f"hub {name}"
        case FileConfig():
            return "a file"
        case WebhookConfig():
            return "a webhook"


def _is_it(one: Placed, output: InOutput, end: str | None, columns: Mapping[str, Any]) -> bool:
    if output.made is not None:
        return end is None and _lasting(columns) == _lasting(output.made)
    if one.end is None or one.last is None or end is None or not isoformat(one.end) <= end <= isoformat(one.last):
        return False
    wanted = msgspec.json.decode(to_json({"group": list(one.group)}))["group"]
    return output.is_told and all(
        any(lookup(columns, name) == value for name in names) for names, value in zip(output.keys, wanted, strict=True)
    )


def _lasting(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without what differs each time that its event is read."""
    return {name: value for name, value in columns.items() if name.lower() != _PROCESSED}


def _boards(output: str, columns: Mapping[str, Any], config: JobConfig) -> Iterator[BoardEntry]:
    its = [table for name, table in config.boards if name == output]
    if isinstance(table := config.outputs[output], BoardConfig):
        its.append(table)
    for table in its:
        yield BoardEntry(table.board, lookup(columns, table.member), lookup(columns, table.score), table.mode)
