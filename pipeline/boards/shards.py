"""All shards of a board, which are asked together, and the errors that they can raise.

What needs several shards for its answer is built on `Shards`: `View` asks, `Board` changes, and the functions in
listing.py, bulk.py, lifecycle.py and others do what takes more than a call.
"""

from __future__ import annotations

import functools
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ..errors import InvalidValue, PipelineError
from ..store.scripts import ScriptClient
from ..store.writes import uncounted
from . import keys
from .changes import Change, Code, Op
from .fanout import ask_all, try_all
from .form import Form
from .queries import AskInfo, Query
from .shard import OtherForm, Shard, StaleShard, put_in_place, shard_of, staged
from .totals import Totals

P = ParamSpec("P")
T = TypeVar("T")

#: What long work calls with how much is done, and of how much; if it raises, the work is given up.
Progress = Callable[[int, int], object]

#: How often something is tried that fails while others change, hold or replace a board.
ATTEMPTS = 10

_NAME_LENGTH = 128

#: The name of a board, or of a segment, as a regular expression.
NAME = rf"[A-Za-z0-9_]([A-Za-z0-9_.:\-]{{0,{_NAME_LENGTH - 2}}}[A-Za-z0-9_])?"
_NAME = re.compile(NAME)


class UnknownMember(PipelineError, LookupError):
    def __init__(self, board: str, member: str) -> None:
        super().__init__(f"{member!r} has no score on the board {board!r}")
        self.board, self.member = board, member


class NotInSegment(UnknownMember):
    def __init__(self, board: str, segment: str, member: str) -> None:
        PipelineError.__init__(self, f"{member!r} is not in the segment {segment!r} of the board {board!r}")
        self.board, self.segment, self.member = board, segment, member


class UnknownBoard(PipelineError, LookupError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is no board {board!r}, or it has no members")
        self.board = board


class UnknownSegment(PipelineError, LookupError):
    def __init__(self, board: str, segment: str) -> None:
        super().__init__(f"no member of the segment {segment!r} has a score on the board {board!r}")
        self.board, self.segment = board, segment


class StaleBoard(PipelineError):
    """The sums are not those of the scores: another program wrote to the sorted set, or made it."""

    def __init__(self, board: str, what: str) -> None:
        super().__init__(
            f"the sums of the board {board!r} are not those of its scores ({what}): "
            f"`wz board rebuild {board}` makes them anew"
        )
        self.board = board


class BoardChanged(PipelineError):
    """The board was written to, or replaced, each time that it was read. Try again when less is written."""

    def __init__(self, board: str) -> None:
        super().__init__(f"the board {board!r} was written to while it was read, each time that this was tried")
        self.board = board


class ScoreChanged(PipelineError):
    """The member's score is not the one that the caller has read; nothing was changed."""

    def __init__(self, board: str, member: str) -> None:
        super().__init__(f"the score of {member!r} on the board {board!r} is not as expected: read it again")
        self.board, self.member = board, member


class Meanwhile(BoardChanged):
    """What was read first has changed: `with_form` asks the whole question again."""


def attempts() -> Iterator[int]:
    """Count attempts at what fails while others change, hold or replace a board, and `pause` before each."""
    for number in range(ATTEMPTS):
        pause(number)
        yield number


def pause(attempt: int) -> None:
    """Wait before an attempt: not before the first two, then up to 0.2 s, a random part of it."""
    if attempt > 1:
        time.sleep(random.uniform(0.3, 1) * min(0.2, 0.002 * 2**attempt))


class _Known(threading.local):
    """What this thread knows of a board; None before it has asked. A board and its segments share it.

    Were it the process's, another thread could learn of another board of the name in the middle of a question, whose
    units of the board before would then be read with the places of the new one.
    """

    form: Form | None = None


class Shards:
    """The shards of a board, or of a segment of it, which are asked all at once.

    Raises `InvalidValue` for an invalid name. Making one sends nothing to Redis.
    """

    def __init__(self, client: ScriptClient, name: str, count: int = 1, segment: str | None = None) -> None:
        check_name(name, "board")
        if segment is not None:
            check_name(segment, "segment")
        self.client = client
        self.name = name
        self.segment_name = segment
        self.all = [Shard(client, tag, segment) for tag in keys.tags(name, count)]
        self._known = _Known()

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Shard]:
        return iter(self.all)

    def __getitem__(self, number: int) -> Shard:
        return self.all[number]

    def segment(self, name: str) -> Shards:
        """The same shards, but only the members that are in a segment."""
        part = Shards(self.client, self.name, len(self.all), name)
        part._known = self._known
        return part

    def of(self, member: str) -> Shard:
        """The shard that a member is in."""
        return self.all[self.number_of(member)]

    def number_of(self, member: str) -> int:
        """The number of the shard that a member is in."""
        return shard_of(member, len(self.all))

    @property
    def form(self) -> Form:
        """The board's form as far as this thread knows, at first that of a new board: Redis compares it."""
        return Form() if self._known.form is None else self._known.form

    @form.setter
    def form(self, form: Form) -> None:
        self._known.form = form

    @property
    def places(self) -> int:
        return self.form.places

    @property
    def knows_form(self) -> bool:
        return self._known.form is not None

    def load_form(self) -> Form:
        """Ask for the form of the board, which is that of a new board if there is none. Raises `StaleBoard`."""
        try:
            [[info]] = ask_all([Shard(self.client, self.all[0].tag)], None, [[AskInfo()]])
        except StaleShard as exc:
            raise StaleBoard(self.name, str(exc)) from exc
        self.form = Form() if info.form is None else info.form
        return self.form

    def heal(self) -> None:
        """Put shards in their places that were built with the first one: the process that began that may have ended."""
        if len(self) == 1:
            return
        forms: list[Form | None] = []
        for answer in try_all([Shard(self.client, one.tag) for one in self.all], [AskInfo()]):
            if isinstance(answer, StaleShard):
                return  # who asks it anything else is told so
            if isinstance(answer, Exception):
                raise answer
            forms.append(answer[0].form)
        first = forms[0].generation if forms[0] else 0
        for shard, form in zip(self.all, forms, strict=True):
            if first and (form is None or form.generation != first):
                place = Shard(self.client, shard.tag)
                with uncounted():  # it is what another one asked for
                    put_in_place([(staged(place, first), place)], first, True, True)

    def ask(self, *queries: Query) -> list[list[Any]]:
        """Ask all shards the same questions. Returns the answers by shard."""
        if len(self.all) == 1:
            return [self.all[0].read(self.form, *queries)]
        return ask_all(self.all, self.form, [queries] * len(self.all))

    def ask_each(self, queries: Sequence[Sequence[Query]]) -> list[list[Any]]:
        """Ask each shard its own questions."""
        return ask_all(self.all, self.form, queries)

    def totals(self, *queries: Query) -> list[Totals]:
        """Ask for totals, and add up each over all shards."""
        return [sum(answers, Totals()) for answers in zip(*self.ask(*queries), strict=True)]

    def unknown(self) -> Exception:
        """Return the error that the board, or the segment, does not exist."""
        if self.segment_name is not None:
            return UnknownSegment(self.name, self.segment_name)
        return UnknownBoard(self.name)


