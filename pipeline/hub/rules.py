"""Shared access rules: named keys, and the rights of the tokens that are signed with them."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Literal, cast

import msgspec

from ..connection_string import ConnectionString
from ..errors import InvalidValue, PipelineError
from ..store import Redis, while_full
from .keys import RULES
from .rate import check_rate

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?")


class Right(StrEnum):
    SEND = "Send"
    LISTEN = "Listen"
    MANAGE = "Manage"
    #: Says that the sender is a relay, of which the hub leaves out what it sends again: see `Hub.append`.
    RELAY = "Relay"


#: Each right with those that it brings. Manage does not bring Relay: who has that agrees that events are left out.
_INCLUDED = {
    Right.MANAGE: frozenset({Right.SEND, Right.LISTEN, Right.MANAGE}),
    Right.RELAY: frozenset({Right.SEND, Right.RELAY}),
}


def rights_of(chosen: Iterable[Right]) -> frozenset[Right]:
    """Return the rights that a rule gets with these: Manage brings Send and Listen, Relay brings Send."""
    return frozenset(right for one in chosen for right in _INCLUDED.get(one, {one}))


class UnknownRule(PipelineError, LookupError): ...


class RuleExists(PipelineError):
    def __init__(self, rule: str) -> None:
        super().__init__(
            f"there is a rule {rule!r} already, and its keys are in use: `wz rule rotate` gives it a new key, "
            "`wz rule set` other limits, `wz rule delete` takes it away"
        )


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named pair of keys, either of which can sign, and the rights of tokens that they signed.

    `hub` narrows a rule to one hub (lower case), `board` to one board and its periods; a rule without either covers the
    whole namespace, boards and outputs included. `rights_of` says which rights include others. What its tokens may send
    to a hub in a second has a limit unless it is 0.
    """

    name: str
    primary: str
    secondary: str
    rights: frozenset[Right]
    hub: str | None = None
    events_per_second: int = 0
    bytes_per_second: int = 0
    board: str | None = None

    @property
    def id(self) -> str:
        """Its field in Redis, which no other rule has: NAME, HUB/NAME of a hub, or boards/BOARD/NAME."""
        return _field(self.name, self.hub, self.board)

    def __repr__(self) -> str:  # the keys must not reach a log
        return f"<Rule {self.id!r} {sorted(self.rights)}>"


