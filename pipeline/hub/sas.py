"""Shared Access Signatures: tokens that say by which rule (rules.py) a client acts, until when, below which address.

Source: Microsoft's "Generate a SAS token" and "Authorize access with Shared Access Signatures". The signature is
HMAC-SHA256, keyed with the key's text as it is (not base64-decoded), over the `sr` field exactly as it was sent,
a line feed, and `se`. Clients differ in the case of their percent-escapes, so the raw text must be kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_plus

from ..errors import PipelineError
from ..store.clock import machine_time
from .resource import covers
from .rules import Right, Rule

#: Seconds, by some makers of tokens with decimals, or with zeros in front.
_EXPIRY = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,20})?")

SCHEME = "SharedAccessSignature"

#: Clients send one token many times. What follows from its text, or from its text and a rule's keys, is cached for so
#: many tokens; whether it is expired, which rules there are and what they grant is checked for each request.
_REMEMBERED = 1024


class Unauthorized(PipelineError):
    """The base of every refusal; all of them are answered 401, as the service does."""


class MissingToken(Unauthorized): ...


class MalformedToken(Unauthorized): ...


class InvalidSignature(Unauthorized): ...


class ExpiredToken(Unauthorized): ...


class InvalidAudience(Unauthorized): ...


class MissingRight(Unauthorized):
    def __init__(self, rule: Rule, right: Right) -> None:
        super().__init__(f"the rule {rule.name!r} does not grant {right} here")
        self.rule, self.right = rule, right


class Token(NamedTuple):
    """A token's four fields; `resource` is `sr` and `expiry` is `se` as they were sent, for that is what is signed."""

    resource: str
    signature: str
    expiry: str
    key_name: str

    @property
    def expires(self) -> float:
        """Its end, in Unix seconds."""
        return float(self.expiry)

    @staticmethod
    @lru_cache(maxsize=_REMEMBERED)
    def parse(header: str | None) -> Token:
        """Read an Authorization header: fields in any order, unknown ones ignored.

        Raises `MissingToken` or `MalformedToken`.
        """
        if not header:
            raise MissingToken(
                "the Authorization header is missing: send 'SharedAccessSignature sr=..&sig=..&se=..&skn=..'"
            )
        scheme, _, text = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            raise MalformedToken(
                "a Bearer token of Microsoft Entra ID is not taken here: get the connection string of a rule, and send "
                f"a {SCHEME} that is made with its key"
            )
        if scheme.lower() != SCHEME.lower():
            raise MalformedToken(f"the Authorization header must be of the scheme {SCHEME}")
        fields: dict[str, str] = {}
        for part in filter(None, text.strip().split("&")):
            name, _, value = part.strip().partition("=")
            if name in fields:
                raise MalformedToken(f"the token has the field {name!r} twice")
            fields[name] = value
        for name in ("sr", "sig", "se", "skn"):
            if not fields.get(name):
                raise MalformedToken(f"the token has no field {name!r}")
        if not _EXPIRY.fullmatch(fields["se"]):
            raise MalformedToken("the token's field 'se' must be a time in Unix seconds")
        return Token(fields["sr"], unquote(fields["sig"]), fields["se"], unquote_plus(fields["skn"]))


class Audience(NamedTuple):
    """The address that a request is for: this namespace's hosts, and the path's segments, decoded.

    `any_case` is for paths of hubs, whose names ignore case, and whose first segment is a hub. `boards` are the names
    of the board, whose path it is: its own, and the one of which it is a period. A token or a rule may be for either.
    """

    hosts: frozenset[str]
    segments: Sequence[str]
    any_case: bool = False
    boards: Sequence[str] = ()

    @property
    def hub(self) -> str | None:
        """The hub's name in lower case, if the request is for one."""
        return self.segments[0].lower() if self.any_case and self.segments else None

    def is_below(self, resource: str) -> bool:
        """Say whether a token's resource is this address, or one above it."""
        path = tuple(self.segments)
        if covers(resource, self.hosts, path, self.any_case):
            return True
        others = ((path[0], name, *path[2:]) for name in self.boards[1:])
        return any(covers(resource, self.hosts, other, self.any_case) for other in others)


def signature(resource: str, key: str, expiry: int | str) -> str:
    """Return the base64 signature of an already escaped `resource`. `expiry` is signed as it is written."""
    digest = hmac.digest(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def sign(resource: str, key_name: str, key: str, expiry: int) -> str:
    """Return a whole token for `resource`, an unescaped URL. `expiry` is in Unix seconds."""
    escaped = quote(resource, safe="")
    sig = quote(signature(escaped, key, expiry), safe="")
    return f"{SCHEME} sr={escaped}&sig={sig}&se={expiry}&skn={quote(key_name, safe='')}"


def authorize(token: Token, rules: Sequence[Rule], right: Right, audience: Audience, now: float | None = None) -> Rule:
    """Return the one of `rules` that signed `token` if it grants `right` on `audience`.

    Raises what `identify` does, or `MissingRight`.
    """
    rule = identify(token, rules, audience, now)
    is_its = rule.hub in (None, audience.hub) and rule.board in (None, *audience.boards)
    if right not in rule.rights or not is_its:
        raise MissingRight(rule, right)
    return rule


def identify(token: Token, rules: Sequence[Rule], audience: Audience, now: float | None = None) -> Rule:
    """Return the one of `rules` that signed `token`, which must be good for `audience`, whatever it grants there.

    `rules` are those with the token's name (`Rules.find`); `now` is in Unix seconds. Raises a leaf of `Unauthorized`;
    an unknown rule and a wrong key give the same message.
    """
    rule = _signer(token, tuple(rules))
    if token.expires <= (machine_time() if now is None else now):
        raise ExpiredToken("the token is expired")
    if not audience.is_below(token.resource):
        raise InvalidAudience("the token is made out to another host or path (its sr field)")
    return rule


@lru_cache(maxsize=_REMEMBERED)
def _signer(token: Token, rules: tuple[Rule, ...]) -> Rule:
    """Try all keys, and compare each to its end, so that the time taken reveals nothing about them.

    A failure raises, so it is not cached: a client without a key can't displace cached tokens. That a cached token is
    found sooner reveals nothing either: one must know the whole token.
    """
    signer = None
    for rule in rules:
        for key in (rule.primary, rule.secondary):
            expected = signature(token.resource, key, token.expiry)
            if hmac.compare_digest(token.signature.encode(), expected.encode()):
                signer = rule
    if signer is None:
        raise InvalidSignature("the token has an invalid signature")
    return signer
