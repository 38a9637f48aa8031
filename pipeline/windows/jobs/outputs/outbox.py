"""Rows on their way to outputs outside of the job's transactions: a hub, a file, a webhook, a place elsewhere in Redis.

Theory of operation. A task puts rows into the outbox, a stream, in the transaction that commits what it has done; so
each row is there once. From there one worker at a time, which holds a lease (delivery.py), hands them to the receiver
in batches.
Each batch is in one of two states, which is saved in a hash in Redis (`_State`):

    waiting     `to` is not set. The next batch is the oldest rows, as many as fit.
    under way   `to` is the offset of the batch's last row. The batch is what is in the stream up to there.

    waiting    --- begin: save `source`, `mark` and `to` -------------------------------->   under way
    under way  --- send, taken: trim the stream up to `to`, save the new `mark`, unset `to` -->   waiting
    under way  --- send fails, or the process dies ----------------------------------->   under way

A batch that is under way may have been taken already, if only the answer was lost. So it is sent again unchanged, with
the same rows, id and mark, and the receiver can tell it from a new one: the hub knows the last offset that it took of
this `source`, and so does a place elsewhere in Redis; the file's length differs from the `mark`; a webhook gets the id
as Idempotency-Key, and may use it.

Invariant.

    1. The rows of a batch that is under way don't change: offsets only rise, so no row is added before `to`, and only
       `taken` trims the stream. (If a person trims it by hand, the batch is the rows that are left, or the next ones.)
    2. The state is changed only if it still is what was read (`_commit`, a compare-and-set of all of `_State`), and
       only while the lease is held.
    3. So a worker that has lost its lease without knowing it can only send the batch that it had begun once more. The
       receiver has to deal with that: the hub drops the rows, the file receiver checks the lease while it has the file
       locked (`Batch.check`), a webhook sees an old id.

Change together: a field of the state, in `_State`, `deliver`, `note`, `delivery_status_of` and `keys.delivery`; what a
receiver may raise, in `Receiver.send` and `Delivery.step`; `MOST_WAITING`, which the task that fills the outbox
observes (`StageTask._read`).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from ....errors import PipelineError
from ....store import Pipeline, Redis, WatchError, transaction, while_full
from ....store.lease import Lease, LeaseLost
from ....store.offsets import following
from ....store.pace import RECEIVER_WAIT
from ....store.stream_entries import queue_entries
from ...engine.engine import OutputRow
from ...language.ticks import isoformat
from ...language.values import RowError
from ...operators.faults import ROW, Faults
from .. import keys
from .sink import Sink, encoded, row_id

logger = logging.getLogger(__name__)

#: The number of rows in an outbox at which the job stops reading its inputs, until the receiver has taken some.
MOST_WAITING = 100_000

#: The most bytes of rows in a batch. A larger row is a batch by itself.
MOST_BYTES = 1024 * 1024


class Unavailable(PipelineError):
    """The rows were not taken, but may be later. After a timeout they may have been taken without our knowing."""

    def __init__(self, message: str, wait: float = RECEIVER_WAIT) -> None:
        super().__init__(message)
        self.wait = wait  # the least number of seconds before the next try


class Refused(PipelineError):
    """The rows were refused, and would be again: the job, or the receiver, has to be changed."""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """`offset` is the row's place in the outbox, `id` its `row_id`, `json` its columns; `key` is for the receiver."""

    offset: str
    id: str
    window_end: str | None
    json: bytes
    key: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to be sent, in order. If a batch is sent again, it has the same rows.

    `source` is the outbox's random name, which no other outbox has, not even that of the same job after it was deleted
    and made again. `mark` is what the receiver returned after the last batch. `check` raises `LeaseLost` if another
    worker has taken over. `left_out` gets, for each row that the receiver leaves out for good, why.
    """

    source: str
    rows: Sequence[WaitingRow]
    mark: str
    check: Callable[[], None]
    left_out: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """An id that is the same when the batch is sent again, and that no other batch has."""
        return f"{self.source}-{self.rows[-1].offset}"


class Receiver(Protocol):
    """What takes the rows of an outbox."""

    most_rows: int  # in a batch

    def key(self, row: OutputRow) -> str | None:
        """Return the key that is kept with a row, None for none. Raises `RowError` for a row that can't be taken."""
        return None

    def begin(self) -> str:
        """Return the mark for the first batch; it is saved before anything is sent. Raises the errors of `send`."""
        return ""

    def send(self, batch: Batch) -> str:
        """Hand a batch over; return the new mark, that of the batch if the receiver itself knows what it has taken.

        Raises `Unavailable`, `Refused` or `LeaseLost`.
        """
        raise NotImplementedError


class DeliveryStatus(msgspec.Struct, frozen=True):
    """`waiting`, `delivered` and `left_out` are numbers of rows; the last are those that a board could not take.

    `error` is why delivery waits or has stopped, null if it works.
    """

    output: str
    waiting: int
    delivered: int
    stopped: bool
    error: str | None
    left_out: int = 0


class _State(NamedTuple):
    """Fields of `keys.delivery`, '' for those that are not set."""

    source: str
    mark: str
    to: str

    @classmethod
    def of(cls, stored: Iterable[bytes | None]) -> _State:
        return cls(*[(value or b"").decode() for value in stored])


