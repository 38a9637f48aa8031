"""Shared Access Signatures: who may do what, for how long, below which address.

Source: Microsoft's "Generate a SAS token" and "Authorize access with Shared Access Signatures". The signature is
HMAC-SHA256, keyed with the key's text as it is (not base64-decoded), over the `sr` field exactly as it was sent,
a line feed, and `se`. Clients differ in the case of their percent-escapes, so the raw text must be kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, cast
from urllib.parse import quote, unquote

import msgspec
import redis

from ..errors import InvalidValue, PipelineError
from .connection_string import ConnectionString

_RULE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?")

SCHEME = "SharedAccessSignature"


class Right(StrEnum):
    SEND = "Send"
    LISTEN = "Listen"
    MANAGE = "Manage"


class Unauthorized(PipelineError):
    """The base of every refusal; all of them are answered 401, as the service does."""


class MissingToken(Unauthorized): ...


class MalformedToken(Unauthorized): ...


class InvalidSignature(Unauthorized): ...


class ExpiredToken(Unauthorized): ...


class InvalidAudience(Unauthorized): ...


class MissingRight(Unauthorized): ...


class UnknownRule(PipelineError, LookupError): ...


class Rule(msgspec.Struct, frozen=True):
    """A named pair of keys, either of which signs, and what its tokens may do.

    `hub` narrows a rule to one hub (lower case); None covers the namespace, the boards and the outputs with it.
    Manage includes Send and Listen.
    """

    name: str
    primary: str
    secondary: str
    rights: frozenset[Right]
    hub: str | None = None

    def __repr__(self) -> str:  # the keys must not reach a log
        return f"<Rule {self.name!r} {sorted(self.rights)} hub={self.hub!r}>"


class Rules(Mapping[str, Rule]):
    """The namespace's rules: the root rule from the settings, the others from Redis, read afresh at each look-up.

    Redis key:
        namespace:rules  hash, rule's name -> its fields as JSON, keys included
    """

    KEY = "namespace:rules"

    def __init__(self, client: redis.Redis, root: ConnectionString) -> None:
        self.redis = client
        self.root = Rule(root.key_name, root.key, root.key, frozenset(Right))

    def __getitem__(self, name: str) -> Rule:
        if name == self.root.name:
            return self.root
        data = cast("bytes | None", self.redis.hget(self.KEY, name))
        if data is None:
            raise KeyError(name)
        return msgspec.json.decode(data, type=Rule)

    def __iter__(self) -> Iterator[str]:
        yield self.root.name
        yield from (name.decode() for name in cast("list[bytes]", self.redis.hkeys(self.KEY)))

    def __len__(self) -> int:
        return 1 + self.redis.hlen(self.KEY)

    def add(self, name: str, rights: frozenset[Right], hub: str | None = None) -> Rule:
        """Make a rule with two fresh keys, in place of any of that name. Raises `InvalidValue`."""
        if name == self.root.name or not _RULE_NAME.fullmatch(name):
            raise InvalidValue(
                f"{name!r}: a rule's name is 1 to 50 letters, digits and . - _, and not the root rule's", field="name"
            )
        rule = Rule(name, new_key(), new_key(), rights, hub)
        self.redis.hset(self.KEY, name, msgspec.json.encode(rule))
        return rule

    def remove(self, name: str) -> None:
        """Delete a rule. Raises `UnknownRule`."""
        if not self.redis.hdel(self.KEY, name):
            raise UnknownRule(f"there is no rule {name!r} that can be deleted")


class Token(NamedTuple):
    """A token's four fields; `resource` is `sr` as it was sent, still escaped; `expiry` is in Unix seconds."""

    resource: str
    signature: str
    expiry: int
    key_name: str

    @classmethod
    def parse(cls, header: str | None) -> Token:
        """Read an Authorization header: fields in any order, unknown ones ignored.

        Raises `MissingToken` or `MalformedToken`.
        """
        if not header:
            raise MissingToken(
                "the Authorization header is missing: send 'SharedAccessSignature sr=..&sig=..&se=..&skn=..'"
            )
        scheme, _, text = header.strip().partition(" ")
        if scheme.lower() != SCHEME.lower():
            raise MalformedToken(f"the Authorization header must be of the scheme {SCHEME}")
        fields: dict[str, str] = {}
        for part in filter(None, text.strip().split("&")):
            name, _, value = part.strip().partition("=")
            if name in fields:
                raise MalformedToken(f"the token's field {name!r} stands twice")
            fields[name] = value
        for name in ("sr", "sig", "se", "skn"):
            if not fields.get(name):
                raise MalformedToken(f"the token has no field {name!r}")
        if not re.fullmatch(r"[0-9]{1,15}", fields["se"]):
            raise MalformedToken("the token's field 'se' must be a time in Unix seconds")
        return cls(fields["sr"], unquote(fields["sig"]), int(fields["se"]), unquote(fields["skn"]))


