"""Makes the sinks that a job's settings ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....boards import Boards
from ....errors import InvalidValue
from ....hub.namespace import Hubs, UnknownHub
from ....store import Redis, RedisCluster
from ..job_toml import (
    BoardConfig,
    FileConfig,
    HubConfig,
    HubInput,
    JobConfig,
    OutputConfig,
    StreamConfig,
    WebhookConfig,
)
from .board import BoardOutput
from .elsewhere import BoardOutbox, StreamReceiver
from .file import FileReceiver
from .hub import HubReceiver
from .outbox import Outbox, Receiver
from .sink import Sink
from .stream import StreamOutput, declare_outputs
from .webhook import WebhookReceiver


def open_outputs(
    job: str, config: JobConfig, hubs: Hubs, boards: Boards, folder: Path | None = None
) -> Mapping[str, Sequence[Sink]]:
    """Return the sinks of each output, and declare those that are streams. Raises `InvalidValue` or `OutputTaken`.

    Files are in `folder`; without a folder, the job may not write files.
    """
    opening = _Opening(job, config, hubs.redis, hubs, boards, folder)
    sinks: dict[str, list[Sink]] = {name: [opening.sink(name, table)] for name, table in config.outputs.items()}
    for name, board in config.boards:
        sinks[name].append(opening.board("[[boards]]", board))
    streams = [name for name, table in config.outputs.items() if isinstance(table, StreamConfig)]
    declare_outputs(hubs.redis, job, streams)  # last, when nothing else is wrong with the job
    return sinks


@dataclass(frozen=True)
class _Opening:
    job: str
    config: JobConfig
    client: Redis
    hubs: Hubs
    boards: Boards
    folder: Path | None

    def sink(self, name: str, table: OutputConfig) -> Sink:
        place = f"[outputs.{name}]"
        if isinstance(table, BoardConfig):
            return self.board(place, table)
        if isinstance(table, StreamConfig) and not isinstance(self.client, RedisCluster):
            return StreamOutput(self.client, name, table.maxlen)
        try:
            return Outbox(self.client, self.job, name, self._receiver(name, table))
        except (InvalidValue, UnknownHub) as exc:
            raise InvalidValue(f"{place}: {exc}", f"outputs.{name}") from exc

    def board(self, place: str, table: BoardConfig) -> Sink:
        try:
            output = BoardOutput(self.boards, table.board, table.member, table.score, table.mode)
            return output if self.boards.are_in(self.client) else BoardOutbox(self.client, self.job, output)
        except InvalidValue as exc:
            raise InvalidValue(f"{place}: {exc}", exc.field or place.strip("[]")) from exc

    def _receiver(self, name: str, table: StreamConfig | HubConfig | FileConfig | WebhookConfig) -> Receiver:
        match table:
            case StreamConfig():
                return StreamReceiver(StreamOutput(self.client, name, table.maxlen))
            case HubConfig():
                inputs = [input_ for input_ in self.config.inputs.values() if isinstance(input_, HubInput)]
                if any(input_.hub.lower() == table.hub.lower() for input_ in inputs):
                    raise InvalidValue(
                        f"the job reads {table.hub!r}, and would read its own rows again and again", "hub"
                    )
                return HubReceiver(self.hubs, table.hub, table.partition_key)
            case FileConfig():
                return FileReceiver(self._path(name, table))
        return WebhookReceiver(table.url, table.headers)

    def _path(self, name: str, table: FileConfig) -> Path:
        if self.folder is None:
            raise InvalidValue("a job made over HTTP can't write a file, only a job that is a folder can", "type")
        path = (self.folder / table.file).resolve()
        others = [(other, its) for other, its in self.config.outputs.items() if isinstance(its, FileConfig)]
        for other, its in others:
            if other != name and (self.folder / its.file).resolve() == path:
                raise InvalidValue(f"{other} is written to the same file", "file")
        if not path.parent.is_dir():
            raise InvalidValue(f"there is no folder {path.parent}", "file")
        return path
