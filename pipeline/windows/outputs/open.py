"""The sinks that a job's configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import redis

from ...boards.boards import Boards
from ...errors import InvalidValue
from ...hub.registry import Hubs
from ..config import BoardConfig, Config, OutputConfig, StreamConfig
from .board import BoardOutput
from .sink import Sink
from .stream import StreamOutput


def open_outputs(
    job: str, config: Config, client: redis.Redis, hubs: Hubs, boards: Boards
) -> Mapping[str, Sequence[Sink]]:
    """Return the sinks of each output, and declare those that are to be known. Raises `InvalidValue`, `OutputTaken`."""
    sinks: dict[str, list[Sink]] = {}
    for name, table in config.outputs.items():
        sinks[name] = [_sink(job, name, table, client, hubs, boards)]
    for name, board in config.boards:
        sinks[name].append(_board("[[boards]]", board, boards))
    return sinks


def _sink(job: str, name: str, table: OutputConfig, client: redis.Redis, hubs: Hubs, boards: Boards) -> Sink:
    if isinstance(table, StreamConfig):
        stream = StreamOutput(client, name, table.maxlen)
        stream.declare(job)
        return stream
    if isinstance(table, BoardConfig):
        return _board(f"[outputs.{name}]", table, boards)
    raise InvalidValue(f"[outputs.{name}]: this type can't be written by a worker yet", "type")


def _board(place: str, table: BoardConfig, boards: Boards) -> BoardOutput:
    try:
        return BoardOutput(boards, table.board, table.member, table.score, table.mode)
    except InvalidValue as exc:
        raise InvalidValue(f"{place}: {exc}", exc.field) from exc
