"""What is said of a function, a window or a unit of time that is not there, or is given what it does not take."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from ..functions import FUNCTIONS, Function
from .syntax import Call, Star, Unit
from .tokens import At, QueryError, upper

#: A name that is less alike than the best one by more than this is not meant.
_MARGIN = 0.1


def check_function(call: Call) -> None:
    """Raises `QueryError` if there is no function of the call's name here, and says which is meant or can be used."""
    name = call.function
    function = FUNCTIONS.get(name)
    if function is None:
        raise unknown_function(name, call.at)
    if function.kind == "unsupported":
        raise QueryError(f"{name} is a function of Stream Analytics that is not supported", call.at)
    if function.kind == "foreign":
        raise QueryError(f"there is no function {name}: write {function.instead}", call.at)


def unknown_function(name: str, at: At) -> QueryError:
    """Return the error for a name, in upper case, that is not in the table."""
    if name.startswith(("UDF.", "UDA.")):
        return QueryError(f"{name} is a user-defined function that is not supported", at)
    can_be_window = means_window(name)
    usable = [
        known
        for known, function in FUNCTIONS.items()
        if function.kind != "foreign" and (can_be_window or function.kind != "window")
    ]
    return QueryError(f"there is no function {name}{_near_is(name, usable)}", at)


def unknown_window(written: str, at: At) -> QueryError:
    """Return the error for what is called where a window has to be, and is none."""
    name = upper(written)
    if name in FUNCTIONS and FUNCTIONS[name].instead:
        return QueryError(f"there is no window {written}: write {FUNCTIONS[name].instead}", at)
    windows = [known for known, function in FUNCTIONS.items() if function.kind == "window"]
    there_are = ", ".join(dict.fromkeys(FUNCTIONS[known].name for known in windows))
    return QueryError(f"there is no window {written}{_near_is(name, windows) or f'; there are {there_are}'}", at)


def means_window(name: str) -> bool:
    """Tell whether `name`, in upper case and of no function, looks like that of a window: Hoping, TumblngWindow."""
    nearest = _near(name, FUNCTIONS)[:1]
    is_near = nearest != ["WINDOW"] and any(FUNCTIONS[near].kind == "window" for near in nearest)
    return is_near or "WINDOW" in name


def unit_hint(word: str, units: Iterable[str]) -> str:
    """Return the end of an error about a word that is none of `units`: the one that is near, '' if none is."""
    return _near_is(word.lower(), units)


def check_arguments(call: Call) -> None:
    """Raises `QueryError` for arguments that the call's function, one of the table, doesn't take."""
    function, first = FUNCTIONS[call.function], call.arguments[:1]
    has_unit = any(isinstance(argument, Unit) for argument in first)
    takes_unit = function.first in ("unit", "interval")
    is_starred = any(isinstance(argument, Star) for argument in first) and function.first == "star"
    if any(isinstance(argument, Star) for argument in call.arguments[is_starred:]):
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
    """Return the names that are most like `word`, three at most, none if all are too different."""
    near = get_close_matches(word, list(names), 3)
    return [name for name in near if _likeness(name, word) >= _likeness(near[0], word) - _MARGIN]


def _likeness(name: str, word: str) -> float:
    return SequenceMatcher(None, name, word).ratio()


def _near_is(word: str, names: Iterable[str]) -> str:
    """Return the end of an error: which of `names` are near, functions spelt as in the documentation; '' if none is."""
    near = list(dict.fromkeys(FUNCTIONS[name].name if name in FUNCTIONS else name for name in _near(word, names)))
    if not near:
        return ""
    return f"; near {'is' if len(near) == 1 else 'are'} {', '.join(near)}"
