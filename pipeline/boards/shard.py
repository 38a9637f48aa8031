"""One part of a board, all under one hash tag. Each method is one call of a script, so its answers are of one state."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

from ..errors import InvalidValue, PipelineError
from ..store import Pipeline, ResponseError
from ..store.scripts import ScriptClient
from . import keys
from .changes import Change, Reply, replies, update_args
from .form import Form
from .lua import BoardScript
from .queries import Query, read_answers, read_args
from .scores import StaleShard as StaleShard

READ = BoardScript("tree.lua", "read.lua", reads_only=True)
_REPLACE = BoardScript("tree.lua", "keys.lua", "replace.lua")
UPDATE = BoardScript(
    "tree.lua", "sample.lua", "reshape.lua", "change.lua", "arrivals.lua", "segments.lua", "last.lua", "update.lua"
)

#: What a script refuses with: the kind, what it says, and the number of the board, if the call is for several.
_ERROR = re.compile(r"(STALE|FORM|MUCH) (.*?)(?: (\d+))?")


class OtherForm(PipelineError):
    """The shard has another form than the caller assumed; `place` is its own among those of the call."""

    def __init__(self, form: Form, place: int = 0) -> None:
        super().__init__(f"the board has {form.places} places, and the order {form.order}")
        self.form, self.place = form, place


class Shard:
    """A sorted set that can sum: the set and the tree of keys.py, of a shard or of a segment in it.

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
        self,
        form: Form,
        changes: Sequence[Change],
        *,
        remember_ms: int = 0,
        expires: int = 0,
        ranks: bool = False,
    ) -> list[Reply]:
        """Apply changes in their order, in as many calls as keep each below some 5 ms. Ranks are those after a call.

        An error that is raised after the first call leaves its changes made.
        """
        made: list[Reply] = []
        while len(made) < len(changes):
            some = changes[len(made) : len(made) + keys.MOST_WORK]
            made += update((self,), ((form, expires),), some, remember_ms=remember_ms, ranks=ranks)
        return made

    def queue_update(self, pipe: Pipeline, form: Form, change: Change, expires: int) -> None:
        """Put a change into the caller's transaction, for any form with these places. Its reply is [code, score]."""
        args = update_args([(form, expires)], [change], 0, False)
        args[3] = -1 - form.places
        UPDATE.queue(pipe, self.keys, args)


def update(
    shards: Sequence[Shard],
    forms: Sequence[tuple[Form, int]],
    changes: Sequence[Change],
    *,
    remember_ms: int = 0,
    ranks: bool = False,
    expected: str = "",
) -> list[Reply]:
    """Call update.lua, which see: for one shard, or for one change on each of several boards of one server."""
    names = [key for shard in shards for key in shard.keys]
    try:
        reply = UPDATE.call(shards[0].client, names, update_args(forms, changes, remember_ms, ranks, expected))
    except ResponseError as exc:
        raise error_of(exc) from exc
    return replies(reply, ranks)


def staged(place: Shard, generation: int) -> Shard:
    """The shard that is built beside another one, and has this generation: see build.py."""
    return Shard(place.client, f"{place.tag}:new:{generation}")


def put_in_place(
    moves: Sequence[tuple[Shard, Shard]],
    generation: int,
    may_replace: bool,
    was_built: bool,
    keeps_scores: bool = False,
) -> bool:
    """Call replace.lua, which see, for shards and the places that they get. Returns whether there was anything."""
    names = [key for move in moves for shard in move for key in shard.keys]
    args = [generation, int(may_replace), int(was_built), int(keeps_scores), *keys.shard_keys()]
    return bool(_REPLACE.call(moves[0][0].client, names, args))


def shard_of(member: str, shards: int) -> int:
    """Return the number of the shard that a member is in."""
    return zlib.crc32(member.encode()) % shards if shards > 1 else 0


# What Redis says of a key of another type, and a script of a tree that is cut short.
_FOREIGN = ("WRONGTYPE", "data string too short")


def error_of(error: ResponseError) -> Exception:
    """Return what a script's error reply means."""
    found = _ERROR.fullmatch(str(error))
    kind, text, place = found.groups() if found else ("", "", None)
    if kind == "STALE":
        return StaleShard(text, int(place or 0))
    if kind == "FORM":
        return OtherForm(Form.of(int(text)), int(place or 0))
    if kind == "MUCH":
        return InvalidValue("the member is in too many segments of these boards to change all in one step", "also")
    if any(sign in str(error) for sign in _FOREIGN):
        return StaleShard("another program wrote something else under one of its keys")
    return error
