"""Every route of a blueprint that calls `protect` needs a SAS token, with the right that it asks for.

Listen to read, Send to write, Manage to delete; or one right for all routes of the blueprint; or that of `needs`.

A browser that has signed in at the console need not send one with GET and HEAD, so that its links, and an EventSource,
which can't send headers, are answered. Other methods always need the header: a browser sends a cookie also with a form
that a page of another port of this host has made, and what changes something must not be done for such a page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.boards.periods import without_period
from pipeline.hub.rules import Right, Rule
from pipeline.hub.sas import Audience, MissingRight, Token, Unauthorized, authorize
from pipeline.store.clock import machine_time
from wz import App, Blueprint, Request, Response
from wz.encoded_slash import names_in_path
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
    "The rule that signs it must grant the right that an operation names: Listen, Send or Manage.",
}

F = TypeVar("F", bound=Callable[..., Any])

#: nginx sets it when it asks about a request whose body it has not taken yet (deploy/nginx.conf), and lets no client's
#: through. Whoever reaches gunicorn's socket himself learns no more by it than by the request itself.
AUTHORIZE_ONLY = "X-Authorize-Only"

#: What would have been the body, since nginx drops that of such an answer; and the bytes that such a header may have,
#: so that all headers fit into nginx's proxy_buffer_size (4 KiB).
REFUSAL = "X-Refusal"
_MAX_REFUSAL = 2048

_READS = frozenset({"GET", "HEAD"})
_ONE_LINE = bytes.maketrans(b"\r\n\t", b"   ")
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
_checks: dict[str, Callable[[Request], None]] = {}  # by blueprint


def needs(right: Right) -> Callable[[F], F]:
    """Decorate a view that needs another right than its method says."""

    def decorate(view: F) -> F:
        view.__needs__ = right  # type: ignore[attr-defined]
        return view

    return decorate


def of_named_boards(view: F) -> F:
    """Decorate a view that asks about boards which the query names as `board`: a token need be good for these alone.

    It must refuse a query with `board` in which it does something else. Without any the path counts, as elsewhere.
    """
    view.__named_boards__ = True  # type: ignore[attr-defined]
    return view


def protect(blueprint: Blueprint, hub_paths: bool = False, right: Right | None = None) -> None:
    """Check the token before each request.

    `hub_paths`: the first path segment, or the one after `hubs`, is a hub, whose name ignores case. `right` is the one
    that all routes need, whatever their method.
    """

    def needed(method: str, view: Any) -> Right:
        its = right or getattr(view, "__needs__", None)
        return its or (Right.LISTEN if method in _READS else Right.MANAGE if method == "DELETE" else Right.SEND)

    @blueprint.before_request
    @operation(
        security=SAS,
        roles=lambda method, view: [needed(method, view).value],
        responses={401: "the token is missing, expired, not valid here, or lacks the right"},
    )
    def check_token(request: Request) -> None:
        method = request.environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return
        segments, view = names_in_path(request), request.route.view
        if hub_paths and segments[:1] == ["hubs"]:
            del segments[0]  # /hubs/events/... is read with a token for /events
        is_board = not hub_paths and segments[:1] == ["boards"]
        token = Token.parse(authorization(request))
        if hasattr(view, "__named_boards__") and (named := request.args.getlist("board")):
            for name in dict.fromkeys(named[1:]):
                _check(request, token, Right.LISTEN, ["boards", name])
            segments = ["boards", named[0]]
        request.g.signed_by = _check(request, token, needed(method, view), segments, hub_paths)
        request.g.token = token
        if is_board and not may_read(request) and any(name in request.environ for name in _CONDITIONS):
            raise MissingRight(signed_by(request), Right.LISTEN)  # 412 or not would tell what there is

    _checks[blueprint.name] = check_token


def authorize_board(request: Request, name: str, right: Right) -> None:
    """Do for a board that the body names what was done for the path.

    Raises `Unauthorized`. Call it for every such board before anything is changed.
    """
    try:
        _check(request, token_of(request), right, ["boards", name])
    except Unauthorized as exc:
        raise Unauthorized(f"board {name!r}: {exc}") from exc


def may_read(request: Request) -> bool:
    """Say whether a request that was let in may be told what there is: one with Send alone learns no score."""
    return Right.LISTEN in signed_by(request).rights


def _check(request: Request, token: Token, right: Right, segments: list[str], hub_paths: bool = False) -> Rule:
    """Return the rule that signed the token, which is good for a path. One round trip, none for the root rule."""
    service = services(request)
    audience = audience_of(service.hosts, segments, hub_paths)
    rules = service.rules.find(token.key_name, audience.hub, audience.boards)
    return authorize(token, rules, right, audience, machine_time() - service.clock_tolerance)


def audience_of(hosts: frozenset[str], segments: Sequence[str], hub_paths: bool) -> Audience:
    """Return what a token must be good for, given the names of a path; with `hub_paths` the first of them is a hub."""
    if hub_paths or len(segments) < 2 or segments[0] != "boards":
        return Audience(hosts, segments, hub_paths)
    name = segments[1]
    whole = without_period(name)
    return Audience(hosts, segments, boards=(name,) if whole == name else (name, whole))


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
