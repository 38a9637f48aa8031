"""Tables and their versions in Redis."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Any, cast

import msgspec

from ..errors import InvalidValue, PipelineError
from ..names import check_name
from ..store import Pipeline, Redis
from ..store.clock import reply_ms
from ..store.scripts import Script, lua
from . import keys

#: Milliseconds from a PUT until its version is valid, so that readers know each version before they need it.
LEAD_MS = 5_000

#: The most versions of a table. The oldest goes when another is put, unless it is still valid.
VERSIONS = 10

_PUT = Script(*lua(__package__, "put"))

#: What `expected` may have beside revisions: the table must exist, or must not.
ANY, NONE = "*", ""


class UnknownReference(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no reference data {name!r}; `wz reference list` shows which there is")


class ReferenceChanged(PipelineError):
    """The table is not of the revision that the writer has read."""


class Version(msgspec.Struct, frozen=True):
    """Times are ms since the Unix epoch; `valid_from` is None if it holds for all times before the next version, too.

    `rows` is their number, `size` their bytes as JSON.
    """

    id: str
    valid_from: int | None
    put: int
    rows: int
    size: int

    @property
    def start(self) -> float:
        """`valid_from`, as a number in any case."""
        return -float("inf") if self.valid_from is None else self.valid_from


class Table(msgspec.Struct, frozen=True):
    """`versions` are in the order of their times. `revision` changes with each PUT."""

    name: str
    revision: str
    versions: Sequence[Version]

    def version_at(self, ms: int) -> Version | None:
        """Return the version that is valid at a time; None before the first."""
        return next((version for version in reversed(self.versions) if version.start <= ms), None)


class References:
    """All tables, by their names. A version never changes: it is there as a whole, or not at all.

    Redis keys: all in keys.py.
    """

    def __init__(self, client: Redis) -> None:
        self.redis = client

    def all(self) -> list[Table]:
        """Return all tables, by name."""
        found = cast("dict[bytes, bytes]", self.redis.hgetall(keys.TABLES))
        return [msgspec.json.decode(data, type=Table) for _, data in sorted(found.items())]

    def find(self, name: str) -> tuple[Table | None, int]:
        """Return a table, None if there is none, and Redis's time before, in ms. One round trip."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hget(keys.TABLES, name)
            time, data = pipe.execute()
        return _table(data), reply_ms(time)

    def get(self, name: str) -> tuple[Table, int]:
        """Return a table, and Redis's time in ms. Raises `UnknownReference`."""
        table, now = self.find(name)
        if table is None:
            raise UnknownReference(name)
        return table, now

    def rows(self, version: str) -> list[dict[str, Any]] | None:
        """Return the rows of a version, by its id; None if it is gone."""
        data = cast("bytes | None", self.redis.get(keys.version(version)))
        return None if data is None else cast("list[dict[str, Any]]", msgspec.json.decode(data))

    def put(
        self,
        name: str,
        rows: Sequence[Mapping[str, Any]],
        valid_from: int | None = None,
        expected: Collection[str] | None = None,
    ) -> tuple[Table, bool]:
        """Add a version; return the table, and whether it is new. Readers see all of it at once, or none.

        `valid_from` is in ms, at least `LEAD_MS` from now unless the table is new; None: in `LEAD_MS`, or for all times
        if the table is new. A version of the same time is replaced. `expected` are revisions that the table may have,
        `ANY` or `NONE`. Raises `InvalidValue` or `ReferenceChanged`.
        """
        check_name(name)
        data = msgspec.json.encode(rows)

        while True:
            was = cast("bytes | None", self.redis.hget(keys.TABLES, name))
            found = _expected(name, was, expected)
            old = () if found is None else found.versions
            made = secrets.token_hex(8)
            pieces = (
                msgspec.json.encode(Table(name, secrets.token_hex(8), ())).removesuffix(b"]}"),
                f'{{"id":"{made}","valid_from":',
                f',"rows":{len(rows)},"size":{len(data)}}}',
            )
            versions = chain.from_iterable((_ms(each.valid_from), msgspec.json.encode(each)) for each in old)
            said, *new = _PUT.call(
                self.redis,
                [keys.TABLES, *(keys.version(id) for id in (made, *(each.id for each in old)))],
                [name, was or b"", data, _ms(valid_from), LEAD_MS, VERSIONS, *pieces, *versions],
            )
            match said:
                case b"put":
                    return msgspec.json.decode(new[0], type=Table), found is None
                case b"late":
                    text = "the time is over, or about to be, and jobs may have used what was valid then"
                    raise InvalidValue(text, "from")
                case b"full":
                    text = f"{name} has {VERSIONS} versions that hold now or later: that is the most"
                    raise InvalidValue(text, "from")

    def delete(
        self, name: str, expected: Collection[str] | None = None, check: Callable[[], object] = lambda: None
    ) -> None:
        """Delete a table. Raises `UnknownReference`, `ReferenceChanged`, or what `check` does, which comes first."""

        def change(pipe: Pipeline) -> None:
            found = _expected(name, cast("bytes | None", pipe.hget(keys.TABLES, name)), expected)
            if found is None:
                raise UnknownReference(name)
            check()
            pipe.multi()
            pipe.hdel(keys.TABLES, name)
            pipe.unlink(*(keys.version(version.id) for version in found.versions))

        self.redis.transaction(change, keys.TABLES)


def _expected(name: str, data: bytes | None, expected: Collection[str] | None) -> Table | None:
    """Return a table that was read, None for none. Raises `ReferenceChanged`."""
    found = _table(data)
    fitting = {NONE} if found is None else {ANY, found.revision}
    if expected is not None and fitting.isdisjoint(expected):
        raise ReferenceChanged(f"the reference data {name!r} is not as you have read it: read it again")
    return found


def _ms(valid_from: int | None) -> int | str:
    """Return a time as put.lua has it."""
    return "" if valid_from is None else valid_from


def _table(data: bytes | None) -> Table | None:
    return None if data is None else msgspec.json.decode(data, type=Table)
