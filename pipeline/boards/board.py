"""A board: members ranked by exact decimal scores, with counts and sums."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

from msgspec import UNSET, UnsetType, structs

from ..errors import InvalidValue
from ..store import Pipeline
from . import bulk, check, configure, directory, features, giving, lifecycle, rebuild, transfer, trim
from .answers import Added, BoardSettings, Summary, Written
from .bulk import BulkChange, Outcome
from .changes import Change, Code, Op, Reply, checked_member
from .configure import Setup
from .directory import Listed
from .features import Feature
from .form import Order, Ties
from .keys import MOST_SEGMENTS
from .scores import to_units
from .shard import update
from .shards import NotInSegment, Progress, Shards, UnknownMember, check_name, refused, with_form
from .trim import Trimmed
from .view import View
from .watch import Changes

T = TypeVar("T")


class Board(View):
    """Members and scores under one name. A board has all queries of a `View`.

    A score is a decimal with a fixed number of places (`PLACES`, unless `configure` said otherwise before the first
    score), held as an integer number of units, of a magnitude below 2^53 units (with 6 places, about 9.007 billion), so
    that every score and every sum is exact. A score that does not fit is `InvalidValue`, never rounded.

    Every change is one call of a script: scores, sums, features, segments and the memory of events change together or
    not at all. A call that finds that another program wrote to the scores (each compares the count) raises `StaleBoard`
    and changes nothing.

    `remember` is for how many seconds the id of an event is remembered. `expires` is the time (Unix, ms) at which a new
    board is deleted unless `configure` gives it another, 0 for never. Use `Boards` to make boards by name. Redis keys:
    see keys.py.
    """

    def __init__(self, shards: Shards, *, remember: float = 86_400.0, expires: int = 0) -> None:
        super().__init__(shards)
        self.remember_ms = int(remember * 1000)
        self.expires = expires

    def segment(self, name: str) -> View:
        """The members that are in a segment, ranked among themselves."""
        return View(self.shards.segment(name))

    # -- one member ----------------------------------------------------------------------------------------------------

    def set(
        self,
        member: str,
        score: Decimal,
        operator: Op = Op.SET,
        *,
        order: Order | None = None,
        also: Sequence[Board] = (),
        expected: str = "",
    ) -> Written:
        """Give `member` a score, in place of any that it has. O(log n). `order` is that of the answer's rank.

        With the `operator` MAX the score is set only if it is higher than the one that `member` has, with MIN only if
        it is lower, or if there is none. `also` are boards that get the same: on one server all of them at once, or
        none if one refuses; on a cluster one after the other. With `expected`, nothing is changed and `ScoreChanged`
        raised unless the score is one of these units (numbers with spaces between them), ANY, or there is NONE.
        """
        done = giving.give([self, *also], operator, member, score, order, expected=expected)
        first, *others = [
            Written(**structs.asdict(standing), changed=code is Code.OK, dropped=_dropped(code))
            for standing, code in done
        ]
        return structs.replace(first, also=_by_name(also, others)) if also else first

    def add(
        self,
        member: str,
        reward: Decimal,
        event: str = "",
        *,
        order: Order | None = None,
        also: Sequence[Board] = (),
        expected: str = "",
    ) -> Added:
        """Add to the score of `member`, which begins at 0. If the result is not in range, nothing changes.

        An `event` (up to `EVENT_BYTES`) that was applied before changes nothing: the answer's `repeated` is true. It
        names one change of one member on this board: with another one, it is `InvalidValue`. `also` and `expected` are
        as in `set`.
        """
        done = giving.give([self, *also], Op.ADD, member, reward, order, event=event, expected=expected)
        first, *others = [
            Added(**structs.asdict(standing), repeated=code is Code.SAME, dropped=_dropped(code))
            for standing, code in done
        ]
        return structs.replace(first, also=_by_name(also, others)) if also else first

    @with_form
    def remove(self, member: str, *, expected: str = "") -> None:
        """Remove `member` from the board, with its features, and from its segments. Raises `UnknownMember`.

        `expected` is as in `set`.
        """
        if self._change(Change(Op.REMOVE, member), expected).code is Code.ABSENT:
            raise UnknownMember(self.name, member)

    def remove_all(self, members: Iterable[str]) -> list[str]:
        """Remove each of these members, one after the other. Returns those that had no score."""
        missing = []
        for member in list(dict.fromkeys(map(checked_member, members))):
            try:
                self.remove(member)
            except UnknownMember:
                missing.append(member)
        return missing

    @with_form
    def forget(self, member: str) -> None:
        """Remove all that the board knows of `member`: like `remove`, but also if it has no score, or is not there."""
        for segment in self.segments_of(member):
            self._change(Change(Op.LEAVE, member, segment))
        self._change(Change(Op.REMOVE, member))
        self.set_features(member, {}, replace=True)

    @with_form
    def join(self, member: str, segment: str) -> None:
        """Put `member` into a segment, with its score as soon as it has one. A board has at most `MOST_SEGMENTS`."""
        check_name(segment, "segment")
        if self._change(Change(Op.JOIN, checked_member(member), segment)).code is Code.FULL:
            raise InvalidValue(f"the board has {MOST_SEGMENTS} segments and can't have more", field="segment")

    @with_form
    def leave(self, member: str, segment: str) -> None:
        """Remove `member` from a segment. Raises `NotInSegment`."""
        check_name(segment, "segment")
        if self._change(Change(Op.LEAVE, member, segment)).code is Code.ABSENT:
            raise NotInSegment(self.name, segment, member)

    def _change(self, change: Change, expected: str = "") -> Reply:
        form = self.shards.form, self.expires
        [reply] = update([self.shards.of(change.member)], [form], [change], expected=expected)
        if error := refused(reply.code, change, self.name):
            raise error
        return reply

    # -- many members --------------------------------------------------------------------------------------------------

    def apply(self, changes: Iterable[BulkChange | Outcome]) -> Iterator[Outcome]:
        """Apply changes, up to `CHUNK` in a call of the script, and yield the `Outcome` of each, in their order.

        A change is written before its outcome is yielded. By then, changes after it may be written as well: up to two
        times `WINDOW` are read ahead. Changes that set the scores of different members may be written in another order.
        An `Outcome` among the changes, for an error that the caller found, is yielded in its place.

        Raises `StaleBoard`.
        """
        return bulk.apply(self.shards, changes, remember_ms=self.remember_ms, expires=self.expires)

    def queue_update(self, pipe: Pipeline, op: Op, member: str, value: Decimal) -> None:
        """Put a change into a transaction of the caller's, on the node that has the member's shard.

        Raises `InvalidValue` at once. The reply is [code, score]. It is an error, and nothing is changed, if the board
        is stale or if its places have changed since this process first wrote to it.
        """
        if not self.shards.knows_form:
            self.shards.load_form()
        form = self.shards.form
        change = Change(op, checked_member(member), to_units(value, "score", form.places))
        self.shards.of(member).queue_update(pipe, form, change, self.expires)

    # -- features and segments -----------------------------------------------------------------------------------------

    def features(self, member: str) -> dict[str, Feature]:
        """Return a member's features; without any, an empty dict. A member may have features but no score."""
        return features.read(self.shards.of(member), checked_member(member))

    def set_features(
        self,
        member: str,
        changes: Mapping[str, Feature | None],
        *,
        replace: bool = False,
        versions: Collection[str] | None = None,
    ) -> dict[str, Feature]:
        """Set the named features, remove those that are None, and with `replace` all others. Returns all features.

        With `versions` (`features.version`), only if they are of one of these: else `FeaturesChanged`.
        """
        shard = self.shards.of(member)
        return features.write(shard, checked_member(member), changes, replace, self.expires, versions)

    def segments(self) -> list[str]:
        """Return the names of all segments, sorted."""
        return sorted({name for shard in self.shards for name in features.segments(shard)})

    def list_segments(self) -> list[Listed]:
        """Return count and sum of each segment that has members with a score, by name. Two rounds."""
        return directory.listed([self.shards.segment(name) for name in self.segments()])

    def segments_of(self, member: str) -> list[str]:
        """Return the names of the segments that a member is in, sorted. O(segments of the board)."""
        return features.segments_of(self.shards.of(member), checked_member(member))

    # -- changes -------------------------------------------------------------------------------------------------------

    @with_form
    def changes(self, position: str = "") -> Changes:
        """Follow what becomes of the members from a position on, which came with a change, or from now on.

        First `read` it, then the board, which has all that was changed before; each change of which it tells is an
        absolute one, so nothing is counted twice. Raises `UnknownBoard`; `InvalidValue` for what is no position.
        """
        return Changes(self.shards, position)

    # -- whole boards --------------------------------------------------------------------------------------------------

    def configure(
        self,
        places: int | None = None,
        sample: int | None = None,
        expires: datetime | Literal["never"] | None = None,
        *,
        order: Order | None = None,
        ties: Ties | None = None,
        most: int | None = None,
        versions: Collection[str] | None = None,
    ) -> BoardSettings:
        """Make a board, or change its settings; None leaves them. A board that was configured stays when it is empty.

        `places` (0 to `MAX_PLACES`; `PLACES` for a new board) and `ties` (see `Ties`; by name for a new board) can't
        change while there are scores: `WrongPlaces`. `order` is that of ranks; for a new board, the highest score is
        the best. `sample` is the size of the sample for `estimated_sum`, from `LEAST` to `MOST` in sample.py, or 0 for
        none; it is drawn anew. At `expires`, in UTC if it has no time zone, the whole board is deleted. `most` is how
        many members the board keeps, on each shard, and 0 for all.

        With `versions`, of the settings before the slash of `BoardSettings.version`, only if they are of one of these,
        else `SettingsChanged`; `ANY` in configure.py is for any board that is there, `NONE` for none.
        """
        setup = Setup(places, order, ties, sample, expires, most)
        return configure.configure(self.shards, setup, self.expires, versions)

    def delete(self, progress: Progress | None = None) -> None:
        """Delete the board with all that belongs to it, in the background of Redis. Raises `UnknownBoard`."""
        lifecycle.delete(self.shards, progress)

    def copy(
        self,
        to: str,
        *,
        replace: bool = False,
        expires: datetime | Literal["never"] = "never",
        progress: Progress | None = None,
    ) -> Board:
        """Copy the board as it is at one moment, while others write: scores, settings, features, segments, events.

        Only its end is another: `expires`. With `replace`, the other board may have members, and readers see all of the
        old board or all of the new one. Shards are of moments some ms apart. O(n log n). Raises `BoardExists`, or
        `BoardChanged` if more is written than can be followed; then, and after any other error, nothing is changed.
        """
        other = self._other(to)
        lifecycle.copy(self.shards, other, replace, configure.milliseconds(expires), progress)
        return Board(other, remember=self.remember_ms / 1000)

    def rename(self, to: str, *, replace: bool = False, progress: Progress | None = None) -> Board:
        """Rename the board with all that belongs to it, at once. `replace` and errors are as in `copy`.

        On a cluster it is copied, and held for the last changes: writers wait for some ms. If the process ends between
        its last two steps, the board has both names.
        """
        other = self._other(to)
        lifecycle.rename(self.shards, other, replace, progress)
        return Board(other, remember=self.remember_ms / 1000)

    def union(
        self, sources: Mapping[str, Decimal], *, replace: bool = False, progress: Progress | None = None
    ) -> Summary:
        """Fill this board with the members of others, each with the sum of its scores times the weights.

        Each source is as it was at one moment. A board that was configured, and is empty, keeps its settings, features
        and segments; a new one has as many places as the source that has most, and the order of the sources if all have
        the same. Raises `InvalidValue` for a sum that has more places than this board, or is out of range. `replace`
        and other errors are as in `copy`. O(n log n).
        """
        parts = {self._other(name): weight for name, weight in sources.items()}
        lifecycle.union(self.shards, parts, replace, self.expires, progress)
        return self.summary()

    def trim(
        self,
        *,
        keep: int | None = None,
        below: Decimal | None = None,
        above: Decimal | None = None,
        progress: Progress | None = None,
    ) -> Trimmed:
        """Remove all but the first `keep` in the board's order; or the members whose scores are below, or above, one.

        They go as with `remove`, in chunks, the last first; one whose score was changed since it was read stays, if it
        is not read again. Raises `UnknownBoard`, `BoardChanged` if the board was replaced meanwhile, or its order
        changed. If it was broken off, do it again.
        """
        return trim.trim(self.shards, keep, below, above, progress)

    def check(self, progress: Progress | None = None) -> None:
        """Compare all that is derived from the scores with them: sums, segments, the sample. O(n), read in pages.

        Others may write meanwhile, but for some ms at the end. Raises `StaleBoard`, which tells the first difference of
        each kind, or `BoardChanged`.
        """
        check.check(self.shards, progress)

    def export(self, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield the whole board, of one moment, as lines of JSON, which lines.py describes, for `import_`. O(n).

        All is read when the first line is asked for; it waits in a temporary file. Others may write meanwhile, but for
        some ms at the end. Raises `UnknownBoard`, `BoardChanged`, or `StaleBoard` for a member that no board can have.
        """
        return transfer.export(self.shards, progress)

    def import_(self, lines: Iterable[bytes], *, replace: bool = False, progress: Progress | None = None) -> Summary:
        """Make this board of what `export` yielded, on any number of shards, and put it in its place in one step. O(n).

        Raises `BoardExists`, or `InvalidValue` that names the line and the field; then nothing is changed.
        """
        transfer.import_(self.shards, lines, replace, progress, self.expires)
        return self.summary()

    def rebuild(self, progress: Progress | None = None, *, remove_invalid: bool = False) -> list[str]:
        """Make all sums anew from the scores, whichever program wrote these, also those of segments, and the sample.

        O(n), and as much memory again meanwhile: all is built beside, and put in its place in one step. Others may
        write meanwhile. Nothing is changed if this raises or is broken off. Raises `InvalidMembers` for those that no
        board can have; `remove_invalid` removes them, just before the last step, and returns what was wrong with each.
        Raises `BoardChanged` if another program adds and removes members all the time.
        """
        return rebuild.rebuild(self.shards, remove_invalid, progress)

    def _other(self, name: str) -> Shards:
        return Shards(self.shards.client, name, len(self.shards))


def _by_name(boards: Sequence[Board], answers: Sequence[T]) -> dict[str, T]:
    return {board.name: answer for board, answer in zip(boards, answers, strict=True)}


def _dropped(code: Code) -> bool | UnsetType:
    return True if code is Code.DROPPED else UNSET
