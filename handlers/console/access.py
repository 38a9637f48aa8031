"""Who looks at a page, and what they may: the rights of the rule that signed the request's token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.hub.sas import Audience, Right, Rule, Token, Unauthorized, authorize
from pipeline.store.clock import machine_time
from wz import Request

from ..services import services


@dataclass(frozen=True)
class Access:
    """What the holder of a token may do. `segments` are those of the path that the API has for a thing:
    `["boards", "actions"]`, or `["events"]` for the hub of that name with `hub=True`; none are the whole namespace.
    """

    request: Request
    token: Token

    def need(self, right: Right, *segments: str, hub: bool = False) -> Rule:
        """Return the rule that signed the token. Raises a leaf of `Unauthorized` if it does not grant this here.

        One round trip to Redis, none for the root rule.
        """
        found = services(self.request)
        audience = Audience(found.hosts, segments, hub)
        rules = found.rules.find(self.token.key_name, audience.hub)
        return authorize(self.token, rules, right, audience, machine_time() - found.clock_tolerance)

    def may(self, right: Right, *segments: str, hub: bool = False) -> bool:
        """Say whether `need` would return: for what a page shows or leaves out."""
        try:
            self.need(right, *segments, hub=hub)
        except Unauthorized:
            return False
        return True

    def hubs(self, right: Right, names: Sequence[str]) -> list[str]:
        """Return those of `names` for which `may` says yes."""
        return [name for name in names if self.may(right, name, hub=True)]


def access(request: Request) -> Access:
    """Return what the one who sent a request may do. Raises `MissingToken` if nobody has signed it."""
    return Access(request, Token.parse(request.environ.get("HTTP_AUTHORIZATION")))
