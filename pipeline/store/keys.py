"""What a Redis key is, so that each domain can list its own."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """A kind of key.

    `pattern` is its name, with the varying parts in capitals; `ttl` is None if it stays until it is deleted.
    """

    pattern: str
    type: str
    holds: str
    ttl: str | None
    deleted_by: str
