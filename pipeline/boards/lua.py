"""The Lua scripts beside this file."""

from __future__ import annotations

import re
from hashlib import sha1
from importlib.resources import files

from ..store.scripts import Script

_CONSTANT = re.compile(r"^local ([A-Z][A-Z0-9_]+) = (.*?)(?:  --.*)?\n", re.MULTILINE)


class BoardScript(Script):
    """A script made from files of this folder, in this order, with each constant's name replaced by its value.

    Each call of a script makes its functions anew, and each local outside of a function that it refers to takes twice
    as long as the function itself. Without this, the scripts could afford neither named constants nor several
    functions.
    """

    def __init__(self, *names: str) -> None:
        folder = files(__package__)
        super().__init__(*(folder / name for name in names))
        while constant := _CONSTANT.search(self.text):
            name, value = constant.groups()
            rest = re.split(rf"\b{name}\b", self.text[constant.end() :])
            self.text = self.text[: constant.start()] + f"({value})".join(rest)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
