"""Many changes to a board, up to `CHUNK` in each call of the script: what `Board.apply` does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from decimal import Decimal
from itertools import islice

from msgspec import UNSET, Struct, UnsetType

from ..errors import InvalidValue, PipelineError
from .changes import SETS, Change, Code, Op, Reply, checked_event, checked_member
from .fanout import update_all
from .form import Ties
from .keys import MOST_WORK
from .scores import from_units, to_units
from .shard import OtherForm, StaleShard, shard_of
from .shards import ATTEMPTS, BoardChanged, Shards, StaleBoard, pause, refused

#: Most changes in one call of the script, which makes fewer where they change segments as well.
CHUNK = MOST_WORK

#: Records that are read before they are written, and answered when all of them are.
WINDOW = 10_000


class BulkChange(Struct, frozen=True):
    """Set a member's score as `operator` says (set, max or min), or add a reward to it: exactly one of the two.

    `event` is as in `Board.add`.
    """

    member: str
    score: Decimal | UnsetType = UNSET
    reward: Decimal | UnsetType = UNSET
    event: str = ""
    operator: Op = Op.SET


class Outcome(Struct, frozen=True, omit_defaults=True):
    """The member's score after the change, or why it was refused: nothing was changed then.

    `changed` says whether the score is another than before. `repeated` says that the event was applied before.
    `dropped` says that the board keeps only so many members, and this one is not among them.
    """

    member: str
    score: Decimal | None = None
    changed: bool = True
    repeated: bool = False
    dropped: bool = False
    error: str | None = None
    field: str | None = None


def apply(
    shards: Shards, changes: Iterable[BulkChange | Outcome], *, remember_ms: int, expires: int
) -> Iterator[Outcome]:
    changes = iter(changes)
    under_way: deque[tuple[_Window, Future[list[Outcome]]]] = deque()

    has_failed = False

    def write(window: _Window) -> list[Outcome]:
        nonlocal has_failed
        if has_failed:  # this window was read before its caller knew
            return []
        try:
            return window.write()
        except BaseException:
            has_failed = True
            raise

    def ended() -> list[Outcome]:
        window, future = under_way.popleft()
        outcomes = future.result()
        if shards.form != window.form:  # the writer's thread has learnt another one
            shards.form = window.form
        return outcomes

    with ThreadPoolExecutor(1, "board-bulk") as writer:  # Redis works on one window while Python reads the next one
        while records := list(islice(changes, WINDOW)):
            window = _Window(shards, records, remember_ms, expires)
            # In this context, so that what it writes counts as this request's, and is logged with its id.
            under_way.append((window, writer.submit(copy_context().run, write, window)))
            if len(under_way) > 1:
                yield from ended()
        while under_way:
            yield from ended()


class _Window:
    """Records, and the changes that they ask for, by shard, each with its place among the records.

    `form` is the one that the board has, or is thought to have, and that the changes' units are of.
    """

    def __init__(self, shards: Shards, records: Sequence[BulkChange | Outcome], remember_ms: int, expires: int) -> None:
        self.shards, self.form = shards, shards.form
        self.records = records
        self.remember_ms = remember_ms
        self.expires = expires
        self._prepare()

    def _prepare(self) -> None:
        is_sure = False  # whether the board has these places
        places, shards = self.form.places, len(self.shards)
        self.outcomes: list[Outcome | None] = [None] * len(self.records)
        self.changes: list[list[tuple[Change, int]]] = [[] for _ in range(shards)]
        members: set[str] = set()
        is_of_sets = self.form.ties is Ties.NAME
        for place, record in enumerate(self.records):
            if isinstance(record, Outcome):
                self.outcomes[place] = record
                continue
            try:
                change = change_of(record, places)
            except InvalidValue as exc:
                if not is_sure:
                    self.form = self.shards.load_form()
                if self.form.places != places:
                    self._prepare()
                    return
                is_sure = True
                self.outcomes[place] = Outcome(record.member, error=str(exc), field=exc.field)
                continue
            self.changes[shard_of(change.member, shards)].append((change, place))
            members.add(change.member)
            is_of_sets = is_of_sets and change.op is not Op.ADD and not change.event
        if is_of_sets and len(members) == sum(map(len, self.changes)):
            # In any order the result is the same, and neighbours in the tree are written together.
            for some in self.changes:
                some.sort(key=_value)

    def write(self) -> list[Outcome]:
        made, attempt = [0] * len(self.changes), 0
        while any(first < len(some) for first, some in zip(made, self.changes, strict=True)):
            chunk = [some[first : first + CHUNK] for first, some in zip(made, self.changes, strict=True)]
            try:
                replies = update_all(
                    self.shards.all,
                    self.form,
                    [[change for change, _ in some] for some in chunk],
                    remember_ms=self.remember_ms,
                    expires=self.expires,
                )
            except OtherForm as exc:
                attempt += 1
                has_its_places = exc.form.places == self.form.places  # if it is held, or another board now
                if attempt > ATTEMPTS or (any(made) and not has_its_places):
                    self._give_up(made, BoardChanged(self.shards.name))
                    break
                self.form = exc.form
                if not has_its_places:
                    self._prepare()
                pause(attempt)
                if attempt > 2:
                    self.shards.heal()
                continue
            except StaleShard as exc:
                self._give_up(made, StaleBoard(self.shards.name, str(exc)))
                break
            attempt = 0
            for number, answers in enumerate(replies):
                made[number] += len(answers)
                for (change, place), reply in zip(chunk[number], answers, strict=False):
                    self.outcomes[place] = self._outcome(change, reply)
        return [outcome for outcome in self.outcomes if outcome is not None]

    def _give_up(self, made: Sequence[int], error: PipelineError) -> None:
        """Refuse what was not made; raise the error if that is all, since it then says what was done: nothing."""
        if not any(made):
            raise error
        for first, some in zip(made, self.changes, strict=True):
            for change, place in some[first:]:
                self.outcomes[place] = Outcome(change.member, error=str(error))

    def _outcome(self, change: Change, reply: Reply) -> Outcome:
        if error := refused(reply.code, change, self.shards.name):
            field = error.field if isinstance(error, InvalidValue) else None
            return Outcome(change.member, error=str(error), field=field)
        score = None if reply.score is None else from_units(reply.score, self.form.places)
        is_dropped = reply.code is Code.DROPPED
        return Outcome(change.member, score, reply.code is Code.OK, reply.code is Code.SAME, is_dropped)


def _value(change: tuple[Change, int]) -> int | str:
    return change[0].value


def change_of(record: BulkChange, places: int) -> Change:
    """Raises `InvalidValue`."""
    if (record.score is UNSET) == (record.reward is UNSET):
        raise InvalidValue("a record must have either a score or a reward", field="score")
    op, value, field = Op.ADD, record.reward, "reward"
    if record.reward is UNSET:
        op, value, field = record.operator, record.score, "score"
        if op not in SETS:
            raise InvalidValue(f"operator must be one of {', '.join(SETS)}", field="operator")
    assert isinstance(value, Decimal)
    return Change(op, checked_member(record.member), to_units(value, field, places), checked_event(record.event))
