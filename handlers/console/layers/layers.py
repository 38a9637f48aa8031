"""The pages of /layers: requests that were traced, one of them, two side by side, and what layers cost.

All need Manage on the whole namespace: a trace has paths, names of keys and headers of whoever sent the request.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.traces import Traces
from pipeline.hub.rules import Right
from wz import App, Problem, Request
from wz.helpers import redirect
from wz.tracing.recording import Recording
from wz.tracing.spans import Trace
from wz.tracing.tracer import Tracer

from ...services import Services, services
from ...traces import find, latest, part_of
from ..access import access
from ..frame import Pages, page
from .compare import compare
from .flask_places import FLASK
from .measured import PARTS, measured
from .trace import cut, label, trace_page
from .waterfall import WHOSE, indent

blueprint = Pages("console_layers", "/layers")

#: What the button on the page can trace: each ends by itself, changes nothing and lets in whoever has signed in.
CHOICES = (
    "/hubs",
    "/jobs",
    "/outputs",
    "/",
    "/console/hubs",
    "/console/jobs",
    "/console/boards",
    "/healthz",
    "/readyz",
)

#: Classes of statuses, as `latest` takes them, and their words.
STATUSES = {0: "any", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

MOST = 100
_MS = 1_000_000  # ns
_LONGEST_ID = 64  # characters of an id in an address: a request's has 32
_TRACER = "console.layers"

#: What templates call and look up, besides what they are given.
_HELPERS: dict[str, Any] = {"label": label, "cut": cut, "indent": indent, "whose": WHOSE}


@blueprint.get("")
def index(request: Request) -> WerkzeugResponse:
    """The newest traces, how to make one, and how to find one."""
    access(request).need(Right.MANAGE)
    if id := request.args.get("id", "").strip():
        return redirect(f"/layers/{quote(id[:_LONGEST_ID], safe='')}", 303)
    return _list(request)


def _list(request: Request, wrong: str = "") -> WerkzeugResponse:
    given = request.args
    route, error = given.get("route", ""), ""
    status = given.get("status", 0, type=int)
    text = given.get("ms", "").strip()
    try:
        at_least = int(float(text or 0) * _MS)
        if not 0 <= at_least < 10**15:
            raise ValueError
    except (ValueError, OverflowError):
        at_least, error = 0, "A number of milliseconds, such as 2.5."
    traces = latest(request, MOST, route=route, status=status if status in STATUSES else 0, at_least=at_least)
    return page(
        request,
        "layers.html",
        422 if error or wrong else 200,
        **_HELPERS,
        traces=traces,
        longest=max((trace.took for trace in traces), default=1) or 1,
        routes=sorted({row.rule for row in request.app.routes}),
        filters={"route": route, "status": status, "ms": text},
        is_filtered=bool(route or status or text),
        error=error,
        wrong=wrong,
        statuses=STATUSES,
        kept=services(request).settings.traces,
        choices=CHOICES,
        chosen=given.getlist("chosen")[:2],
        host=request.host_url.rstrip("/"),
    )


@blueprint.post("")
def trace_one(request: Request) -> WerkzeugResponse:
    """Trace a GET of `CHOICES` in this process: for browsers without scripts, which can't send the header."""
    access(request).need(Right.MANAGE)
    path = request.form.get("path", "")
    if path not in CHOICES:
        return _list(request, "Choose one of the requests in the list.")
    sent = {name: request.environ[name] for name in ("HTTP_COOKIE", "HTTP_AUTHORIZATION") if name in request.environ}
    environ = create_environ(path, request.host_url, environ_overrides={**sent, "HTTP_ACCEPT": "text/html"})
    _, _, headers = run_wsgi_app(_tracer(request.app), environ, buffered=True)
    return redirect(f"/layers/{headers['X-Request-ID']}", 303)


def _tracer(app: App) -> Tracer:
    """Return the app's tracer for `trace_one`. It stores a trace at once: the page that follows is to show it."""
    found: Services = app.extensions["services"]

    def keep(recording: Recording) -> None:
        Traces(found.redis, found.settings.traces).keep([part_of(recording.trace())])

    tracer: Tracer = app.extensions.setdefault(_TRACER, Tracer(app, keep))
    return tracer


@blueprint.get("/<id>")
def one(request: Request, id: str) -> WerkzeugResponse:
    """One trace."""
    access(request).need(Right.MANAGE)
    trace = _find(request, id)
    found = trace_page(trace, request.args.get("zoom", ""), request.args.get("step", type=int))
    return page(request, "trace.html", **_HELPERS, it=found)


@blueprint.get("/compare")
def two(request: Request) -> WerkzeugResponse:
    """Two traces, `?a=ID&b=ID`. The list's checkboxes send `?chosen=ID&chosen=ID`."""
    access(request).need(Right.MANAGE)
    chosen = request.args.getlist("chosen")
    if chosen:
        if len(chosen) != 2:
            return _list(request, "Choose two requests to compare.")
        a, b = (quote(id[:_LONGEST_ID], safe="") for id in chosen)
        return redirect(f"/layers/compare?a={a}&b={b}", 303)
    if "a" not in request.args or "b" not in request.args:
        return _list(request, "Choose two requests to compare.")
    found = compare(_find(request, request.args["a"]), _find(request, request.args["b"]))
    return page(request, "compare.html", **_HELPERS, it=found)


@blueprint.get("/off")
def off(request: Request) -> WerkzeugResponse:
    """The same request with layers taken off, and each step beside Flask's, as it was measured."""
    access(request).need(Right.MANAGE)
    run = measured()
    longest = max(bar.total for bar in run.bars)
    return page(request, "layers_off.html", run=run, parts=PARTS, flask=FLASK, longest=longest)


def _find(request: Request, id: str) -> Trace:
    found = find(request, id)
    if found is None:
        kept = services(request).settings.traces
        raise Problem(
            404,
            f"There is no trace of the request {cut(id, 64)!r}. The newest {kept:,} are kept, and none for longer than "
            "an hour; one that was made just now is there in a moment.",
        )
    return found
