"""Cross-origin requests (CORS, in the Fetch standard): pages of other origins that may read an app's answers.

    CORS(app, ["https://shop.example"])         # all routes
    CORS(app, "*", blueprints=[prices])         # any page, the routes of one blueprint

A browser lets a page send to another origin what a form could, and shows it the answer only if that names the page's
origin. Anything else, such as a PUT or a token in a header, it first asks for, with OPTIONS: the *preflight*. It is
answered here, before all hooks of the program, since it never has the token.

Cookies don't cross: Access-Control-Allow-Credentials is never sent, so a page is shown no answer that was made for a
cookie. This is no check of who may do what: what is not a browser, and a form, don't ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from .app import App
from .blueprints import Blueprint
from .http import Request, Response
from .routing import Phase, Scope

#: How a browser writes an origin: scheme, host, and the port unless it is the scheme's own; of a page without, `null`.
ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")

#: Any origin.
ANY = "*"

#: Seconds that a browser may go by a preflight's answer. Chromium takes no more.
MAX_AGE = 7200

_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")  # RFC 9110, 5.6.2
_ASKED = ("Access-Control-Request-Method", "Access-Control-Request-Headers")


class CORS:
    """Answers preflights, and adds the headers to answers.

    `origins` are exact, or `*` for any; `null`, which each sandboxed page and each local file is, counts only if it is
    named. Raises ValueError for what no browser would send. With `blueprints`, other routes get no headers; what no
    route matches does, so that a page is told 404 and 405.

    A preflight is told the methods of the path. `allow_headers` are the headers that a page may send; None: any. Of an
    answer, a page sees the few headers of the standard's safelist, and `expose_headers`.

    An origin that is not allowed is answered as if this were not here: the browser refuses. Answers to all have
    `Vary: Origin`, unless the origins are `*`.
    """

    def __init__(
        self,
        app: App,
        origins: str | Iterable[str],
        *,
        blueprints: Iterable[Blueprint] | None = None,
        allow_headers: Iterable[str] | None = None,
        expose_headers: Iterable[str] = (),
        max_age: int = MAX_AGE,
    ) -> None:
        self.origins = frozenset([origins] if isinstance(origins, str) else origins)
        for origin in self.origins - {ANY}:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: write it as a browser does, such as https://shop.example")
        self.allow_headers = None if allow_headers is None else ", ".join(allow_headers)
        self.expose_headers = ", ".join(expose_headers)
        self.max_age = max_age
        self._scopes = None if blueprints is None else {blueprint.scope for blueprint in blueprints}
        app.before_hooks.add(self._answer_preflight, Phase.OUTERMOST)
        app.after_hooks.add(self._add_headers, Phase.OUTERMOST)

    def allowed(self, request: Request) -> str | None:
        """Return what Access-Control-Allow-Origin has in the answer, None if the request's origin is not allowed."""
        origin: str | None = request.environ.get("HTTP_ORIGIN")
        if origin is None:
            return None
        if ANY in self.origins:
            return ANY
        return origin if origin in self.origins else None

    def _answer_preflight(self, request: Request) -> Response | None:
        environ = request.environ
        if environ["REQUEST_METHOD"] != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return None
        if self.allowed(request) is None:
            return None
        methods = self._methods(request)
        if methods is None:
            return None
        response = Response(status=204)
        headers = response.headers
        if methods:
            headers["Access-Control-Allow-Methods"] = ", ".join(methods)
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").strip()
        if self.allow_headers is not None:
            headers["Access-Control-Allow-Headers"] = self.allow_headers
        elif _NAMES.fullmatch(asked):
            headers["Access-Control-Allow-Headers"] = asked
        headers["Access-Control-Max-Age"] = str(self.max_age)
        response.vary.update(_ASKED)
        return response

    def _add_headers(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        if request.url_rule is not None and not self._covers(request.route.scopes):
            return response
        if ANY not in self.origins:
            # Also without one: a cache must not give this answer to a page. Most have no Vary yet, which is quick.
            if "Vary" in response.headers:
                response.vary.add("Origin")
            else:
                response.headers["Vary"] = "Origin"
        origin = self.allowed(request)
        if origin is not None:
            response.headers.setdefault("Access-Control-Allow-Origin", origin)
            if self.expose_headers:
                response.headers.setdefault("Access-Control-Expose-Headers", self.expose_headers)
        return response

    def _methods(self, request: Request) -> Sequence[str] | None:
        """Return the methods that the path's routes take, none if no route has it, None if CORS covers none of them."""
        adapter, app = request.url_adapter, request.app
        methods = sorted(adapter.allowed_methods())
        covered = []
        for method in methods:
            try:
                rule, _ = adapter.match(method=method, return_rule=True)
            except HTTPException:  # a redirect, which a browser does not follow for a preflight
                continue
            if self._covers(app.route_of(rule.endpoint).scopes):
                covered.append(method)
        return covered if covered or not methods else None

    def _covers(self, scopes: Iterable[Scope]) -> bool:
        return self._scopes is None or not self._scopes.isdisjoint(scopes)
