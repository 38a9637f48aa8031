"""The page of the demo: a button that has a worker play it, how far it has come, and what it has made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.demo import NAME, ROWS, SPEED, Demo, DemoBusy, DemoPlays, DemoTaken, NoDemo, State
from pipeline.console.words import sentence
from pipeline.errors import PipelineError
from pipeline.hub.rules import Right
from pipeline.store.clock import machine_now
from pipeline.windows.jobs.job_toml import InvalidJob
from wz import Request, Response
from wz.helpers import redirect
from wz.templates import render_template

from ..services import services
from .access import access
from .frame import Pages, page
from .live import live

blueprint = Pages("console_demo", "/console")

#: Errors that the page tells, and that change nothing.
TOLD: tuple[type[PipelineError], ...] = (DemoPlays, DemoTaken, DemoBusy, InvalidJob, NoDemo)


@blueprint.get("/demo")
def demo(request: Request) -> Response:
    """Show what the demo is and how far it has come."""
    access(request).need(Right.LISTEN)
    return show(request)


@blueprint.get("/live/demo")
def follow(request: Request) -> Response:
    """Keep it current."""
    access(request).need(Right.LISTEN)
    return live(request, lambda: fragments(values(request)))


@blueprint.post("/demo")
def play(request: Request) -> WerkzeugResponse:
    """Make its hub and its job, and have a worker play it."""
    access(request).need(Right.MANAGE)
    return _done(request, Demo.begin)


@blueprint.post("/demo/stop")
def stop(request: Request) -> WerkzeugResponse:
    """Have no more of it sent."""
    access(request).need(Right.MANAGE)
    return _done(request, Demo.stop)


@blueprint.post("/demo/delete")
def delete(request: Request) -> WerkzeugResponse:
    """Delete all that it has made."""
    access(request).need(Right.MANAGE)
    return _done(request, Demo.delete)


def _done(request: Request, do: Callable[[Demo], None]) -> WerkzeugResponse:
    """Do it and go on to the page; if it can't be done, the page says why."""
    try:
        do(demo_of(request))
    except TOLD as exc:
        return show(request, exc, 409)
    return redirect("/console/demo", 303)


def demo_of(request: Request) -> Demo:
    found = services(request)
    return Demo(found.hubs, found.jobs, found.boards)


def show(request: Request, wrong: PipelineError | None = None, status: int = 200) -> Response:
    found = values(request)
    return page(
        request,
        "demo.html",
        status,
        live="/console/live/demo" if found["demo"] is not None else None,
        wrong=sentence(str(wrong)) if wrong else "",
        may_manage=access(request).may(Right.MANAGE),
        parts=fragments(found),
        **found,
    )


def fragments(found: dict[str, Any]) -> dict[str, str]:
    return {"progress": render_template("demo_progress.html", **found).strip()}


def values(request: Request) -> dict[str, Any]:
    found = services(request)
    progress = demo_of(request).progress()
    rows = found.boards.listed([NAME]) if progress is not None else []
    return {
        "demo": progress,
        "plays": progress is not None and progress.state in (State.BEGINS, State.PLAYS),
        "board": rows[0] if rows else None,
        "demo_name": NAME,
        "rows_name": ROWS,
        "speed": SPEED,
        "today": f"{machine_now():%d %b}",
    }
