"""One script call to each of many shards, all sent before the first answer is awaited.

A round takes about as long as its slowest shard. There are no threads: on one server, the calls go over one connection;
on a cluster, over one for each node, as redis-py's cluster pipeline does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..store import RedisError, ResponseError
from ..store.at_once import SEND_AGAIN, send_at_once
from .changes import Change, Reply, replies, update_args
from .form import Form
from .lua import BoardScript
from .queries import Query, read_answers, read_args
from .scores import StaleShard
from .shard import READ, UPDATE, OtherForm, Shard, error_of


def ask_all(shards: Sequence[Shard], form: Form | None, queries: Sequence[Sequence[Query]]) -> list[list[Any]]:
    """Ask each shard its own questions, as `Shard.read` does. A shard that is asked nothing is left out.

    Each shard's answers are of one state; the states of two shards may be some milliseconds apart.
    """
    calls = [(shard, asked) for shard, asked in zip(shards, queries, strict=True) if asked]
    if len(calls) == 1:
        [(shard, asked)] = calls
        found = iter([shard.read(form, *asked)])
    else:
        answers = _send_all(READ, [(shard, read_args(form, asked)) for shard, asked in calls])
        found = iter([read_answers(asked, answer) for (_, asked), answer in zip(calls, answers, strict=True)])
    return [next(found) if asked else [] for asked in queries]


def try_all(shards: Sequence[Shard], queries: Sequence[Query]) -> list[list[Any] | Exception]:
    """Ask shards of any boards the same questions, all at once. One that refuses has its error in place of answers."""
    args = read_args(None, queries)
    answers = run_all(READ, [(shard, args) for shard in shards])
    return [answer if isinstance(answer, Exception) else _tried(queries, answer) for answer in answers]


def _tried(queries: Sequence[Query], reply: Any) -> list[Any] | Exception:
    try:
        return read_answers(queries, reply)
    except StaleShard as exc:
        return exc


def update_all(
    shards: Sequence[Shard],
    form: Form,
    changes: Sequence[Sequence[Change]],
    *,
    remember_ms: int = 0,
    expires: int = 0,
    ranks: bool = False,
) -> list[list[Reply]]:
    """Apply to each shard its own changes, or the first of them: as many as it has replies (see update.lua).

    Ranks are those within the shards. The changes of one shard that have replies are atomic, those of several shards
    are not: if one shard refuses or can't be reached, this raises its error, but the others have been changed. One
    that is held, of another form, or stale has no replies: its changes are to be sent again. If all are so, this raises
    the error of one, `OtherForm` or `StaleShard`, and nothing was changed.
    """
    forms = [(form, expires)]
    calls = [
        (shard, update_args(forms, some, remember_ms, ranks))
        for shard, some in zip(shards, changes, strict=True)
        if some
    ]
    answers = run_all(UPDATE, calls)
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    for error in errors:
        if not isinstance(error, (OtherForm, StaleShard)) or len(errors) == len(answers):
            raise error
    done = iter([[] if isinstance(answer, Exception) else replies(answer, ranks) for answer in answers])
    return [next(done) if some else [] for some in changes]


def _send_all(script: BoardScript, calls: Sequence[tuple[Shard, list[Any]]]) -> list[Any]:
    """Run a script for each shard with its arguments. Raises the first error, when all have answered."""
    answers = run_all(script, calls)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def run_all(script: BoardScript, calls: Sequence[tuple[Shard, list[Any]]]) -> list[Any]:
    """Run a script for each shard with its arguments. Returns their answers, errors among them."""
    if not calls:
        return []
    client = calls[0][0].client
    if len(calls) == 1:
        [(shard, args)] = calls
        try:
            return [script.call(client, shard.keys, args)]
        except ResponseError as exc:
            return [error_of(exc)]
    commands = [("EVALSHA", script.sha, len(shard.keys), *shard.keys, *args) for shard, args in calls]
    answers = send_at_once(client, commands, [shard.keys[0] for shard, _ in calls])
    for i, (shard, args) in enumerate(calls):
        if isinstance(answers[i], SEND_AGAIN):
            try:
                answers[i] = script.call(client, shard.keys, args)
            except RedisError as exc:
                answers[i] = exc
    return [error_of(answer) if isinstance(answer, ResponseError) else answer for answer in answers]
