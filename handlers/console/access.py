"""Who looks at a page, and what they may: the rights of the rule that signed the request's token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.hub.resource import Resource
from pipeline.hub.rules import Right, Rule
from pipeline.hub.sas import (
    Audience,
    InvalidAudience,
    InvalidSignature,
    MissingRight,
    Token,
    Unauthorized,
    authorize,
    identify,
)
from pipeline.store.clock import machine_time
from wz import Request

from ..auth import audience_of
from ..services import services
from ..sessions import authorization

_ALL = frozenset({"GET", "HEAD", "POST"})


@dataclass(frozen=True)
class Access:
    """What the holder of a token may do. `segments` are those of the path that the API has for a thing:
    `["boards", "actions"]`, or `["events"]` for the hub of that name with `hub=True`; none are the whole namespace.
    """

    request: Request
    token: Token

    def need(self, right: Right, *segments: str, hub: bool = False) -> Rule:
        """Return the rule that signed the token.

        Raises `MissingRight` if it does not grant this here, another leaf of `Unauthorized` if the token is worth
        nothing at all. One round trip to Redis, none for the root rule.
        """
        audience, rules, now = self._asked(segments, hub)
        try:
            found = authorize(self.token, rules, right, audience, now)
        except (InvalidSignature, InvalidAudience):  # perhaps it is good for another place
            raise MissingRight(self.rule, right) from None
        self.request.g.signed_by, self.request.g.token = found, self.token
        return found

    def may(self, right: Right, *segments: str, hub: bool = False) -> bool:
        """Say whether `need` would return: for what a page shows or leaves out."""
        try:
            self.need(right, *segments, hub=hub)
        except MissingRight:
            return False
        return True

    def hubs(self, right: Right, names: Sequence[str]) -> list[str]:
        """Return those of `names` for which `may` says yes."""
        if self.may(right):  # in the whole namespace
            return list(names)
        return [name for name in names if self.may(right, name, hub=True)]

    @cached_property
    def rule(self) -> Rule:
        """The rule that signed the token, wherever the token is good. Raises a leaf of `Unauthorized`."""
        segments = [name.signed for name in Resource.parse(self.token.resource).names]
        audience, rules, now = self._asked(segments, hub=segments[:1] != ["boards"])
        found = self.request.g.signed_by = identify(self.token, rules, audience, now)
        return found

    def _asked(self, segments: Sequence[str], hub: bool) -> tuple[Audience, Sequence[Rule], float]:
        found = services(self.request)
        audience = audience_of(found.hosts, segments, hub)
        rules = found.rules.find(self.token.key_name, audience.hub, audience.boards)
        return audience, rules, machine_time() - found.clock_tolerance


def access(request: Request) -> Access:
    """Return what the one who sent a request may do. Raises `MissingToken` if nobody has signed in."""
    found: Access | None = request.g.get("access")
    if found is None:
        found = request.g.access = Access(request, Token.parse(authorization(request, _ALL)))
    return found


def signed_in(request: Request) -> Rule | None:
    """Return the rule of the one who sent a request, or None without one, or without one that is good."""
    try:
        return access(request).rule
    except Unauthorized:
        return None
