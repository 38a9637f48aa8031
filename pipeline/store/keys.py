"""The description of a Redis key, with which each domain lists its own; and the keys that mark a database."""

from __future__ import annotations

import re
from typing import NamedTuple

#: A part of a pattern that varies.
WORD = re.compile("[A-Z]+")


class Key(NamedTuple):
    """A kind of key.

    `pattern` is its name, with the varying parts in capitals; `type` is the reply of TYPE; `ttl` is None if the key
    stays until it is deleted.
    """

    pattern: str
    type: str
    holds: str
    ttl: str | None
    deleted_by: str

    def named(self, **parts: str) -> str:
        """Return the name of one such key: `parts` has a value for each word in capitals."""
        return WORD.sub(lambda word: parts[word[0]], self.pattern)

    def __call__(self, *values: object) -> str:
        """Return the name of one such key: `values` has one for each word in capitals, in the pattern's order."""
        return self.named(**dict(zip(WORD.findall(self.pattern), map(str, values), strict=True)))


ENVIRONMENT = Key("wz:environment", "string", "the environment that the database belongs to", None, "nobody")
BOARD_SHARDS = Key(
    "wz:board-shards", "string", "into how many shards each board is split", None, "an operator, by hand"
)
ANSWER = Key(
    "wz:answer:DIGEST",
    "string",
    "for the SHA-256 of a method, a path and an Idempotency-Key: that the request was begun, or the answer to it",
    "`WZ_REMEMBER_EVENTS` after the answer, or after the beginning of a request that has none",
    "a request that was refused",
)

KEYS = (ENVIRONMENT, BOARD_SHARDS, ANSWER)
