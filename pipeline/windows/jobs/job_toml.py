"""job.toml: where the query's inputs come from, and where its outputs go.

    start = "last"                 or "now", or a UTC time: where a job begins if it has not run yet with this start
    snapshot = "30s"               how often the state is saved; later events are read again after a crash
    faults = "Faults"              an output, [outputs.Faults], that gets a row for each fault; none by default

    [time]                         for inputs with TIMESTAMP BY
    late_arrival = "5s"            up to 20d 23:59:59; -1 for no limit
    out_of_order = "0s"            up to 599s
    action = "adjust"              or "drop"

    [inputs.Input]                 a name after FROM or JOIN in query.asaql
    hub = "events"
    consumer_group = "windows"     the job's own, job:NAME, is the default
    partition_key = "eventid"      the column that has the partition key of each event, if there is one
    format = "json"                how bodies are written, or "csv", with delimiter = ",", ";", " ", "\\t" or "|"

    [inputs.Archive]
    file = "events.ndjson"         NDJSON, CSV or Parquet, beside job.toml; for `wz job run` and `wz job test`

    [inputs.Actions]
    reference = { name = "actions" }   or { file = "actions.csv" }, { hash = "reference:actions" }; needs no window

    [outputs.OutputWindow]         each name after INTO; its type is stream, board, hub, file or webhook
    type = "stream"
    maxlen = 1_000_000             about how many rows are kept; this is the default

    [functions]                    UDF.name in the query; a file functions/NAME.js is the same
    triple = "function main(x) { return 3 * x }"

    [[boards]]                     any number
    from = "OutputWindow"          the output whose rows also go to the board
    board = "actions"
    member = "actionname"          columns of the row
    score = "reward"
    mode = "add"                   or "set", "max", "min"

Names of inputs and outputs ignore case; elsewhere they are shown as the query writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ...errors import InvalidValue, PipelineError
from ...units import milliseconds
from ..engine.bodies import Delimiter, Format, ReadBody, read_body
from ..engine.event_times import TimePolicies
from ..language.ticks import TICKS_PER_SECOND, isoformat, parse
from ..language.tokens import At

T = TypeVar("T")

_MOST_LATE = 21 * 86_400 - 1  # seconds
_MOST_OUT_OF_ORDER = 599  # seconds

Action = Literal["adjust", "drop"]
Seconds = Annotated[str | int, msgspec.Meta(description="As `5s`, `15m`, `24h` or `7d`; a bare number is seconds")]

#: Values of `start`: where the job stopped, or else where the log begins; and where the log ends.
LAST, NOW = "last", "now"

# What is meant by a key that is left out. The defaults of [time] are those of `TimePolicies`, as job.toml writes them.
START = LAST
SNAPSHOT = "30s"
LATE_ARRIVAL = "5s"
OUT_OF_ORDER = "0s"
ACTION: Action = "adjust"
FIELD_COLUMN = "field"

#: What is done with a score (outputs/board.py).
Mode = Literal["add", "set", "max", "min"]

#: Where in a table something is wrong, as msgspec says it: the name of a key that is unknown or missing, and a path.
_INNER = re.compile(r"field `([^`]+)`|- at `\$\.([^`\[]+)")

_SECTIONS = ("start", "snapshot", "faults", "time", "inputs", "outputs", "functions", "boards")


class InvalidJob(PipelineError, ValueError):
    """A job can't be used as it is defined. The message starts with the file, and names the key.

    `field` is only the key, with dots, as in inputs.Input, or "query". `at` is the place in the query; None if the
    error is not in the query.
    """

    def __init__(self, path: Path, message: str, field: str | None = None, at: At | None = None) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.field = field
        self.at = at


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Events(_Table, frozen=True, kw_only=True):
    """`partition_key` is the column with the events' key, if known. `delimiter` is for CSV."""

    partition_key: str | None = None
    format: Format = "json"
    delimiter: Delimiter = ","

    @property
    def read_body(self) -> ReadBody:
        return read_body(self.format, self.delimiter)


class HubInput(Events, frozen=True):
    """`consumer_group` is None for the job's own."""

    hub: str
    consumer_group: str | None = None


class FileInput(Events, frozen=True):
    """A file beside job.toml, for runs over files. Its name tells its format; `format` is for bodies in an export."""

    file: str


