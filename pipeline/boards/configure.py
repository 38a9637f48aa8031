"""Make a board, or change its settings, on all of its shards or on none: what `Board.configure` does."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from ..errors import InvalidValue, PipelineError
from ..store import Redis, ResponseError
from ..store.clock import machine_now
from . import keys, sample
from .answers import BoardSettings, isoformat, settings_version
from .form import Form, Order, Ties
from .hold import held
from .lua import BoardScript
from .scores import MAX_PLACES
from .shard import OtherForm, Shard, StaleShard, error_of
from .shards import Shards, StaleBoard

_CONFIGURE = BoardScript("tree.lua", "keys.lua", "configure.lua")

#: Among the versions of settings that are right: those of any board that is there, and that there is no board.
ANY, NONE = "*", "none"


class WrongPlaces(PipelineError):
    def __init__(self, board: str, form: Form) -> None:
        super().__init__(
            f"the board {board!r} has members, whose scores have {form.places} places and whose ties are by "
            f"{form.ties}{f' in the order {form.order}' if form.ties is Ties.FIRST else ''}, and can't have others: "
            "make another board"
        )
        self.board, self.places, self.ties = board, form.places, form.ties


class SettingsChanged(PipelineError):
    """The settings are of another version than the caller has read; nothing was changed."""

    def __init__(self, board: str) -> None:
        super().__init__(
            f"the settings of the board {board!r} are not those that were read: read them again, then change them"
        )
        self.board = board


class Setup(NamedTuple):
    """Settings that `configure` changes; None leaves one as it is. `Board.configure` explains them."""

    places: int | None = None
    order: Order | None = None
    ties: Ties | None = None
    sample: int | None = None
    expires: datetime | Literal["never"] | None = None
    most: int | None = None

    def checked(self) -> Setup:
        """Raises `InvalidValue`."""
        if self.places is not None and not 0 <= self.places <= MAX_PLACES:
            raise InvalidValue(f"places must be from 0 to {MAX_PLACES}", field="places")
        if self.sample and not sample.LEAST <= self.sample <= sample.MOST:
            raise InvalidValue(f"sample must be from {sample.LEAST} to {sample.MOST}, or 0 for none", field="sample")
        if self.most is not None and not 0 <= self.most < MOST_MEMBERS:
            raise InvalidValue(f"most must be from 0, for all members, to {MOST_MEMBERS - 1}", field="most")
        return self

    def args(self) -> list[Any]:
        """The first arguments of configure.lua. Raises `InvalidValue` for a time that has passed."""
        lowest_first = None if self.order is None else int(self.order is Order.ASC)
        first_come = None if self.ties is None else int(self.ties is Ties.FIRST)
        ms = None if self.expires is None else milliseconds(self.expires)
        values = (self.places, lowest_first, first_come, self.sample, ms, self.most)
        return ["" if value is None else value for value in values]


#: What a board's `most` is below: it has 6 bytes.
MOST_MEMBERS = 2**48


def configure(
    shards: Shards, setup: Setup, new_expires: int = 0, versions: Collection[str] | None = None
) -> BoardSettings:
    """Change the settings. `new_expires` is when a new board is deleted that is given no other time: Unix time in ms.

    Without scores on any shard, or with the same places and ties; else `WrongPlaces`. On a cluster, the board is held
    meanwhile. Raises `SettingsChanged` if `versions` are given and the settings are of none of them.
    """
    args = [*setup.checked().args(), new_expires]
    wanted = "" if versions is None else " ".join(versions) or "-"
    try:
        if isinstance(shards.client, Redis) or len(shards) == 1:
            replies = [set_up(shards.all, args, wanted)]
        else:
            replies = _one_by_one(shards, args, wanted)
    except OtherForm as exc:
        raise WrongPlaces(shards.name, exc.form) from exc
    except StaleShard as exc:
        raise StaleBoard(shards.name, str(exc)) from exc
    except ResponseError as exc:
        if str(exc).startswith("CHANGED"):
            raise SettingsChanged(shards.name) from exc
        raise
    _, form, size, expires, most, _ = replies[0]
    shards.form = Form.of(form)
    if setup.sample is not None:
        for shard in shards:
            sample.fill(shard.client, shard.tag)
    created, version = all(is_new for is_new, *_ in replies), sum(reply[-1] for reply in replies)
    return BoardSettings(
        board=shards.name,
        created=created,
        places=shards.form.places,
        order=shards.form.order,
        ties=shards.form.ties,
        sample=size,
        most=most,
        expires=isoformat(expires),
        version=settings_version(shards.form, size, expires, most, version),
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(expires: datetime | Literal["never"]) -> int:
    """Return Unix time in ms, 0 for never. Raises `InvalidValue` for a time that has passed."""
    if expires == "never":
        return 0
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    if expires <= machine_now():
        raise InvalidValue("expires must be in the future: to remove the board now, delete it", field="expires")
    return -((_EPOCH - expires) // timedelta(milliseconds=1))  # rounded up


def _one_by_one(shards: Shards, args: list[Any], wanted: str) -> list[list[Any]]:
    """Look at all shards first, then change each."""
    with held(shards):
        some = "" if wanted == ANY else wanted
        found = [set_up([shard], args, some, look_only=True) for shard in shards]
        if wanted not in ("", NONE) and all(is_new for is_new, *_ in found):
            raise SettingsChanged(shards.name)
        done = [set_up([shard], args) for shard in shards]
    return [[was_new, *rest] for (was_new, *_), (_, *rest) in zip(found, done, strict=True)]


def set_up(shards: list[Shard], args: list[Any], wanted: str = "", look_only: bool = False) -> list[Any]:
    """Call configure.lua for shards of one slot, or of one server. Raises `OtherForm` or `StaleShard`."""
    scored = [key for shard in shards for key in shard.keys]
    try:
        reply: list[Any] = _CONFIGURE.call(
            shards[0].client, scored, [*args, wanted, int(look_only), *keys.shard_keys()]
        )
    except ResponseError as exc:
        raise error_of(exc) from exc
    return reply
