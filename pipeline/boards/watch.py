"""The changes of a whole board, from the logs of its shards, for somebody who goes on following it: see follow.py."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from ..errors import InvalidValue
from ..store.offsets import ENTRY_ID, order
from . import features
from .follow import Entry, Follower, LogLost
from .form import Form
from .scores import from_units, shown
from .shards import BoardChanged, Shards, attempts

#: A position: the form's number, and the last entry of each shard, `_NOWHERE` for one that has no board.
POSITION = rf"[0-9]{{1,12}}(\.{ENTRY_ID})+"
_NOWHERE = "0-0"

#: Seconds between two looks at the logs.
_LOOK = 0.25


class Changed(Struct, frozen=True):
    """What became of a member, or with the op `reset`: all is other than it was told, so read the board again.

    `before` and `after` are the scores, for `set` and `remove`: null for none. `segment` is the one that the member has
    joined or left, and `features` are all that it has now. What is about something else is left out. `id` is the
    position after this.
    """

    id: str
    op: Literal["reset", "set", "remove", "join", "leave", "features"]
    member: str | UnsetType = UNSET
    before: Decimal | UnsetType | None = UNSET
    after: Decimal | UnsetType | None = UNSET
    segment: str | UnsetType = UNSET
    features: dict[str, Any] | UnsetType = UNSET


class Changes:
    """A board's changes from an earlier `position` on, or else from now on: then the first is a `reset`.

    So is the first after changes that are no longer known: if nobody has asked for any for `LOG_SECONDS`, if more were
    made meanwhile than the log holds, or if the board was replaced, deleted, or set up in another way. The changes of
    a shard come in their order; between shards there is none. Asking has Redis log the changes of the board.

    Raises `UnknownBoard`, `InvalidValue` for what is no position, and `BoardChanged`.
    """

    def __init__(self, shards: Shards, position: str = "") -> None:
        if position and not re.fullmatch(POSITION, position):
            raise InvalidValue("after must be the id of a change of this board", "after")
        self._shards = shards
        self._found: list[Changed] = []
        self._follow()
        if not any(one.position for one in self._followers):
            shards.load_form()  # which tells what is there, if that is no board
            raise shards.unknown()
        form, *positions = position.split(".")
        is_here, was_here = [bool(one.position) for one in self._followers], [one != _NOWHERE for one in positions]
        self._is_lost = form != str(self._form.number) or is_here != was_here
        if not self._is_lost:
            for follower, its in zip(self._followers, positions, strict=True):
                follower.position = follower.position and its

    @property
    def position(self) -> str:
        """Where to go on after what was read."""
        return ".".join([str(self._form.number), *(one.position or _NOWHERE for one in self._followers)])

    def read(self, limit: int = 100) -> list[Changed]:
        """Return the next changes, at most `limit`, or none if none were made yet. Two commands a shard."""
        found, self._found = self._found, []
        return found + (self._read(limit - len(found)) if len(found) < limit else [])

    def wait(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> bool:
        """Wait until there is something to read, for so long or until `is_over`. Returns whether there is."""
        end = time.monotonic() + seconds
        while not self._found and not is_over() and time.monotonic() < end:
            time.sleep(_LOOK)
            self._found = self._read(1)
        return bool(self._found)

    # ------------------------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        for attempt in attempts():
            self._followers = [Follower(shard) for shard in self._shards]
            forms = {one.header.form for one in self._followers if one.position}
            if len(forms) < 2:
                self._form = forms.pop() if forms else Form()
                return
            if attempt > 2:
                self._shards.heal()
        raise BoardChanged(self._shards.name)

    def _read(self, limit: int) -> list[Changed]:
        try:
            if not self._is_lost:
                return self._after(limit)
            self._is_lost = False
        except LogLost:
            self._follow()
        return [Changed(self.position, "reset")]

    def _after(self, limit: int) -> list[Changed]:
        """Raises `LogLost`, also if the entries may be of a board with another form."""
        found: list[Changed] = []
        for one in sorted(self._followers, key=lambda one: order(one.position or _NOWHERE)):  # so none is left behind
            before, room = one.position, limit - len(found)
            some = list(islice(self._changed(one), room))
            if one.position != before or not one.header.version:
                header = one.renew()
                if header.version and (not before or header.form != self._form):
                    raise LogLost
                if not header.version and len(some) < room:  # the last member was removed, and the board with it
                    one.position = ""
            found += some
        return found

    def _changed(self, follower: Follower) -> Iterator[Changed]:
        for entry in follower.entries():
            if entry.op != "event":
                yield self._told(entry)

    def _told(self, entry: Entry) -> Changed:
        member = shown(entry.member)
        match entry.op:
            case "set" | "remove":
                before, after = map(self._score, (entry.before, entry.after))
                return Changed(self.position, entry.op, member, before, after)
            case "join" | "leave":
                return Changed(self.position, entry.op, member, segment=entry.segment)
        return Changed(self.position, "features", member, features=features.decoded(entry.after))

    def _score(self, units: bytes) -> Decimal | None:
        return from_units(int(units), self._form.places) if units else None
