"""One member on all boards: what is known of it, and its erasure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from ..errors import PipelineError
from . import features
from .answers import Standing
from .board import Board
from .fanout import run_all, try_all
from .queries import Find

#: Boards that are asked at once.
_AT_ONCE = 200


class Known(Struct, frozen=True):
    """What a board knows of a member. Without a score `standing` is null, and there may still be the others."""

    board: str
    standing: Standing | None
    features: dict[str, Any]
    segments: list[str]


class OfMember(Struct, frozen=True):
    """The boards that know a member, by name. `complete` says that all boards that there are were asked."""

    member: str
    boards: list[Known]
    complete: bool


class Failure(Struct, frozen=True):
    board: str
    error: str


class Erased(Struct, frozen=True):
    """The boards from which a member was erased, and those that refused it.

    `complete` says that it is on no board any more: all that there are were asked, and none has refused.
    """

    member: str
    boards: list[str]
    failed: list[Failure]
    complete: bool


def find(boards: Sequence[Board], member: str) -> Iterator[tuple[Board, dict[str, Any], list[str]]]:
    """Yield the boards that know a member, with its features and segments. Two calls a board, `_AT_ONCE` in a round."""
    for first in range(0, len(boards), _AT_ONCE):
        some = boards[first : first + _AT_ONCE]
        shards = [board.shards.of(member) for board in some]
        scores = try_all(shards, [Find(member)])
        replies = run_all(features.MEMBER, [(shard, [member]) for shard in shards])
        for board, score, reply in zip(some, scores, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            its_features, segments = features.about(reply)
            # A score that can't be read is one, too: whoever asks for it is told why it can't be.
            if its_features or segments or score != [None]:
                yield board, its_features, segments


def erase(boards: Sequence[Board], member: str, complete: bool) -> Erased:
    erased: list[str] = []
    failed: list[Failure] = []
    for board, _, _ in find(boards, member):
        try:
            board.forget(member)
        except PipelineError as exc:
            failed.append(Failure(board.name, str(exc)))
        else:
            erased.append(board.name)
    return Erased(member, erased, failed, complete and not failed)
