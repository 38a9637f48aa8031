"""Every route of a blueprint that calls `protect` needs a SAS token: Listen to read, Send to write, or one for all."""

from __future__ import annotations

from pipeline.hub.sas import Audience, Right, Rule, Token, authorize
from pipeline.store.clock import machine_time
from wz import Blueprint, Request
from wz.openapi import operation

from .services import services

#: The token's name in the OpenAPI document, and what it is. OpenAPI has no other type for such a token than "a header".
SAS = "sas"
SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "A SAS token, `SharedAccessSignature sr=..&sig=..&se=..&skn=..`; `wz token` makes one. "
    "A rule needs Listen to read, Send to write and Manage to manage hubs.",
}

_READS = frozenset({"GET", "HEAD"})


def protect(blueprint: Blueprint, hub_paths: bool = False, right: Right | None = None) -> None:
    """Check the token before each request.

    `hub_paths`: the first path segment, or the one after `hubs`, is a hub, whose name ignores case. `right` is the one
    that all routes need, whatever their method.
    """

    @blueprint.before_request
    @operation(security=SAS, responses={401: "the token is missing, expired, not valid here, or lacks the right"})
    def check_token(request: Request) -> None:
        if request.method == "OPTIONS":
            return
        segments = [segment for segment in request.path.split("/") if segment]
        if hub_paths and segments[:1] == ["hubs"]:
            del segments[0]  # /hubs/events/... is read with a token for /events
        service = services(request)
        needed = right or (Right.LISTEN if request.method in _READS else Right.SEND)
        token = Token.parse(request.headers.get("Authorization"))
        audience = Audience(service.hosts, segments, hub_paths)
        rules = service.rules.find(token.key_name, audience.hub)
        now = machine_time() - service.clock_tolerance
        request.g.signed_by = authorize(token, rules, needed, audience, now)


def signed_by(request: Request) -> Rule:
    """Return the rule whose key has signed the token of a request that was let in."""
    rule: Rule = request.g.signed_by
    return rule
