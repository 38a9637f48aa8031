"""The Lua scripts beside this file, and what they have in common with Python."""

from __future__ import annotations

import re
from importlib.resources import files

from ..store.keys import WORD, Key
from ..store.scripts import Script
from . import keys
from .form import ARRIVAL_BYTES
from .scores import PLACES

_CONSTANT = re.compile(r"local ([A-Z][A-Z0-9_]+) = (.*?)(?:  --.*)?\n")
_WORD = re.compile(r"\w+")


class BoardScript(Script):
    """A script made from files of this folder, in this order, with each constant's name replaced by its value.

    Each call of a script makes its functions anew, and each local outside of a function that it refers to takes twice
    as long as the function itself. Without this, the scripts could afford neither named constants nor several
    functions. All scripts have the constants of `constants`.
    """

    def __init__(self, *names: str, reads_only: bool = False) -> None:
        folder = files(__package__)
        super().__init__(*(folder / name for name in names), reads_only=reads_only)

    def finish(self, text: str) -> str:
        values: dict[str, str] = {}
        lines = []
        for line in (constants() + text).splitlines(keepends=True):
            written = _WORD.sub(lambda word: values.get(word[0], word[0]), line)
            if constant := _CONSTANT.fullmatch(written):
                name, value = constant.groups()
                values[name] = f"({value})"
            else:
                lines.append(written)
        return "".join(lines)


def constants() -> str:
    """Return the constants that Lua takes from Python, as Lua.

    `string.sub(KEYS[1], 1, PREFIX_END)` is the prefix that all keys of a shard have, if KEYS[1] has the scores.
    After it comes, for each key X of keys.py, KEY_X. One with SEGMENT in it is made with the variable `segment`:
    KEY_IN_SEGMENT, for instance, is `'in:' .. segment`.
    """
    values: dict[str, object] = {
        "PREFIX_END": -1 - len(keys.after_prefix(keys.SCORES)),
        "DEFAULT_PLACES": PLACES,
        "MOST_SEGMENTS": keys.MOST_SEGMENTS,
        "MOST_CHANGES": keys.MOST_CHANGES,
        "MOST_WORK": keys.MOST_WORK,
        "ARRIVAL_BYTES": ARRIVAL_BYTES,
        "ARRIVAL": f"'>I{ARRIVAL_BYTES}'",
    }
    values |= {f"KEY_{name}": _expression(key) for name, key in vars(keys).items() if isinstance(key, Key)}
    return "".join(f"local {name} = {value}\n" for name, value in values.items())


def _expression(key: Key) -> str:
    """Return the name of a key, after the prefix, as an expression of Lua."""
    parts = re.split(f"({WORD.pattern})", keys.after_prefix(key))
    return " .. ".join(part.lower() if WORD.fullmatch(part) else f"'{part}'" for part in parts if part)