class _HasShards(Protocol):
    shards: Shards


S = TypeVar("S", bound=_HasShards)


def with_form(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Run a method again with the board's real form, if its `shards` assumed another; name the board in errors.

    It is also run again after `Meanwhile`. A value that is refused may be right for the board's real form, so Redis is
    asked for it before the error is raised.
    """

    @functools.wraps(method)
    def wrapper(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in attempts():
            try:
                return method(self, *args, **kwargs)
            except OtherForm as exc:
                self.shards.form = exc.form
                if attempt > 2:
                    self.shards.heal()
            except InvalidValue:
                thought = self.shards.form
                if self.shards.load_form() == thought:
                    raise
            except Meanwhile:
                pass
            except StaleShard as exc:
                raise StaleBoard(self.shards.name, str(exc)) from exc
        raise BoardChanged(self.shards.name)

    return wrapper  # type: ignore[return-value]


def refused(code: Code, change: Change, board: str) -> PipelineError | None:
    """Return the error that a reply stands for, None if it stands for none."""
    field = "reward" if change.op is Op.ADD else "score"
    match code:
        case Code.STALE:
            return StaleBoard(board, f"the sums lack the score of {change.member!r}")
        case Code.RANGE:
            return InvalidValue(f"the score of {change.member!r} would leave the range of the board {board!r}", field)
        case Code.OTHER:
            return InvalidValue(
                f"the event {change.event!r} was applied to the board {board!r} before, but was another change: "
                "an id is for one change of one member",
                "event",
            )
        case Code.CHANGED:
            return ScoreChanged(board, change.member)
    return None


def check_name(name: str, what: str) -> None:
    """Raises `InvalidValue`."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} is not a name for a {what}: use 1 to {_NAME_LENGTH} letters, digits and _ . : -, a letter, "
            "digit or _ at both ends",
            field=what,
        )
