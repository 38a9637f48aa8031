"""Every Redis key of reference data: what was put, and not the hashes that people fill themselves.

VERSION    the random id of a version
"""

from __future__ import annotations

from ..store.keys import Key

_TABLES = Key("references", "hash", "name -> Table as JSON; see reference/tables.py", None, "a field, with the table")
version = Key(
    "reference-version:VERSION",
    "string",
    "the rows of a version of a table, an array in JSON",
    None,
    "with the table, or once there are ten newer ones",
)

KEYS: tuple[Key, ...] = (_TABLES, version)

TABLES = _TABLES.pattern