class Audience(NamedTuple):
    """What a request is for: the hosts that this namespace answers to, and the path's segments, decoded.

    `any_case` is for paths of hubs, whose names ignore case.
    """

    hosts: frozenset[str]
    segments: Sequence[str]
    any_case: bool = False


def new_key() -> str:
    """Return a key as the service makes them: 32 random bytes as base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def signature(resource: str, key: str, expiry: int) -> str:
    """Return the base64 signature of an already escaped `resource`."""
    digest = hmac.digest(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def sign(resource: str, key_name: str, key: str, expiry: int) -> str:
    """Return a whole token for `resource`, an unescaped URL. `expiry` is in Unix seconds."""
    escaped = quote(resource, safe="")
    sig = quote(signature(escaped, key, expiry), safe="")
    return f"{SCHEME} sr={escaped}&sig={sig}&se={expiry}&skn={quote(key_name, safe='')}"


def authorize(
    token: Token, rules: Mapping[str, Rule], right: Right, audience: Audience, now: float | None = None
) -> Rule:
    """Return the rule that signed `token` if it grants `right` on `audience`.

    `now` is in Unix seconds. Raises a leaf of `Unauthorized`; an unknown rule and a wrong key read alike.
    """
    try:
        rule = rules[token.key_name]
    except KeyError:
        raise InvalidSignature("the token has an invalid signature") from None
    expected = [signature(token.resource, key, token.expiry) for key in (rule.primary, rule.secondary)]
    if not any(hmac.compare_digest(token.signature.encode(), sig.encode()) for sig in expected):
        raise InvalidSignature("the token has an invalid signature")
    if token.expiry <= (time.time() if now is None else now):
        raise ExpiredToken("the token is expired")
    if not covers(token.resource, audience):
        raise InvalidAudience("the token is made out to another host or path (its sr field)")
    if right not in rule.rights or not _in_scope(rule, audience):
        raise MissingRight(f"the rule {rule.name!r} does not grant {right} here")
    return rule


def covers(resource: str, audience: Audience) -> bool:
    """Say whether an escaped `sr` is the audience's address or one above it, on whole path segments.

    Scheme, port, query and trailing slash do not count. The PyPI client `azure-servicebus` writes two ports,
    `http://host:18080:80/hub/messages?...`, and escapes path segments twice.
    """
    url = re.sub(r"^[a-z][a-z0-9+.-]*://", "", unquote(resource), flags=re.IGNORECASE).partition("?")[0]
    authority, _, path = url.partition("/")
    host = re.sub(r"(:\d+)*$", "", authority).lower()
    segments = [unquote(segment) for segment in path.split("/") if segment]
    wanted = list(audience.segments[: len(segments)])
    if audience.any_case:
        segments, wanted = [s.lower() for s in segments], [s.lower() for s in wanted]
    return host in audience.hosts and segments == wanted


def _in_scope(rule: Rule, audience: Audience) -> bool:
    return rule.hub is None or (
        audience.any_case and len(audience.segments) > 0 and audience.segments[0].lower() == rule.hub
    )
