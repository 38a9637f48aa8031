"""The Authorization header that a connection string gives: tokens made with its key, or the one that it has."""

from __future__ import annotations

from urllib.parse import quote

from ..connection_string import ConnectionString, validity
from ..errors import PipelineError
from ..store.clock import machine_time
from .sas import sign

#: Seconds that a token lives; it is renewed when a quarter is left.
TOKEN_LIFETIME = 3600


class SignatureExpired(PipelineError):
    """A connection string with a signature instead of a key is of no use any more."""


class Authorization:
    """Gives the header for one hub of a namespace, or, with `hub` empty, for all of it.

    A token is made out to no more than it is needed for: a hub's own rule may sign for that hub alone. All threads of a
    process may share one.
    """

    def __init__(self, target: ConnectionString, hub: str | None) -> None:
        self._target = target
        self._resource = f"{target.url}/{quote(hub or '', safe='')}"
        self._token = ""
        self._renew_at = 0.0  # in Unix seconds

    def header(self) -> str:
        """Return the value that is good now. Raises `SignatureExpired`."""
        target, now = self._target, machine_time()
        if target.signature:
            if target.expires is not None and now >= target.expires:
                raise SignatureExpired(f"{target.host}: {validity(target.expires, now)}")
            return target.signature
        if now >= self._renew_at:
            self._token = sign(self._resource, target.key_name, target.key, int(now) + TOKEN_LIFETIME)
            self._renew_at = now + TOKEN_LIFETIME * 0.75
        return self._token

    def renew(self) -> bool:
        """Have the next token made anew, after one was refused; False if there is only the one."""
        self._renew_at = 0.0
        return not self._target.signature
