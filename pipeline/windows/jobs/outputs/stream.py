"""Writes rows to a Redis Stream, which can be read in pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from typing import cast

import msgspec

from ....errors import InvalidValue, PipelineError
from ....hub.paging import wait_for_entry
from ....store import Pipeline, Redis, while_full
from ....store.offsets import OFFSET
from ....store.scripts import OPENING
from ....store.stream_entries import queue_entries
from ...engine.engine import OutputRow
from ...language.ticks import isoformat
from ...operators.faults import Faults
from .. import keys
from .sink import Sink, encoded

# KEYS[1] the outputs; ARGV[1] the job that will write them, ARGV[2..] their names. Returns nothing, or the name of an
# output that another job writes, and that job; in this case nothing is changed.
_DECLARE = (
    OPENING
    + """
for i = 2, #ARGV do
  local job = redis.call('HGET', KEYS[1], ARGV[i])
  if job and job ~= '' and job ~= ARGV[1] then return {ARGV[i], job} end
end
for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
"""
)

# KEYS[1] the outputs; ARGV[1] an output. Deletes it, if no job writes it.
_DELETE = """
if redis.call('HGET', KEYS[1], ARGV[1]) == '' then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""


class UnknownOutput(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no output {name!r}: a job's query names its outputs (INTO), and they exist once the job is made"
        )
        self.name = name


class OutputTaken(PipelineError):
    """Two jobs would write to one output."""

    field = "outputs"


class OutputInUse(PipelineError):
    """The output can't be deleted, because a job writes to it."""


class StoredRow(msgspec.Struct, frozen=True):
    """A row in a stream output. Pass `id` as `after` to read on; `window_end` is None if no window made the row."""

    id: str
    window_end: str | None
    row: msgspec.Raw


class OutputSummary(msgspec.Struct, frozen=True):
    """`job` is the job that writes the output, null if it was deleted.

    `rows` is the number of rows that are kept; `last_id` is the id of the newest, null without rows.
    """

    name: str
    job: str | None
    rows: int
    last_id: str | None


class StreamOutput(Sink):
    """Rows in the order in which they were written. About `maxlen` are kept; the oldest are dropped.

    Redis keys: `keys.output` and `keys.OUTPUTS`.
    """

    def __init__(self, client: Redis, name: str, maxlen: int = 1_000_000) -> None:
        self.redis = client
        self.name = name
        self.key = keys.output(name)
        self.maxlen = maxlen

    def delete(self) -> None:
        """Delete the output with its rows. Raises `UnknownOutput`, or `OutputInUse` while a job writes to it."""
        job = cast("bytes | None", self.redis.hget(keys.OUTPUTS, self.name))
        if job is None:
            raise UnknownOutput(self.name)
        if job:
            raise OutputInUse(f"the job {job.decode()!r} writes to the output {self.name!r}: delete the job first")
        self.redis.unlink(self.key)  # in another slot of a cluster; first, so that none are left if this process dies
        self.redis.eval(_DELETE, 1, keys.OUTPUTS, self.name)

    def queue(self, pipe: Pipeline, rows: Sequence[OutputRow], faults: Faults) -> None:
        values: list[str] = []
        for row in rows:
            if (json := encoded(row, faults)) is not None:
                values += (isoformat(row.time) if row.windowed else "", json)
        self.append(pipe, values)

    def append(self, pipe: Pipeline, values: Sequence[str]) -> None:
        """Put rows into a transaction; `values` has of each the end of its window, or '', and its JSON."""
        if values:
            queue_entries(pipe, self.key, ("e", "r"), values, self.maxlen)

    def read(self, after: str = "0", limit: int = 100) -> list[StoredRow]:
        """Return up to `limit` rows whose id is greater than `after`, oldest first. Raises `UnknownOutput`."""
        if not re.fullmatch(OFFSET, after):
            raise InvalidValue(f"after must be the id of a row, such as 1714558500000-0, not {after!r}", "after")
        return self._rows(f"({after}", "+", limit)

    def newest(self, limit: int = 100, before: str | None = None) -> list[StoredRow]:
        """Return up to `limit` rows, newest first; with `before` those whose id is less. Raises `UnknownOutput`."""
        if before is not None and not re.fullmatch(OFFSET, before):
            raise InvalidValue(f"before must be the id of a row, such as 1714558500000-0, not {before!r}", "before")
        return self._rows("-", "+" if before is None else f"({before}", limit, is_newest_first=True)

    def latest(self) -> str:
        """Return the id of the newest row, '0' if there is none. Raises `UnknownOutput`."""
        newest = self.newest(1)
        return newest[0].id if newest else "0"

    def wait(self, after: str, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Wait up to `seconds` for a row after an id; return whether there is one. See `wait_for_entry`."""
        return wait_for_entry(self.redis, self.key, after, seconds, is_over)

    def _rows(self, begin: str, end: str, limit: int, *, is_newest_first: bool = False) -> list[StoredRow]:
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hexists(keys.OUTPUTS, self.name)
            if is_newest_first:
                pipe.xrevrange(self.key, end, begin, limit)
            else:
                pipe.xrange(self.key, begin, end, limit)
            is_known, entries = pipe.execute()
        if not is_known:
            raise UnknownOutput(self.name)
        return [
            StoredRow(id.decode(), fields[b"e"].decode() or None, msgspec.Raw(fields[b"r"])) for id, fields in entries
        ]


def list_outputs(client: Redis) -> list[OutputSummary]:
    """Return all outputs that are streams, by name."""
    owners = sorted(cast("dict[bytes, bytes]", client.hgetall(keys.OUTPUTS)).items())
    with client.pipeline(transaction=False) as pipe:
        for name, _ in owners:
            key = StreamOutput(client, name.decode()).key
            pipe.xlen(key)
            pipe.xrevrange(key, count=1)
        replies = iter(pipe.execute())
    return [
        OutputSummary(name.decode(), job.decode() or None, rows, newest[0][0].decode() if newest else None)
        for (name, job), rows, newest in zip(owners, replies, replies, strict=True)
    ]


def declare_outputs(client: Redis, job: str, names: Iterable[str]) -> None:
    """Record a job as the writer of these outputs, which may be new, or outputs of a deleted job.

    Raises `OutputTaken` if another job writes one of them; then none is changed.
    """
    taken = cast("list[bytes] | None", client.eval(_DECLARE, 1, keys.OUTPUTS, job, *names))
    if taken:
        name, owner = taken[0].decode(), taken[1].decode()
        raise OutputTaken(
            f"the output {name!r} is written by the job {owner!r}: rename it in the query, or delete that job"
        )


def release_outputs(client: Redis, job: str, keep: Container[str] = ()) -> None:
    """Record that a job does not write to its outputs any more, except those in `keep`. Their rows stay readable."""
    owners = cast("dict[bytes, bytes]", client.hgetall(keys.OUTPUTS))
    released = [name for name, owner in owners.items() if owner == job.encode() and name.decode() not in keep]
    if released:
        while_full.write(client, "HSET", keys.OUTPUTS, *(word for name in released for word in (name, "")))
