"""Writes rows to places in Redis that a job's transaction can't reach: in other slots of a cluster, on other servers.

Those are boards that are split, or are not where the hubs are; on a cluster also streams, since readers of an output
know its name and not its job. An outbox hands the rows over. Each is written once, as the place itself knows how far it
has come: the transaction that writes there moves a mark, the offset in the outbox of the last row (`keys.taken`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from ....boards import Boards
from ....boards.board import Board
from ....boards.shard import Shard
from ....errors import InvalidValue
from ....store import OUTAGES, Pipeline, Redis, WatchError, transaction
from ....store.lease import LeaseLost
from ....store.offsets import ms_of, order
from ....store.refusals import refusal_of
from ...engine.engine import OutputRow
from ...operators.faults import Faults
from .. import keys
from .board import BoardOutput, Change, refusal
from .outbox import Batch, Outbox, Receiver, Unavailable, WaitingRow
from .stream import StreamOutput


class _Place(Receiver):
    """Rows for places that have hash tags."""

    def send(self, batch: Batch) -> str:
        try:
            self.write(batch)
        except OUTAGES as exc:
            why = refusal_of(exc)
            raise Unavailable(why.why, why.seconds) from exc
        return batch.mark

    def write(self, batch: Batch) -> None:
        raise NotImplementedError


class StreamReceiver(_Place):
    """Appends rows to a stream output."""

    most_rows = 500

    def __init__(self, output: StreamOutput) -> None:
        """Raises `InvalidValue` if the output's name has braces: its rows and its mark would be in different slots."""
        if {"{", "}"} & set(output.name):
            raise InvalidValue("a name with braces can't be that of an output on a Redis Cluster: rename it", "outputs")
        self.output = output

    def write(self, batch: Batch) -> None:
        def queue(pipe: Pipeline, rows: Sequence[WaitingRow]) -> None:
            self.output.append(pipe, [text for row in rows for text in (row.window_end or "", row.json.decode())])

        for reply in _write_once(self.output.redis, self.output.key, batch.source, batch.rows, queue):
            if isinstance(reply, Exception):
                raise reply


class BoardReceiver(_Place):
    """Makes the changes of a board, each shard's in one transaction. What it refuses is left out, and counted."""

    most_rows = 100  # each is a call of the script, and Redis does nothing else meanwhile

    def __init__(self, boards: Boards, board: str) -> None:
        self.boards = boards
        self.board = board

    def write(self, batch: Batch) -> None:
        client = cast("Redis", self.boards.client)
        for board, shard, rows in self._parts(batch.rows):

            def queue(pipe: Pipeline, rows: Sequence[WaitingRow], board: Board = board) -> None:
                for row in rows:
                    try:
                        board.queue_update(pipe, *_change(row))
                    except InvalidValue as exc:
                        batch.left_out.append(f"board {board.name}: {exc}")

            for reply in _write_once(client, shard.tag.strip("{}"), batch.source, rows, queue):
                if why := refusal(board, reply):
                    batch.left_out.append(f"board {board.name}{why}")

    def _parts(self, rows: Iterable[WaitingRow]) -> Iterable[tuple[Board, Shard, list[WaitingRow]]]:
        """Divide rows by the shard that is to have them. In `points@day` the day is that of the row's transaction."""
        found: dict[str, tuple[Board, Shard, list[WaitingRow]]] = {}
        for row in rows:
            board = self.boards.at(self.board, datetime.fromtimestamp(ms_of(row.offset) / 1000, UTC))
            shard = board.shards.of(_change(row).member)
            found.setdefault(shard.tag, (board, shard, []))[2].append(row)
        return found.values()


class BoardOutbox(Outbox):
    """An outbox for the changes of a board that is elsewhere: all outputs of the job that go to the board share it."""

    def __init__(self, client: Redis, job: str, output: BoardOutput) -> None:
        super().__init__(client, job, f"board {output.board}", BoardReceiver(output.boards, output.board))
        self.columns = output

    def queue(self, pipe: Pipeline, rows: Sequence[OutputRow], faults: Faults) -> None:
        values: list[str] = []
        self.columns.give(
            rows, faults, lambda *its: values.extend(self.entry(its[0], msgspec.json.encode(its[1]).decode()))
        )
        self.put(pipe, values)


def _change(row: WaitingRow) -> Change:
    return msgspec.json.decode(row.json, type=Change)


def _write_once(
    client: Redis,
    tag: str,
    source: str,
    rows: Sequence[WaitingRow],
    queue: Callable[[Pipeline, Sequence[WaitingRow]], None],
) -> list[Any]:
    """Put each row that the place with this hash tag does not have into one transaction; return the replies to `queue`.

    Raises `LeaseLost` if another worker does the same, or what Redis refuses with; then nothing was done.
    """
    mark = keys.taken(tag, source)
    with transaction(client, mark) as pipe:
        pipe.watch(mark)  # type: ignore[no-untyped-call]
        taken = order(cast("bytes", pipe.get(mark) or b"0").decode())
        if not (new := [row for row in rows if order(row.offset) > taken]):
            return []  # nor is the mark moved: the batch may be that of a worker which was paused since
        pipe.multi()
        queue(pipe, new)
        pipe.set(mark, new[-1].offset, px=keys.TAKEN_MS)
        try:
            return list(pipe.execute(raise_on_error=False))[:-1]
        except WatchError:
            raise LeaseLost(mark) from None
