"""Where a program's files are: the folder of the module that an app or a blueprint was made in."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec


def root_path(import_name: str) -> str:
    """Return the folder of a module or package, imported or not; the current folder for one that has no file.

    The main module of a shell has none, nor has a name that is not a module's.
    """
    file = getattr(sys.modules.get(import_name), "__file__", None)
    if file is None and import_name not in sys.modules:
        try:
            spec = find_spec(import_name)
        except (ImportError, ValueError):  # a parent that is no package, an empty name
            spec = None
        file = spec.origin if spec is not None and spec.has_location else None
    return os.path.dirname(os.path.abspath(file)) if file else os.getcwd()