class Reference(_Table, frozen=True, omit_defaults=True):
    """`name` is that of a table that was put to `/reference/{name}`, or `hash` a Redis hash, as `reference:devices`.

    Or `file` is a JSON or CSV file beside job.toml; over HTTP there are none. One of the three must be set.
    """

    name: str | None = None
    hash: str | None = None
    field_column: str = FIELD_COLUMN
    file: str | None = None


class ReferenceInput(_Table, frozen=True):
    reference: Reference


InputConfig = HubInput | FileInput | ReferenceInput

#: The types of inputs, by the key that each must have.
_INPUTS: Mapping[str, type[InputConfig]] = {"hub": HubInput, "file": FileInput, "reference": ReferenceInput}


class _Output(_Table, frozen=True, tag_field="type"):
    pass


class StreamConfig(_Output, frozen=True, tag="stream"):
    """`maxlen` is about how many rows are kept."""

    maxlen: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000


class BoardConfig(_Output, frozen=True, tag="board"):
    """`member` and `score` are columns of the row."""

    board: str
    member: str
    score: str
    mode: Mode


class HubConfig(_Output, frozen=True, tag="hub"):
    """`partition_key` is the column whose value becomes the partition key of the row's event."""

    hub: str
    partition_key: str | None = None


class FileConfig(_Output, frozen=True, tag="file"):
    """An NDJSON file in the folder of job.toml."""

    file: str


class WebhookConfig(_Output, frozen=True, tag="webhook"):
    url: str
    headers: Mapping[str, str] = {}


OutputConfig = StreamConfig | BoardConfig | HubConfig | FileConfig | WebhookConfig


class BoardTable(_Table, frozen=True, rename={"output": "from"}):
    """A score for a member, from two columns of each row of the output `from`."""

    output: str
    board: str
    member: str
    score: str
    mode: Mode


class Time(_Table, frozen=True):
    """What happens to events that TIMESTAMP BY says are late, or out of order."""

    late_arrival: Seconds = LATE_ARRIVAL
    out_of_order: Seconds = OUT_OF_ORDER
    action: Action = ACTION


class JobConfig(msgspec.Struct, frozen=True):
    """`start` is last, now or a UTC time. `boards` are those of [[boards]], each with the name of its output.

    `functions` are the sources of the query's own functions, by name. `faults` is the output that the job itself
    writes, and not its query: one more of `outputs`.
    """

    inputs: Mapping[str, InputConfig]
    outputs: Mapping[str, OutputConfig]
    boards: tuple[tuple[str, BoardConfig], ...] = ()
    functions: Mapping[str, str] = {}
    policies: TimePolicies = TimePolicies()
    start: str = START
    snapshot_seconds: float = milliseconds(SNAPSHOT) / 1000
    faults: str | None = None

    @property
    def references(self) -> frozenset[str]:
        """The names of the inputs that are reference data."""
        return frozenset(name for name, table in self.inputs.items() if isinstance(table, ReferenceInput))

    @property
    def partition_keys(self) -> Mapping[str, str | None]:
        """For each input the column with its events' partition key, None if unknown."""
        return {name: table.partition_key for name, table in self.inputs.items() if isinstance(table, Events)}

    def events(self, name: str) -> Events:
        """Return the settings of an input that is no reference data."""
        table = self.inputs[name]
        assert isinstance(table, Events)
        return table


def config_of(document: Mapping[str, Any], path: Path) -> JobConfig:
    """Return the settings of a parsed job.toml. `path` is for messages. Raises `InvalidJob`."""
    return _Reader(path, document).config()


def check_start(value: Any) -> str:
    """Return where a job is to begin: `LAST`, `NOW`, or a UTC time as `isoformat` writes it. Raises `InvalidValue`."""
    if value in (LAST, NOW):
        return str(value)
    try:
        if isinstance(value, datetime):  # TOML's own, without quotes
            if value.tzinfo is None:
                raise ValueError
            value = value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        return isoformat(parse(value))
    except (TypeError, ValueError):
        raise InvalidValue(
            f'start: {str(value)!r} is not "{LAST}", "{NOW}" or a UTC time such as 2024-05-01T11:00:00Z', "start"
        ) from None


