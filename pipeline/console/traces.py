"""Traces of requests in Redis: the newest so many, none for longer than an hour, each of at most so many bytes.

What is in a trace is for `handlers/traces.py` to say: here it is bytes. It has two parts, since the service and nginx
each know their own and say it at times of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, cast

from ..store import Redis
from ..store.scripts import Script, lua
from .keys import TRACE, TRACE_TTL, TRACES

#: Bytes of one trace's part of the service.
MAX_TRACE = 64 * 1024

#: Bytes of all of these. Most traces have some KiB, so WZ_TRACES of them have far less.
MAX_ALL = 16 * 1024 * 1024

#: Bytes of nginx's part.
MAX_LINE = 4 * 1024

_KEEP = Script(*lua(__package__, "keep"))
_ATTACH = Script(*lua(__package__, "attach"))


class Part(NamedTuple):
    """What the service says of a request, `summary` for lists; and nginx, if it has said it already."""

    id: str
    summary: bytes
    app: bytes
    nginx: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.summary) + len(self.app)


class Stored(NamedTuple):
    app: bytes
    nginx: bytes | None


def _id(entry: bytes) -> str:
    """Return the id of an entry of the list, which has the trace's bytes behind it."""
    return entry.decode().partition(" ")[0]


class Traces:
    """`most` is how many are kept."""

    def __init__(self, redis: Redis, most: int) -> None:
        self.redis = redis
        self.most = most

    def keep(self, parts: Sequence[Part]) -> None:
        """Store the service's parts of some traces, and delete the oldest beyond `most` and `MAX_ALL`.

        Two round trips, three with something to delete. Raises ValueError for one that is larger than `MAX_TRACE`, and
        what a command of Redis does.
        """
        calls = []
        for part in parts:
            if part.size > MAX_TRACE:
                raise ValueError(f"the trace {part.id} has {len(part.app):,} bytes")
            line = (part.nginx or b"")[:MAX_LINE]
            keys = [TRACE.named(ID=part.id), TRACES.pattern]
            calls.append((keys, [part.id, part.summary, part.app, line, TRACE_TTL]))
        _KEEP.call_all(self.redis, calls)  # a script, as redis-py takes 20 us for each command
        entries = cast("list[bytes]", self.redis.lrange(TRACES.pattern, 0, -1))
        if beyond := entries[self._fit(entries) :]:
            with self.redis.pipeline(transaction=False) as pipe:
                for entry in beyond:  # not LTRIM: another process may have pushed since
                    pipe.lrem(TRACES.pattern, -1, entry.decode())
                pipe.unlink(*(TRACE.named(ID=_id(entry)) for entry in beyond))
                pipe.execute()

    def _fit(self, entries: Sequence[bytes]) -> int:
        """Return how many of the newest may stay."""
        sizes = accumulate(int(entry.partition(b" ")[2]) for entry in entries[: self.most])
        return sum(size <= MAX_ALL for size in sizes)

    def attach(self, lines: Mapping[str, bytes]) -> set[str]:
        """Add nginx's part to the traces with these ids; return those that are not there (yet). One round trip."""
        calls = [([TRACE.named(ID=one)], ["nginx", line[:MAX_LINE]]) for one, line in lines.items()]
        done = _ATTACH.call_all(self.redis, calls)
        return {one for one, found in zip(lines, done, strict=True) if not found}

    def find(self, id: str) -> Stored | None:
        app, nginx = self._read([id], "app", "nginx")[0]
        return None if app is None else Stored(app, nginx)

    def summaries(self) -> list[tuple[bytes, bytes | None]]:
        """Return the summary and nginx's part of all, newest first. Two round trips."""
        ids = [_id(entry) for entry in cast("list[bytes]", self.redis.lrange(TRACES.pattern, 0, -1))]
        return [(summary, nginx) for summary, nginx in self._read(ids, "summary", "nginx") if summary is not None]

    def read(self, ids: Sequence[str]) -> list[Stored | None]:
        """Return the traces with these ids. One round trip."""
        return [None if app is None else Stored(app, nginx) for app, nginx in self._read(ids, "app", "nginx")]

    def _read(self, ids: Sequence[str], *fields: str) -> list[list[bytes | None]]:
        with self.redis.pipeline(transaction=False) as pipe:
            for one in ids:
                pipe.hmget(TRACE.named(ID=one), list(fields))
            return cast("list[list[bytes | None]]", pipe.execute())
