"""Who has signed in at the console: a SAS token for each session, and for each link that signs in once.

Redis keys: `CODE` and `SESSION`; see keys.py. A key is named by a hash, so whoever reads names of keys, or a list of
slow commands, can't sign in with what he has read.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import cast

from ..store import Redis, full
from ..store.keys import Key
from .keys import CODE, SESSION

#: Seconds in which a link that was printed can be used.
CODE_SECONDS = 3600

#: Seconds for which a session lasts whose token is made here, from a key.
SESSION_SECONDS = 12 * 3600

_RANDOM_BYTES = 32


def new_code(redis: Redis, token: str) -> str:
    """Return a code that signs in with `token`, an Authorization header's value, once and within `CODE_SECONDS`."""
    return _keep(redis, CODE, token, CODE_SECONDS)


def sign_in_link(redis: Redis, url: str, token: str) -> str:
    """Return an address with a new code, at the service that browsers find at `url`."""
    return f"{url}/console/sign-in?code={new_code(redis, token)}"


def take_code(redis: Redis, code: str) -> str | None:
    """Return the token of a code that was not used yet, which it then is; None for any other text."""
    return _text(redis.getdel(_name(CODE, code)))


def begin(redis: Redis, token: str, seconds: int) -> str:
    """Return the id of a new session, which lasts for so many seconds, at least one."""
    return _keep(redis, SESSION, token, seconds)


def find(redis: Redis, session: str) -> str | None:
    """Return the token of a session, or None if it has ended."""
    return _text(redis.get(_name(SESSION, session)))


def end(redis: Redis, session: str) -> None:
    """End a session, if it has not ended yet; a copy of its cookie is then worth nothing."""
    redis.delete(_name(SESSION, session))


def _keep(redis: Redis, key: Key, token: str, seconds: int) -> str:
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    full.queue(redis, "SET", _name(key, secret), token, "EX", seconds)  # who looks after a full store must get in
    return secret


def _name(key: Key, secret: str) -> str:
    return key.named(HASH=hashlib.sha256(secret.encode()).hexdigest())


def _text(found: object) -> str | None:
    return None if found is None else cast("bytes", found).decode()
