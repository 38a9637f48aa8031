"""One part of a board, all under one hash tag. Each method is one call of a script, so its answers are of one state."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from ..errors import PipelineError
from ..store import Pipeline, Redis, ResponseError
from ..store.scripts import ScriptClient
from . import keys
from .changes import Change, Reply, replies, update_args
from .form import Form
from .lua import BoardScript
from .queries import Query, read_answers, read_args
from .scores import StaleShard as StaleShard

READ = BoardScript("tree.lua", "read.lua", reads_only=True)
UPDATE = BoardScript("tree.lua", "sample.lua", "reshape.lua", "change.lua", "segments.lua", "update.lua")
_CONFIGURE = BoardScript("tree.lua", "keys.lua", "configure.lua")


class OtherForm(PipelineError):
    """The shard has another form than the caller assumed."""

    def __init__(self, form: Form) -> None:
        super().__init__(f"the board has {form.places} places, and the order {form.order}")
        self.form = form


class Shard:
    """A sorted set that can sum: the set, the tree and the leaves of keys.py, of a shard or of a segment in it.

    `tag` is the hash tag, with its braces. Methods raise `StaleShard` or `OtherForm`, after which nothing is changed.
    """

    def __init__(self, client: ScriptClient, tag: str, segment: str | None = None) -> None:
        self.client = client
        self.tag = tag
        self.keys = keys.scored(tag, segment)

    def read(self, form: Form | None, *queries: Query) -> list[Any]:
        """Answer questions, each as its `Query` says."""
        try:
            reply = READ.call(self.client, self.keys, read_args(form, queries))
        except ResponseError as exc:
            raise error_of(exc) from exc
        return read_answers(queries, reply)

    def update(
        self, form: Form, changes: Sequence[Change], *, remember_ms: int = 0, expires: int = 0, ranks: bool = False
    ) -> list[Reply]:
        """Apply changes in their order. Blocks Redis for some 50 us a change: send a few hundred at most."""
        try:
            reply = UPDATE.call(self.client, self.keys, update_args(form, changes, remember_ms, expires, ranks))
        except ResponseError as exc:
            raise error_of(exc) from exc
        return replies(reply, ranks)

    def queue_update(self, client: Redis, pipe: Pipeline, form: Form, change: Change, expires: int) -> None:
        """Put a change into the caller's transaction. Its reply is [code, score]."""
        UPDATE.queue(client, pipe, self.keys, update_args(form, [change], 0, expires, False))

    def configure(
        self, places: int | None, sample: int | None, expires: int | None, new_expires: int = 0
    ) -> tuple[bool, Form, int, int]:
        """Set what is not None. Returns whether it is new, its form, sample and expires.

        If it is new, and `expires` is None, it is deleted at `new_expires`.
        """
        args = ["" if value is None else value for value in (places, sample, expires)]
        try:
            reply = _CONFIGURE.call(self.client, self.keys, [*args, 1, new_expires, *keys.shard_keys()])
        except ResponseError as exc:
            raise error_of(exc) from exc
        created, form, expires, sample = reply
        return bool(created), Form.of(form), sample, expires


def shard_of(member: str, shards: int) -> int:
    """Return the number of the shard that a member is in."""
    return zlib.crc32(member.encode()) % shards if shards > 1 else 0


def error_of(error: ResponseError) -> Exception:
    """Return what a script's error reply means."""
    text = str(error)
    if text.startswith("STALE"):
        return StaleShard(text.removeprefix("STALE "))
    if text.startswith("FORM"):
        return OtherForm(Form.of(int(text.split()[1])))
    return error
