"""Every Redis key of the console. HASH is the SHA-256, in hex, of what only a browser or a printed link has."""

from __future__ import annotations

from ..store.keys import Key

CODE = Key(
    "console:code:HASH",
    "string",
    "the SAS token that a link signs in with, which has not been used yet",
    "when the link expires (1 hour)",
    "the first use of the link",
)
SESSION = Key(
    "console:session:HASH",
    "string",
    "the SAS token that a browser has signed in with",
    "when the token expires",
    "signing out",
)

KEYS: tuple[Key, ...] = (CODE, SESSION)
