"""The page of one trace: where its time went, the waterfall, and one step with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wz.tracing.spans import STEPS, Change, Span, Trace

from .flask_places import FLASK, FlaskPlace
from .measured import Cost, measured
from .source import Excerpt, excerpt
from .waterfall import MAX_ROWS, Scale, Step, Zoom, shares, steps, zooms

#: Characters of a name, and of anything else that came with the request.
_NAME, _TEXT = 80, 400
_MAX_CHANGES = 50

#: What stands before a span's own name, which is that of a layer, a hook, an argument.
_BEFORE_NAME = {
    "layer": "layer",
    "before": "before:",
    "after": "after:",
    "argument": "argument",
    "view": "view",
    "redis": "Redis",
    "error": "error:",
}

#: nginx.conf sets these for gunicorn, whatever the client has sent.
_FROM_NGINX = frozenset({"x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-wz-trace"})

_CHANGED = {"environ": "environ", "status": "status", "header": "header of the answer"}


def cut(text: str, length: int = _TEXT) -> str:
    """Return a text as it may be shown: not too long, and without what has no shape or turns the line around."""
    text = text if len(text) <= length else f"{text[: length - 1]}…"
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)


def label(span: Span) -> str:
    """Return a step's name for people."""
    return cut(f"{_BEFORE_NAME.get(span.step, '')} {span.name}".strip(), _NAME)


@dataclass(frozen=True)
class Header:
    name: str
    value: str
    hidden: bool
    source: str  # who has set it, as far as it is known


@dataclass(frozen=True)
class Changed:
    """A change as it is shown. None: it was not there, or it is gone."""

    where: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Detail:
    """The step that is looked at. `costs` were measured once, and are not of this request."""

    step: Step
    title: str
    what: str
    changes: list[Changed]
    more_changes: int
    code: Excerpt | None
    flask: FlaskPlace | None
    costs: list[Cost]
    measured_on: str


@dataclass(frozen=True)
class TracePage:
    """What templates/trace.html prints. `shown` are rows of the chosen zoom, `hidden` is how many more it has."""

    trace: Trace
    title: str
    took: int
    shares: dict[str, int]
    zooms: list[Zoom]
    zoom: Zoom
    scale: Scale
    shown: list[Step]
    hidden: int
    detail: Detail | None
    missing: str
    request_headers: list[Header]
    response_headers: list[Header]

    @property
    def is_unsure(self) -> bool:
        return any(step.unsure for step in self.shown)


def trace_page(trace: Trace, zoom: str = "", number: int | None = None) -> TracePage:
    """Return the page for a zoom and a step that may be anything: what the trace lacks is answered by the first."""
    found = steps(trace)
    parts = zooms(found)
    part = next((one for one in parts if one.name == zoom), parts[0] if parts else Zoom("all", "Whole", []))
    chosen = _chosen(part.steps, number)
    shown = part.steps[:MAX_ROWS]
    if chosen is not None and chosen not in shown:
        shown.append(chosen)
    return TracePage(
        trace,
        f"{cut(trace.method, 20)} {cut(trace.path, 160)}",
        sum(step.own for step in found),
        shares(found),
        parts,
        part,
        Scale.over(part.steps),
        shown,
        len(part.steps) - len(shown),
        None if chosen is None else _detail(chosen),
        _missing(found),
        [_request_header(*header) for header in trace.request_headers],
        [_response_header(trace, *header) for header in trace.response_headers],
    )


def _chosen(found: Sequence[Step], number: int | None) -> Step | None:
    """Return the step with that number; else the first layer that changes something, as that is what layers are for."""
    by_number = {step.number: step for step in found}
    if number in by_number:
        return by_number[number]
    changing = (step for step in found if step.span.step == "layer" and step.span.changes)
    return next(changing, found[0] if found else None)


def _detail(step: Step) -> Detail:
    span = step.span
    run = measured()
    return Detail(
        step,
        label(span),
        STEPS.get(span.step, ""),
        [_changed(change) for change in span.changes[:_MAX_CHANGES]],
        max(0, len(span.changes) - _MAX_CHANGES),
        excerpt(span.where),
        FLASK.get(span.step),
        run.steps.get(span.step, []),
        run.date,
    )


def _changed(change: Change) -> Changed:
    before, after = (None if value is None else cut(value) for value in (change.before, change.after))
    return Changed(_CHANGED[change.kind], cut(change.name, _NAME), before, after)


def _missing(found: Sequence[Step]) -> str:
    """Say whose part of the trace is not there."""
    steps_there = {step.span.step for step in found}
    if "nginx" in steps_there:
        return ""
    if any(step.startswith("gunicorn.") for step in steps_there):
        return (
            "nginx's part is missing: its line comes after the answer and may still be on its way, or the request did "
            "not come through nginx. The times are those that the service knows."
        )
    return "The application was called in its own process, so neither nginx nor gunicorn has a part in this."


def _request_header(name: str, value: str) -> Header:
    source = "nginx" if name.lower() in _FROM_NGINX else "client"
    return Header(cut(name, _NAME), cut(value), value.startswith("hidden, "), source)


def _response_header(trace: Trace, name: str, value: str) -> Header:
    """A header of the answer is from the outermost layer that has added or replaced it, or from within all layers."""
    spans = [
        span
        for span in trace.spans
        if any(change.kind == "header" and change.name.lower() == name.lower() for change in span.changes)
    ]
    source = label(min(spans, key=lambda span: span.begin)) if spans else "the app"
    return Header(cut(name, _NAME), cut(value), value.startswith("hidden, "), source)