class Outbox(Sink):
    """A sink that keeps rows, each with its `row_id`, until its receiver has taken them: see `Delivery`.

    Redis keys: `keys.outbox` and `keys.delivery`.
    """

    def __init__(self, client: Redis, job: str, output: str, receiver: Receiver) -> None:
        self.redis = client
        self.job = job
        self.output = output
        self.receiver = receiver
        self.key = keys.outbox(job, output)
        self.state_key = keys.delivery(job, output)
        self._limit = min(100, receiver.most_rows)

    def queue(self, pipe: Pipeline, rows: Sequence[OutputRow], faults: Faults) -> None:
        values: list[str] = []
        for row in rows:
            try:
                key = self.receiver.key(row)
            except RowError as exc:
                faults.report(ROW, f"a row for {self.output} is left out: {exc}", row)
                continue
            if (json := encoded(row, faults)) is not None:
                values += self.entry(row, json, key or "")
        self.put(pipe, values)

    def entry(self, row: OutputRow, json: str, key: str = "") -> tuple[str, ...]:
        """Return the values of a row's entry."""
        return row_id(self.job, row), isoformat(row.time) if row.windowed else "", json, key

    def put(self, pipe: Pipeline, values: Sequence[str]) -> None:
        """Put entries, of the values of `entry`, into the task's transaction."""
        if values:
            queue_entries(pipe, self.key, ("i", "e", "r", "k"), values)

    def deliver(self, lease: Lease) -> int:
        """Send the next batch while `lease` is held; return how many rows were taken, 0 if none wait.

        Raises the receiver's errors, `Unavailable` or `Refused`, and `LeaseLost`.
        """
        state, rows = self._read()
        if not rows:
            return 0
        mark = state.mark or self.receiver.begin()
        begun = _State(state.source or secrets.token_hex(8), mark, rows[-1].offset)

        def begin(pipe: Pipeline) -> None:
            pipe.hset(self.state_key, mapping={"source": begun.source, "mark": mark, "to": begun.to})

        if begun != state:
            self._commit(lease, state, begin)
        batch = Batch(begun.source, rows, mark, lambda: self._check(lease))
        new_mark = self.receiver.send(batch)

        def taken(pipe: Pipeline) -> None:
            pipe.xtrim(self.key, minid=following(begun.to), approximate=False)
            pipe.hset(self.state_key, "mark", new_mark)
            pipe.hdel(self.state_key, "to", "error", "stopped")
            pipe.hincrby(self.state_key, "delivered", len(rows) - len(batch.left_out))
            pipe.hincrby(self.state_key, "left_out", len(batch.left_out))

        self._commit(lease, begun, taken)
        for why in batch.left_out:
            logger.warning("job %s: %s left out a row: %s", self.job, self.output, why)
        return len(rows)

    def note(self, error: str | None, *, stopped: bool = False) -> None:
        """Save for the status why the rows wait or, with `stopped`, why delivery has stopped; None deletes both."""
        with transaction(self.redis, self.state_key) as pipe:
            pipe.hdel(self.state_key, "error", "stopped")
            if error is not None:
                pipe.hset(self.state_key, "error", error)
            if stopped:
                pipe.hset(self.state_key, "stopped", 1)
            while_full.execute(self.redis, pipe, self.state_key, {})

    def _read(self) -> tuple[_State, list[WaitingRow]]:
        """Return the state, and the rows of the batch that is under way, or else of the next batch."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self.state_key, _State._fields)
            pipe.xrange(self.key, count=self._limit)
            stored, entries = pipe.execute()
        state = _State.of(stored)
        if state.to and (begun := cast("list[Any]", self.redis.xrange(self.key, max=state.to))):
            return state, [_waiting(*entry) for entry in begun]
        rows = [_waiting(*entry) for entry in entries]
        sizes = list(accumulate(len(row.json) for row in rows))
        if rows:
            self._limit = max(1, min(self.receiver.most_rows, MOST_BYTES * len(rows) // max(sizes[-1], 1)))
        fitting = sum(size <= MOST_BYTES for size in sizes)
        return state, rows[: max(1, fitting)]

    def _commit(self, lease: Lease, state: _State, queue: Callable[[Pipeline], Any]) -> None:
        """Change the state, if it is still `state`. Raises `LeaseLost` if it is not, or if the lease is lost.

        The lease itself is not watched, because each renewal would make the transaction fail. A worker that takes the
        lease over between the check and the transaction can only have begun to send this same batch.
        """
        with transaction(self.redis, self.state_key) as pipe:
            pipe.watch(self.state_key)  # type: ignore[no-untyped-call]
            stored = cast("list[bytes | None]", pipe.hmget(self.state_key, _State._fields))
            if _State.of(stored) != state:
                raise LeaseLost(lease.key)
            self._check(lease)
            pipe.multi()
            queue(pipe)
            try:
                # Although memory is full: it has room again when the rows have gone.
                while_full.execute(self.redis, pipe, self.state_key, dict(zip(_State._fields, stored, strict=True)))
            except WatchError:
                raise LeaseLost(lease.key) from None

    def _check(self, lease: Lease) -> None:
        if self.redis.get(lease.key) != lease.owner.encode():
            raise LeaseLost(lease.key)


def queue_delivery_status(pipe: Pipeline, job: str, output: str) -> None:
    """Ask for the status of a job's output outside Redis."""
    pipe.xlen(keys.outbox(job, output))
    pipe.hmget(keys.delivery(job, output), "delivered", "error", "stopped", "left_out")


def delivery_status_of(output: str, replies: Iterator[Any]) -> DeliveryStatus:
    """Return what the replies to `queue_delivery_status` say."""
    waiting, (delivered, error, stopped, left_out) = next(replies), next(replies)
    text = None if error is None else error.decode()
    return DeliveryStatus(output, waiting, int(delivered or 0), stopped is not None, text, int(left_out or 0))


def _waiting(entry_id: bytes, fields: Mapping[bytes, bytes]) -> WaitingRow:
    return WaitingRow(
        entry_id.decode(),
        fields[b"i"].decode(),
        fields[b"e"].decode() or None,
        fields[b"r"],
        fields[b"k"].decode() or None,
    )