class _Reader:
    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self.path = path
        self.document = document

    def config(self) -> JobConfig:
        if unknown := self.document.keys() - set(_SECTIONS):
            raise self._error(min(unknown), f"{min(unknown)} is unknown: there are {', '.join(_SECTIONS)}")
        inputs = self._section("inputs", dict)
        outputs = self._section("outputs", dict)
        return JobConfig(
            {name: self._input(name, table) for name, table in inputs.items()},
            {
                name: self._convert(table, OutputConfig, f"outputs.{name}")  # type: ignore[arg-type]
                for name, table in outputs.items()
            },
            tuple(self._boards()),
            self._convert(self._section("functions", dict), dict[str, str], "functions"),
            self._policies(),
            self._start(),
            self._seconds("snapshot", self.document.get("snapshot", SNAPSHOT), 86_400),
            self._faults(outputs),
        )

    def _faults(self, outputs: Mapping[str, Any]) -> str | None:
        """Return the name of the output of faults as its table has it."""
        name = self.document.get("faults")
        if name is None:
            return None
        if type(name) is not str:
            raise self._error("faults", f"faults = {name!r} must be the name of an output, as a text")
        written = next((each for each in outputs if each.lower() == name.lower()), None)
        if written is None or outputs[written].get("type") == "board":
            needed = f"[outputs.{name}] of the type stream, hub, file or webhook"
            raise self._error("faults", f"faults = {name!r} needs {needed}")
        return written

    def _input(self, name: str, table: Any) -> InputConfig:
        place = f"inputs.{name}"
        kinds = _INPUTS.keys() & (table.keys() if isinstance(table, dict) else ())
        if len(kinds) != 1:
            raise self._error(place, f"[{place}]: write one of hub, file and reference")
        made = self._convert(table, _INPUTS[kinds.pop()], place)
        if isinstance(made, ReferenceInput):
            its = made.reference
            if [its.name, its.file, its.hash].count(None) != 2:
                raise self._error(
                    place, f"[{place}]: a reference is {{ name = ... }}, {{ file = ... }} or {{ hash = ... }}"
                )
        if isinstance(made, HubInput) and made.format != "csv" and made.delimiter != ",":
            raise self._error(f"{place}.delimiter", f'[{place}]: a delimiter is for CSV: write format = "csv" as well')
        return made

    def _boards(self) -> list[tuple[str, BoardConfig]]:
        boards = []
        for number, table in enumerate(self._section("boards", list), 1):
            made = self._convert(table, BoardTable, "boards", f"[[boards]] {number}")
            boards.append((made.output, BoardConfig(made.board, made.member, made.score, made.mode)))
        return boards

    def _policies(self) -> TimePolicies:
        table = self._convert(self.document.get("time", {}), Time, "time")
        late = None
        if table.late_arrival not in (-1, "-1"):
            late = round(self._seconds("time.late_arrival", table.late_arrival, _MOST_LATE) * TICKS_PER_SECOND)
        out_of_order = self._seconds("time.out_of_order", table.out_of_order, _MOST_OUT_OF_ORDER)
        return TimePolicies(late, round(out_of_order * TICKS_PER_SECOND), table.action)

    def _seconds(self, place: str, value: Any, most: int) -> float:
        try:
            if type(value) not in (int, str):
                raise InvalidValue(f"{value!r} is not a time: write '90s', '15m', '24h' or '7d'", place)
            seconds = milliseconds(str(value)) / 1000
        except InvalidValue as exc:
            raise self._error(place, f"{place}: {exc}") from exc
        if seconds > most:
            raise self._error(place, f"{place}: {value!r} is more than {most} s")
        return seconds

    def _start(self) -> str:
        try:
            return check_start(self.document.get("start", START))
        except InvalidValue as exc:
            raise self._error("start", str(exc)) from None

    def _section(self, name: str, kind: type[T]) -> T:
        section = self.document.get(name, kind())
        if not isinstance(section, kind):
            raise self._error(
                name, f"{name} must be written as {'[[boards]]' if kind is list else f'[{name}.NAME]'} tables"
            )
        return section

    def _convert(self, table: Any, kind: type[T], field: str, place: str = "") -> T:
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as exc:
            inner = [key or path for key, path in _INNER.findall(str(exc))]  # the path comes last
            raise self._error(".".join([field, *reversed(inner)]), f"{place or f'[{field}]'}: {exc}") from exc

    def _error(self, field: str, message: str) -> InvalidJob:
        return InvalidJob(self.path, message, field)
