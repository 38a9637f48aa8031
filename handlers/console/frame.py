"""What all pages share: their frame, their filters, the headers of their answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import jinja2
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.store.clock import machine_now
from wz import Blueprint, Request, Response
from wz.routing import RuleSpec
from wz.templates import render_template

from ..services import services
from . import charts

#: Nothing inline, nothing from elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Place(NamedTuple):
    """A link of the bar on top of each page."""

    word: str
    path: str

    def is_here(self, path: str) -> bool:
        """Say whether the page at `path` is this one or below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


PLACES = (
    Place("Home", "/"),
    Place("Hubs", "/console/hubs"),
    Place("Jobs", "/console/jobs"),
    Place("Boards", "/console/boards"),
    Place("Layers", "/layers"),
    Place("Server", "/console/server"),
)


class Pages(Blueprint):
    """A blueprint of pages: they have the console's headers, and are no operations of the API."""

    def __init__(self, name: str, url_prefix: str = "", **options: Any) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix, **options)
        self.after_request(secure)

    def add_rule(self, spec: RuleSpec) -> None:
        if not hasattr(spec.view, "__undocumented__"):  # the files' view has it
            spec.view.__undocumented__ = True  # type: ignore[union-attr]
        super().add_rule(spec)


def secure(response: WerkzeugResponse) -> WerkzeugResponse:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    return response


blueprint = Pages("console", "/console", template_folder="templates", static_folder="static")


def page(request: Request, template: str, status: int = 200, live: str | None = None, **values: Any) -> Response:
    """Return a page: `template` with `values`, in the frame of all pages (`base.html`).

    `live` is the address of the event stream that keeps the page current: see live.py.
    """
    found = services(request)
    frame = {
        "places": PLACES,
        "live": live,
        "now": f"{machine_now():%H:%M:%S}",
        "environment": found.settings.environment,
        "version": request.app.extensions["openapi"].info["version"],
    }
    return Response(render_template(template, **frame, **values), status, mimetype="text/html")


def prepare(environment: jinja2.Environment) -> None:
    """Add what templates need to print numbers and charts."""
    environment.undefined = jinja2.StrictUndefined
    environment.filters |= {"n": number, "pc": percent, "signed": signed}
    environment.globals |= {"path": charts.path, "axis_marks": charts.axis_marks, "min": min, "max": max, "len": len}


def number(value: float | Decimal) -> str:
    """Return a number with commas between thousands, and a minus sign that is as wide as a plus."""
    return f"{value:,}".replace("-", "\u2212")


def signed(value: float | Decimal) -> str:
    """Return `number` with its sign."""
    return f"{value:+,}".replace("-", "\u2212")


def percent(value: float) -> str:
    """Return a length of SVG."""
    return f"{value:.2f}%"
