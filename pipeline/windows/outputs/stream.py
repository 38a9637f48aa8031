"""Rows in a Redis Stream, that is read as pages."""

from __future__ import annotations

import re
from typing import cast

import msgspec
import redis
from redis.client import Pipeline

from ...errors import InvalidValue, PipelineError
from ..clock import isoformat
from ..engine import OutputRow
from ..faults import ROW, Faults
from ..values import to_json

#: Hash; the name of each stream output -> the job that writes it.
OUTPUTS = "outputs"

_ENTRY_ID = re.compile(r"\d{1,19}(-\d{1,19})?", re.ASCII)


class UnknownOutput(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no output {name!r}; a job's query.asaql names them (INTO), and its worker makes them"
        )
        self.name = name


class OutputTaken(PipelineError):
    """Two jobs would write to one output."""


class Entry(msgspec.Struct, frozen=True):
    """A row in a stream output. `id` is what to pass as `after`; `window_end` is None if no window made the row."""

    id: str
    window_end: str | None
    row: msgspec.Raw


class StreamOutput:
    """Rows in the order in which they were written; the oldest are dropped beyond about `maxlen`.

    Redis keys:
        output:NAME  stream; an entry has e (window end, UTC time; '' for none) and r (the row, JSON)
        outputs      hash; see OUTPUTS
    """

    def __init__(self, client: redis.Redis, name: str, maxlen: int = 1_000_000) -> None:
        self.redis = client
        self.name = name
        self.key = f"output:{name}"
        self.maxlen = maxlen

    def declare(self, job: str) -> None:
        """Make the output known, empty as it may be. Raises `OutputTaken` if it is another job's."""
        self.redis.hsetnx(OUTPUTS, self.name, job)
        owner = cast("bytes", self.redis.hget(OUTPUTS, self.name)).decode()
        if owner != job:
            raise OutputTaken(
                f"the output {self.name!r} is written by the job {owner!r}: rename it in the query, or, if that job "
                f"is gone, HDEL {OUTPUTS} {self.name}"
            )

    def queue(self, pipe: Pipeline, row: OutputRow, faults: Faults) -> None:
        try:
            encoded = to_json(row.columns)
        except RecursionError:
            faults.report(ROW, f"a row for {self.name} is nested too deep to be written")
            return
        end = isoformat(row.time) if row.windowed else ""
        pipe.xadd(self.key, {"e": end, "r": encoded}, maxlen=self.maxlen, approximate=True)

    def read(self, after: str = "0", limit: int = 100) -> list[Entry]:
        """Return up to `limit` rows whose id is greater than `after`, oldest first. Raises `UnknownOutput`."""
        if not _ENTRY_ID.fullmatch(after):
            raise InvalidValue(f"after must be an entry's id, such as 1714558500000-0, not {after!r}", "after")
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hexists(OUTPUTS, self.name)
            pipe.xrange(self.key, min=f"({after}", count=limit)
            is_known, entries = pipe.execute()
        if not is_known:
            raise UnknownOutput(self.name)
        return [
            Entry(entry_id.decode(), fields[b"e"].decode() or None, msgspec.Raw(fields[b"r"]))
            for entry_id, fields in entries
        ]
