"""Errors about functions, windows and units of time: unknown names, and arguments that a function does not take."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from ..functions import FUNCTIONS, Function
from .syntax import Call, Star, Unit
from .tokens import At, QueryError, upper

#: A name is suggested if it is at most this much less like the word than the nearest name. Likeness is difflib's, from
#: 0 to 1.
_MARGIN = 0.1


def check_function(call: Call) -> None:
    """Raises `QueryError` if the function does not exist here; the error names the one to write instead, if any."""
    name = call.function
    function = FUNCTIONS.get(name)
    if function is None:
        raise unknown_function(name, call.at)
    if function.kind == "applied":
        raise QueryError(f"{function.name} gives rows: write CROSS APPLY {function.name}(...) AS x after FROM", call.at)
    if function.kind == "unsupported":
        message = f"{name} is a function of Stream Analytics that is not supported; instead: {function.instead}"
        raise QueryError(message, call.at)
    if function.kind == "foreign":
        raise QueryError(f"there is no function {name}: write {function.instead}", call.at)


def unknown_function(name: str, at: At) -> QueryError:
    """Return the error for a call's name, in upper case, that the table of functions does not have."""
    if name.startswith("UDF."):
        return QueryError(f"there is no function {name}: its source belongs in functions/, in a file of that name", at)
    if name.startswith("UDA."):
        return QueryError(f"{name} is a user-defined aggregate, which is not supported: write it as steps in WITH", at)
    can_be_window = means_window(name)
    usable = [
        known
        for known, function in FUNCTIONS.items()
        if function.kind != "foreign" and (can_be_window or function.kind != "window")
    ]
    return QueryError(f"there is no function {name}{_near_is(name, usable)}", at)


def unknown_window(written: str, at: At) -> QueryError:
    """Return the error for a call in the place of a window; `written` is its name as the query writes it."""
    name = upper(written)
    if name in FUNCTIONS and FUNCTIONS[name].instead:
        return QueryError(f"there is no window {written}: write {FUNCTIONS[name].instead}", at)
    windows = [known for known, function in FUNCTIONS.items() if function.kind == "window"]
    there_are = ", ".join(dict.fromkeys(FUNCTIONS[known].name for known in windows))
    return QueryError(f"there is no window {written}{_near_is(name, windows) or f'; there are {there_are}'}", at)


def means_window(name: str) -> bool:
    """Return whether `name`, in upper case and not in the table, looks like a window's: HOPING, TUMBLNGWINDOW."""
    nearest = _near(name, FUNCTIONS)[:1]
    is_near = nearest != ["WINDOW"] and any(FUNCTIONS[near].kind == "window" for near in nearest)
    return is_near or "WINDOW" in name


def unit_hint(word: str, units: Iterable[str]) -> str:
    """Return the end of an error message: which of `units` may be meant by `word`. '' if none is like it."""
    return _near_is(word.lower(), units)


def check_arguments(call: Call) -> None:
    """Raises `QueryError` for arguments that the function does not take. The table must have the function."""
    function = FUNCTIONS[call.function]
    takes_unit = function.first in ("unit", "interval")
    has_unit = bool(call.arguments) and isinstance(call.arguments[0], Unit)
    if any(isinstance(argument, Star) for argument in call.arguments[function.first == "star" :]):
        raise QueryError(f"{call.function} takes no *", call.at)
    if takes_unit and not has_unit:
        raise QueryError(f"{call.function} takes a unit of time first, such as minute", call.at)
    if has_unit and not takes_unit:
        raise QueryError(f"{call.function} takes no unit of time", call.at)
    count = len(call.arguments) - has_unit
    if count < function.least or (function.most is not None and count > function.most):
        raise QueryError(f"{call.function} takes {_takes(function)}, not {count}", call.at)


def _takes(function: Function) -> str:
    unit = "a unit of time and " if function.first in ("unit", "interval") else ""
    least, most = function.least, function.most
    if most is None:
        return f"{unit}at least {least} arguments"
    number = f"{least} to {most}" if 0 < least < most else f"{'at most ' if least < most else ''}{most}"
    return f"{unit}{number} argument{'' if most == 1 else 's'}"


def _near(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that are most like `word`, the nearest first, three at most."""
    near = get_close_matches(word, list(names), 3)
    return [name for name in near if _likeness(name, word) >= _likeness(near[0], word) - _MARGIN]


def _likeness(name: str, word: str) -> float:
    return SequenceMatcher(None, name, word).ratio()


def _near_is(word: str, names: Iterable[str]) -> str:
    """Return the end of an error message, '' if no name is like `word`. Functions are spelt as in the documentation."""
    near = list(dict.fromkeys(FUNCTIONS[name].name if name in FUNCTIONS else name for name in _near(word, names)))
    return f"; did you mean {' or '.join(near)}?" if near else ""