class Rules:
    """The namespace's rules, its hubs' and its boards': the root rule from the settings, the others from Redis.

    A hub or a board may have a rule of the same name as another one or the namespace has. A board's rules stay when it
    is deleted: a board comes into being by its first score. They are read from Redis for each token,
    so that a key is invalid as soon as it is replaced or deleted.

    Redis key: `RULES`; see keys.py.
    """

    KEY = RULES.pattern

    def __init__(self, client: Redis, root: ConnectionString) -> None:
        self.redis = client
        self.root = Rule(root.key_name, root.key, root.key, rights_of({Right.MANAGE}))

    def find(self, name: str, hub: str | None = None, boards: Iterable[str] = ()) -> list[Rule]:
        """Return the rules of this name that may have signed a token for `hub` or `boards`: theirs and the namespace's.

        One round trip; none for the root rule.
        """
        if name == self.root.name:
            return [self.root]
        fields = [*(_field(name, None, board) for board in boards), *([_field(name, hub)] if hub else ()), name]
        stored = cast("list[bytes | None]", self.redis.hmget(self.KEY, fields))
        return [msgspec.json.decode(data, type=Rule) for data in stored if data is not None]

    def get(self, name: str, hub: str | None = None, board: str | None = None) -> Rule:
        """Return the hub's rule, or the board's; without either, the namespace's, or the only rule of that name.

        Raises `UnknownRule`, or `InvalidValue` if there are several.
        """
        found = {rule.id: rule for rule in self if rule.name == name}
        wanted = _field(name, hub, board)
        if wanted in found:
            return found[wanted]
        if wanted != name or not found:
            raise UnknownRule(f"there is no rule {wanted!r}; `wz rule list` shows them")
        if len(found) > 1:
            raise InvalidValue(f"there are several rules {name!r}: {', '.join(found)}; say whose it is", field="hub")
        return found.popitem()[1]

    def of(self, hub: str | None) -> list[Rule]:
        """Return the rules of one hub, or, for None, those that cover the whole namespace."""
        return [rule for rule in self if rule.hub == hub and rule.board is None]

    def __iter__(self) -> Iterator[Rule]:
        yield self.root
        stored = cast("list[bytes]", self.redis.hvals(self.KEY))
        yield from sorted(
            (msgspec.json.decode(data, type=Rule) for data in stored),
            key=lambda r: (r.board or "", r.hub or "", r.name),
        )

    def add(
        self, name: str, rights: frozenset[Right], hub: str | None = None, board: str | None = None, **limits: int
    ) -> Rule:
        """Make a rule with two new keys, and the `limits` of `change`. Raises `InvalidValue` or `RuleExists`."""
        if name == self.root.name or not _NAME.fullmatch(name):
            raise InvalidValue(
                f"{name!r}: a rule's name is 1 to 50 letters, digits and . - _, and not the root rule's", field="name"
            )
        rule = _limited(Rule(name, new_key(), new_key(), rights, hub.lower() if hub else None, board=board), limits)
        if not self.redis.hsetnx(self.KEY, rule.id, msgspec.json.encode(rule)):
            raise RuleExists(rule.id)
        return rule

    def change(self, name: str, hub: str | None = None, board: str | None = None, **limits: int) -> Rule:
        """Change how much a rule's tokens may send: `events_per_second`, `bytes_per_second`, 0 for no limit.

        Raises `UnknownRule` or `InvalidValue`.
        """
        if name == self.root.name and hub is None and board is None:
            raise InvalidValue(f"{name!r} is the root rule, which has no limit", field="name")
        return self._replace(_field(name, hub, board), lambda rule: _limited(rule, limits))

    def rotate(
        self, name: str, which: Literal["primary", "secondary"], hub: str | None = None, board: str | None = None
    ) -> Rule:
        """Replace one of a rule's keys; tokens made with the other stay good. Raises `UnknownRule` or `InvalidValue`.

        To replace both without a pause: rotate the secondary, give it to the clients, then rotate the primary.
        """
        if name == self.root.name and hub is None and board is None:
            raise InvalidValue(
                f"{name!r} is the root rule: its key is in the connection string that the service was started with",
                field="name",
            )
        return self._replace(_field(name, hub, board), lambda rule: msgspec.structs.replace(rule, **{which: new_key()}))

    def _replace(self, field: str, change: Callable[[Rule], Rule]) -> Rule:
        while True:
            data = cast("bytes | None", self.redis.hget(self.KEY, field))
            if data is None:
                raise UnknownRule(f"there is no rule {field!r}; `wz rule list` shows them")
            changed = change(msgspec.json.decode(data, type=Rule))
            if while_full.replace(self.redis, self.KEY, field, data, msgspec.json.encode(changed)):
                return changed

    def remove(self, name: str, hub: str | None = None, board: str | None = None) -> None:
        """Delete a rule. Raises `UnknownRule`."""
        if not self.redis.hdel(self.KEY, _field(name, hub, board)):
            raise UnknownRule(f"there is no rule {_field(name, hub, board)!r} that can be deleted")


def new_key() -> str:
    """Return a new key, made as Azure makes them: 32 random bytes as base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _limited(rule: Rule, limits: Mapping[str, int]) -> Rule:
    for field, number in limits.items():
        check_rate(number, field)
    return msgspec.structs.replace(rule, **limits)


def _field(name: str, hub: str | None, board: str | None = None) -> str:
    if board:
        return f"boards/{board}/{name}"  # no hub has this name, which is one of the service's own paths
    return f"{hub.lower()}/{name}" if hub else name
