"""The Lua scripts beside this file."""

from __future__ import annotations

import re
from hashlib import sha1
from importlib.resources import files

from ..store.scripts import Client as Client
from ..store.scripts import Script

_CONSTANT = re.compile(r"^local ([A-Z][A-Z0-9_]+) = (.*?)(?:  --.*)?\n", re.MULTILINE)


class BoardScript(Script):
    """A script made of this folder's files, in their order, with the values of its constants where their names are.

    Each call of a script makes its functions anew, and a name outside that a function refers to takes twice as long as
    the function itself: without this, constants would have no names, or functions would be one.
    """

    def __init__(self, *names: str) -> None:
        folder = files(__package__)
        super().__init__(*(folder / name for name in names))
        while constant := _CONSTANT.search(self.text):
            name, value = constant.groups()
            rest = re.split(rf"\b{name}\b", self.text[constant.end() :])
            self.text = self.text[: constant.start()] + f"({value})".join(rest)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
