"""job.toml: which hub the query's input is, and what its outputs are.

    [inputs.Input]                 a name after FROM in query.asaql
    hub = "events"

    [outputs.OutputWindow]         each name after INTO
    type = "stream"
    maxlen = 1_000_000             rows kept, about; this is the default

    [[boards]]                     any number
    from = "OutputWindow"          the output whose rows go to the board
    board = "actions"
    member = "actionname"          columns of the row
    score = "reward"
    mode = "add"                   or "set", or "max"

Names of inputs and outputs ignore case; an output is called as the query writes it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ..errors import PipelineError
from .plan import Plan

T = TypeVar("T")


class InvalidJob(PipelineError, ValueError):
    """A job's folder can't be used. The message starts with the file, and says which key."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class InputConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hub: str


class OutputConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["stream"]
    maxlen: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000


class BoardConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    source: str
    board: str
    member: str
    score: str
    mode: Literal["add", "set", "max"]


class Config(msgspec.Struct, frozen=True):
    """`outputs` is by the query's names. `boards` have an output each, by the same names."""

    input: InputConfig
    outputs: Mapping[str, OutputConfig]
    boards: tuple[BoardConfig, ...]


def read_config(path: Path, plan: Plan) -> Config:
    """Read job.toml and hold it against the query. Raises `InvalidJob`."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise InvalidJob(path, f"can't be read: {exc}") from exc
    return _Reader(path, document, plan).config()


class _Reader:
    def __init__(self, path: Path, document: Mapping[str, Any], plan: Plan) -> None:
        self.path = path
        self.document = document
        self.plan = plan

    def config(self) -> Config:
        if unknown := self.document.keys() - {"inputs", "outputs", "boards"}:
            raise InvalidJob(self.path, f"{min(unknown)} is unknown: there are inputs, outputs and boards")
        inputs = self._tables("inputs", InputConfig, (self.plan.input,), "FROM")
        outputs = self._tables("outputs", OutputConfig, self.plan.outputs, "INTO")
        return Config(inputs[self.plan.input], outputs, self._boards())

    def _tables(self, section: str, kind: type[T], names: tuple[str, ...], clause: str) -> dict[str, T]:
        """Return the section's tables by the query's names; each name needs one, and there may be no other."""
        tables = self._section(section, dict)
        by_name = {name.lower(): (name, table) for name, table in tables.items()}
        found = {}
        for name in names:
            if name.lower() not in by_name:
                raise InvalidJob(self.path, f"[{section}.{name}] is missing: the query has {clause} {name}")
            written, table = by_name.pop(name.lower())
            found[name] = self._convert(table, kind, f"[{section}.{written}]")
        for written, _ in by_name.values():
            raise InvalidJob(self.path, f"[{section}.{written}] is not in the query: it has {', '.join(names)}")
        return found

    def _boards(self) -> tuple[BoardConfig, ...]:
        names = {name.lower(): name for name in self.plan.outputs}
        boards = []
        for number, table in enumerate(self._section("boards", list), 1):
            place = f"[[boards]] {number}"
            board = self._convert(table, BoardConfig, place)
            if board.source.lower() not in names:
                raise InvalidJob(
                    self.path,
                    f"{place}: from = {board.source!r} is no output: the query has {', '.join(names.values())}",
                )
            boards.append(msgspec.structs.replace(board, source=names[board.source.lower()]))
        return tuple(boards)

    def _section(self, name: str, kind: type[T]) -> T:
        section = self.document.get(name, kind())
        if not isinstance(section, kind):
            raise InvalidJob(self.path, f"{name} is to be {'[[boards]]' if kind is list else f'[{name}.NAME]'} tables")
        return section

    def _convert(self, table: Any, kind: type[T], place: str) -> T:
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as exc:
            raise InvalidJob(self.path, f"{place}: {exc}") from exc
