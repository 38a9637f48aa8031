"""Many changes to a board, a few hundred in each call of the script: what `Board.apply` does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from decimal import Decimal
from itertools import islice

from msgspec import UNSET, Struct, UnsetType

from ..errors import InvalidValue
from .changes import Change, Code, Op, Reply, checked_event, checked_member
from .fanout import update_all
from .scores import from_units, to_units
from .shard import OtherForm, StaleShard, shard_of
from .shards import BoardChanged, Shards, StaleBoard

#: Changes in one call of the script, which then takes some 5 ms of Redis's time.
CHUNK = 400

#: Records that are read before they are written, and answered when all of them are.
WINDOW = 10_000


class BulkChange(Struct, frozen=True):
    """Set a member's score, or add a reward to it: exactly one of the two. `event` is as in `Board.add`."""

    member: str
    score: Decimal | UnsetType = UNSET
    reward: Decimal | UnsetType = UNSET
    event: str = ""


class Outcome(Struct, frozen=True, omit_defaults=True):
    """The member's score after the change, or why it was refused: nothing was changed then.

    `repeated` says that the event was applied before.
    """

    member: str
    score: Decimal | None = None
    repeated: bool = False
    error: str | None = None
    field: str | None = None


def apply(
    shards: Shards, changes: Iterable[BulkChange | Outcome], *, remember_ms: int, expires: int
) -> Iterator[Outcome]:
    changes = iter(changes)
    under_way: deque[Future[list[Outcome]]] = deque()
    with ThreadPoolExecutor(1, "board-bulk") as writer:  # Redis works on one window while Python reads the next one
        while records := list(islice(changes, WINDOW)):
            window = _Window(shards, records, remember_ms, expires)
            # In this context, so that what it writes counts as this request's, and is logged with its id.
            under_way.append(writer.submit(copy_context().run, window.write))
            if len(under_way) > 1:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()


class _Window:
    """Records, and the changes that they ask for, by shard, each with its place among the records."""

    def __init__(self, shards: Shards, records: Sequence[BulkChange | Outcome], remember_ms: int, expires: int) -> None:
        self.shards = shards
        self.records = records
        self.remember_ms = remember_ms
        self.expires = expires
        self._prepare()

    def _prepare(self) -> None:
        is_sure = False  # whether the board has these places
        places, shards = self.shards.places, len(self.shards)
        self.outcomes: list[Outcome | None] = [None] * len(self.records)
        self.changes: list[list[tuple[Change, int]]] = [[] for _ in range(shards)]
        members: set[str] = set()
        is_of_sets = True
        for place, record in enumerate(self.records):
            if isinstance(record, Outcome):
                self.outcomes[place] = record
                continue
            try:
                change = change_of(record, places)
            except InvalidValue as exc:
                if not is_sure and self.shards.load_form().places != places:
                    self._prepare()
                    return
                is_sure = True
                self.outcomes[place] = Outcome(record.member, error=str(exc), field=exc.field)
                continue
            self.changes[shard_of(change.member, shards)].append((change, place))
            members.add(change.member)
            is_of_sets = is_of_sets and change.op is Op.SET and not change.event
        if is_of_sets and len(members) == sum(map(len, self.changes)):
            # In any order the result is the same, and neighbours in the tree are written together.
            for some in self.changes:
                some.sort(key=_value)

    def write(self) -> list[Outcome]:
        first = 0
        while any(first < len(some) for some in self.changes):
            chunk = [some[first : first + CHUNK] for some in self.changes]
            try:
                replies = update_all(
                    self.shards.all,
                    self.shards.form,
                    [[change for change, _ in some] for some in chunk],
                    remember_ms=self.remember_ms,
                    expires=self.expires,
                )
            except OtherForm as exc:
                if first:
                    raise BoardChanged(self.shards.name) from exc
                self.shards.form = exc.form
                self._prepare()
                continue
            except StaleShard as exc:
                raise StaleBoard(self.shards.name, str(exc)) from exc
            for some, answers in zip(chunk, replies, strict=True):
                for (change, place), reply in zip(some, answers, strict=True):
                    self.outcomes[place] = self._outcome(change, reply)
            first += CHUNK
        return [outcome for outcome in self.outcomes if outcome is not None]

    def _outcome(self, change: Change, reply: Reply) -> Outcome:
        if reply.code is Code.STALE:
            raise StaleBoard(self.shards.name, f"the sums lack the score of {change.member!r}")
        if reply.code is Code.RANGE:
            field = "reward" if change.op is Op.ADD else "score"
            return Outcome(change.member, error="the score would leave the range of a board", field=field)
        score = None if reply.score is None else from_units(reply.score, self.shards.places)
        return Outcome(change.member, score, reply.code is Code.SAME)


def _value(change: tuple[Change, int]) -> int | str:
    return change[0].value


def change_of(record: BulkChange, places: int) -> Change:
    """Raises `InvalidValue`."""
    if (record.score is UNSET) == (record.reward is UNSET):
        raise InvalidValue("a record must have either a score or a reward", field="score")
    if isinstance(record.score, Decimal):
        units = to_units(record.score, "score", places)
        return Change(Op.SET, checked_member(record.member), units, checked_event(record.event))
    assert isinstance(record.reward, Decimal)
    units = to_units(record.reward, "reward", places)
    return Change(Op.ADD, checked_member(record.member), units, checked_event(record.event))
