"""What all pages share: their frame, their filters, the headers of their answers, and who is let in."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import jinja2
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.words import sentence
from pipeline.hub.sas import SCHEME, MissingRight, Unauthorized
from pipeline.store.clock import machine_now
from wz import Blueprint, Problem, Request, Response
from wz.context import current_request
from wz.errors import wants_html
from wz.helpers import redirect
from wz.routing import RuleSpec
from wz.static import send_from_directory
from wz.templates import render_template

from ..services import services
from . import charts, files, shown

#: Nothing inline, nothing from elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: Of every page. It is kept by no cache, as it may be shown to whoever has the browser next. Its address is told to no
#: other host; a stricter policy would have browsers send `Origin: null` with its forms, which `is_own` then refuses.
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}

#: Characters of an address that is gone back to after signing in. A longer one, quoted, would not fit into the headers
#: that nginx takes from the app (proxy_buffer_size).
MAX_TARGET = 1000

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Place(NamedTuple):
    """A link of the bar on top of each page: its word and path; what is there; and what a program asks for instead."""

    word: str
    path: str
    what: str
    program: str

    def is_here(self, path: str) -> bool:
        """Say whether the page at `path` is this one or below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


PLACES = (
    Place("Home", "/", "The way of the data, and what needs attention", ""),
    Place("Hubs", "/console/hubs", "Hubs: partitions, readers, events", "/hubs as JSON; /HUB/messages takes events"),
    Place("Jobs", "/console/jobs", "Window jobs: query, plan, rows, faults", "/jobs, /outputs and /reference as JSON"),
    Place("Boards", "/console/boards", "Boards: ranks, sums, segments", "/boards/BOARD as JSON"),
    Place("Layers", "/layers", "What each layer did with a request", "/layers.json, /layers/REQUEST_ID.json"),
    Place("Server", "/console/server", "Processes, Redis, versions, settings", "/metrics for Prometheus"),
)


class Pages(Blueprint):
    """A blueprint of pages: they have the console's headers, and are no operations of the API.

    A form from elsewhere is refused before its view is called. A view lets in whom it wants by `access`: what that
    raises is answered with the way to the sign-in page, or with 403 if a right is missing.
    """

    def __init__(self, name: str, url_prefix: str = "", **options: Any) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix, **options)
        self.before_request(refuse_foreign)
        self.after_request(secure)
        self.register_error_handler(Unauthorized, turn_away)

    def add_rule(self, spec: RuleSpec) -> None:
        if not hasattr(spec.view, "__undocumented__"):  # the files' view has it
            spec.view.__undocumented__ = True  # type: ignore[union-attr]
        super().add_rule(spec)


def refuse_foreign(request: Request) -> None:
    """Raise a 403 for what changes something and comes from no page of this service.

    Who sends a token in a header needs no page: no browser does so for a stranger's one.
    """
    if request.method not in _SAFE and not request.environ.get("HTTP_AUTHORIZATION") and not is_own(request):
        raise Problem(403, "This form comes from no page of this host, so nothing was done.")


def is_own(request: Request) -> bool:
    """Say whether a request was made by a page of this host and port.

    Browsers tell, and no page can change what they tell: by Sec-Fetch-Site over TLS and to this machine, and always by
    Origin. The scheme does not count, since a balancer may have ended TLS.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    return origin.partition("://")[2].partition("/")[0] == request.host != ""


def secure(response: WerkzeugResponse) -> WerkzeugResponse:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def turn_away(exc: Unauthorized) -> WerkzeugResponse | Problem:
    """Answer one who may not see a page: 403 without the right, else the way to the sign-in page.

    What is no page to look at (a form, a script's request, an event stream) is 401. A link on another site's page comes
    without the cookie, which is SameSite=Strict: then the browser is told to ask again, as this site's own page.
    """
    request = cast("Request", current_request())
    if isinstance(exc, MissingRight):
        request.g.signed_by = exc.rule  # for the bar: it may be another one that is to sign in
        return Problem(403, sentence(str(exc)))
    if request.method not in _SAFE or not wants_html(request):
        return Problem(401, str(exc), {"WWW-Authenticate": SCHEME})
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return page(request, "ask_again.html")
    return redirect(sign_in_url(request), 303)


def sign_in_url(request: Request) -> str:
    """Return the address of the sign-in page, which leads back to the page of a request."""
    here = request.environ.get("RAW_URI", "/") if request.method in _SAFE else "/"
    here = next((one for one in (here, here.partition("?")[0]) if len(one) <= MAX_TARGET), "/")
    return request.app.url_for("console_sign_in.sign_in", next=here)


blueprint = Pages("console", "/console", template_folder="templates", static_folder="static")
blueprint.after_request(files.keep)
icons = Pages("icons")


@icons.get("/favicon.ico")
def favicon(request: Request) -> WerkzeugResponse:
    """Answer browsers that look for an icon where no page has named one, as for a JSON document."""
    return send_from_directory(f"{blueprint.root_path}/static", "favicon.svg", max_age=86400)


def page(request: Request, template: str, status: int = 200, live: str | None = None, **values: Any) -> Response:
    """Return a page: `template` with `values`, in the frame of all pages (`base.html`).

    `live` is the address of the event stream that keeps the page current: see live.py.
    """
    found = services(request)
    guide = found.settings.guide_url
    frame = {
        "places": (*PLACES, Place("Guide", guide, "How all this is built, run and used", "")) if guide else PLACES,
        "who": request.g.get("signed_by"),
        "live": live,
        "now": f"{machine_now():%H:%M:%S}",
        "environment": found.settings.environment,
        "version": request.app.extensions["openapi"].info["version"],
    }
    return Response(render_template(template, **frame, **values), status, mimetype="text/html", headers=HEADERS)


def prepare(environment: jinja2.Environment) -> None:
    """Add what templates need to print numbers and charts."""
    environment.undefined = jinja2.StrictUndefined
    environment.filters |= shown.FILTERS
    environment.globals["file"] = files.file_url
    environment.globals |= {"path_with_gaps": charts.path_with_gaps, "zip": zip}
    environment.globals |= {"path": charts.path, "axis_marks": charts.axis_marks, "min": min, "max": max, "len": len}
