"""Every route of a blueprint that calls `protect` needs a SAS token: Listen to read, Send to write, or one for all.

A browser that has signed in at the console need not send one with GET and HEAD, so that its links, and an EventSource,
which can't send headers, are answered. Other methods always need the header: a browser sends a cookie also with a form
that a page of another port of this host has made, and what changes something must not be done for such a page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.hub.rules import Right, Rule
from pipeline.hub.sas import Audience, Token, Unauthorized, authorize
from pipeline.store.clock import machine_time
from wz import App, Blueprint, Request, Response
from wz.openapi import operation

from .services import services
from .sessions import authorization

#: The token's name in the OpenAPI document, and what it is. OpenAPI has no other type for such a token than "a header".
SAS = "sas"
SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "A SAS token, `SharedAccessSignature sr=..&sig=..&se=..&skn=..`; `wz token` makes one. "
    "A rule needs Listen to read, Send to write and Manage to manage hubs.",
}

#: nginx sets it when it asks about a request whose body it has not taken yet (deploy/nginx.conf), and lets no client's
#: through. Whoever reaches gunicorn's socket himself learns no more by it than by the request itself.
AUTHORIZE_ONLY = "X-Authorize-Only"

#: What would have been the body, since nginx drops that of such an answer; and the bytes that such a header may have,
#: so that all headers fit into nginx's proxy_buffer_size (4 KiB).
REFUSAL = "X-Refusal"
_MAX_REFUSAL = 2048

_READS = frozenset({"GET", "HEAD"})
_ONE_LINE = bytes.maketrans(b"\r\n\t", b"   ")
_checks: dict[str, Callable[[Request], None]] = {}  # by blueprint


def protect(blueprint: Blueprint, hub_paths: bool = False, right: Right | None = None) -> None:
    """Check the token before each request.

    `hub_paths`: the first path segment, or the one after `hubs`, is a hub, whose name ignores case. `right` is the one
    that all routes need, whatever their method.
    """

    @blueprint.before_request
    @operation(security=SAS, responses={401: "the token is missing, expired, not valid here, or lacks the right"})
    def check_token(request: Request) -> None:
        environ = request.environ
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return
        segments = [segment for segment in request.path.split("/") if segment]
        if hub_paths and segments[:1] == ["hubs"]:
            del segments[0]  # /hubs/events/... is read with a token for /events
        service = services(request)
        needed = right or (Right.LISTEN if method in _READS else Right.SEND)
        token = Token.parse(authorization(request))
        audience = Audience(service.hosts, segments, hub_paths)
        rules = service.rules.find(token.key_name, audience.hub)
        now = machine_time() - service.clock_tolerance
        request.g.signed_by = authorize(token, rules, needed, audience, now)
        request.g.token = token

    _checks[blueprint.name] = check_token


def answer_authorize_only(app: App) -> None:
    """Answer requests with `AUTHORIZE_ONLY` by 204, or by the 401 that they would get; no view and no other hook runs.

    A path that needs no token, or that nobody serves, is 204: its request is then answered as any other.
    """
    key = f"HTTP_{AUTHORIZE_ONLY.upper().replace('-', '_')}"

    @app.before_request
    def authorize_only(request: Request) -> WerkzeugResponse | None:
        if key not in request.environ:
            return None
        try:
            if check := _checks.get(request.blueprint or ""):
                check(request)
        except Unauthorized as exc:
            answer = cast("WerkzeugResponse", app.finalize(request, app.handle_user_exception(request, exc)))
            body = answer.get_data().translate(_ONE_LINE)
            if answer.mimetype != "text/html" and len(body) <= _MAX_REFUSAL:
                answer.headers[REFUSAL] = body.decode("latin-1")
            return answer
        return Response(status=204)


def signed_by(request: Request) -> Rule:
    """Return the rule whose key has signed the token of a request that was let in."""
    rule: Rule = request.g.signed_by
    return rule


def token_of(request: Request) -> Token:
    """Return the token of a request that was let in."""
    token: Token = request.g.token
    return token
