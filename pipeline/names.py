"""The names that people give to jobs and to reference data."""

from __future__ import annotations

import re

from .errors import InvalidValue

_MOST = 64  # characters

#: Such a name, as a regular expression of the whole.
NAME = rf"[A-Za-z0-9][A-Za-z0-9._\-]{{0,{_MOST - 1}}}"


def check_name(name: str, wrong: str = "no name") -> str:
    """Return `name` if it is one. Raises `InvalidValue`, which says that it is `wrong`."""
    if not re.fullmatch(NAME, name):
        raise InvalidValue(f"{name!r} is {wrong}: write 1 to {_MOST} letters, digits and . - _", "name")
    return name
