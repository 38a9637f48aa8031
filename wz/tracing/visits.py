"""What a layer changed: the difference between what it was given and what it passed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from .hidden import Hidden
from .spans import Change

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Head = tuple[str, list[tuple[str, str]]]

#: More changes of one layer than this are left out.
MAX_CHANGES = 100

_SCALAR = (str, int, float, bool, type(None))


class Visit:
    """One call of a layer: the environ as it was given, what it gave to the layer inside, and what it answered."""

    __slots__ = ("environ", "head", "inner", "left")

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ.copy()
        self.inner: Visit | None = None  # of the layer inside; None if the layer answered by itself
        self.head: Head | None = None
        self.left: WSGIEnvironment | None = None  # of the innermost alone: the environ after the app

    def changes(self, hidden: Hidden) -> list[Change]:
        """Return what became of the environ on the way in, then of the status and the headers on the way out."""
        after = self.inner.environ if self.inner else self.left
        passed = self.inner.head if self.inner else None
        found = [*(_environ(self.environ, after) if after else ()), *(_head(passed, self.head) if self.head else ())]
        return [_shown(change, hidden) for change in found[:MAX_CHANGES]]


Kind = Literal["environ", "status", "header"]
Raw = tuple[Kind, str, Any, Any]  # a Change whose values are as they are


def _environ(before: WSGIEnvironment, after: WSGIEnvironment) -> Iterator[Raw]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is new and old is not None:
            continue
        same = old is new or (isinstance(old, _SCALAR) and isinstance(new, _SCALAR) and old == new)
        if not same or (name in before) != (name in after):
            yield "environ", name, old, new


def _head(passed: Head | None, answered: Head) -> Iterator[Raw]:
    """Yield the status if it is another, and headers: a name that went and came with another value was replaced."""
    old_status, old = passed or (None, [])
    status, new = answered
    if status != old_status:
        yield "status", "", old_status, status
    if new[: len(old)] == old:  # mostly, headers are added
        yield from (("header", name, None, value) for name, value in new[len(old) :])
        return
    gone = [*(Counter(old) - Counter(new)).elements()]
    for name, value in _in_order(Counter(new) - Counter(old), new):
        replaced = next((pair for pair in gone if pair[0].lower() == name.lower()), None)
        if replaced is not None:
            gone.remove(replaced)
        yield "header", name, replaced and replaced[1], value
    for name, value in gone:
        yield "header", name, value, None


def _in_order(counted: Counter[tuple[str, str]], pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        if counted[pair] > 0:
            counted[pair] -= 1
            yield pair


def _shown(change: Raw, hidden: Hidden) -> Change:
    kind, name, before, after = change
    return Change(kind, name, _value(hidden, name, before), _value(hidden, name, after))


def _value(hidden: Hidden, name: str, value: Any) -> str | None:
    return None if value is None else hidden.value(name, value)
