"""The Lua scripts beside this file."""

from __future__ import annotations

from importlib.resources import files

from ..store import scripts
from ..store.scripts import Client as Client


class Script(scripts.Script):
    """A script made of this folder's files, in their order."""

    def __init__(self, *names: str) -> None:
        folder = files(__package__)
        super().__init__(*(folder / name for name in names))
