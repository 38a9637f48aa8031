"""A job's definition as a form: tried over the last events of its hubs, which changes nothing, and then put."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right
from pipeline.names import check_name
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.outputs import OutputTaken
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.registry import JobExists, JobRegistry, UnknownJob
from pipeline.windows.language.ticks import isoformat
from pipeline.windows.language.values import to_json
from pipeline.windows.local.trial import EVENTS, MOST_ROWS, Trial, try_out
from wz import Request, Response
from wz.helpers import redirect

from ...jobs.documents import JobBody, job_body, with_secrets
from ...services import services
from ..access import access
from ..forms import Form
from ..frame import Pages, page

blueprint = Pages("console_job_editor", "/console/jobs")

#: Bytes of the form: a query may have 100,000 characters.
MAX_FORM = 512 * 1024

_QUERY = """\
SELECT eventid, COUNT(*) AS events
INTO PerTenSeconds
FROM Input
GROUP BY eventid, TumblingWindow(second, 10)"""

_SETTINGS = """\
[inputs.Input]
hub = "events"

[outputs.PerTenSeconds]
type = "stream"
"""


@dataclass(frozen=True)
class Tried:
    """A trial as the page shows it: of each output how many rows, and the last; faults and what would wait."""

    trial: Trial
    outputs: Sequence[tuple[str, int, Sequence[tuple[str | None, str]]]]
    faults: Sequence[tuple[str, int, str]]
    waiting: Sequence[tuple[str, str, int, int]]


# A job's name can't be "-", so this address is no job's.
@blueprint.get("/-/new")
def make(request: Request) -> Response:
    """Show the form of a new job."""
    access(request).need(Right.MANAGE, "jobs")
    return _page(request, None, Form({"query": _QUERY, "settings": _SETTINGS, "name": ""}))


@blueprint.post("/-/new")
def put_new(request: Request) -> WerkzeugResponse:
    """Try a new job, or put it."""
    form = _typed(request)
    access(request).need(Right.MANAGE, "jobs", *filter(None, [form["name"]]))
    form.read("name", lambda text: check_name(text, "not a job's name"))
    if not form["name"]:
        form.wrong("a job needs a name", "name")
    elif form and form["name"] in services(request).jobs.all():
        form.wrong(f"there is already a job {form['name']!r}: edit that one, or use another name", "name")
    return _answer(request, None, form["name"], form)


@blueprint.get("/<name>/edit")
def edit(request: Request, name: str) -> Response:
    """Show the form of a job that there is."""
    access(request).need(Right.MANAGE, "jobs", name)
    body = msgspec.to_builtins(job_body(services(request).jobs.get(name)))
    query = body.pop("query")
    settings = msgspec.json.format(msgspec.json.encode(body)).decode()
    return _page(request, name, Form({"query": query, "settings": settings}))


@blueprint.post("/<name>/edit")
def put(request: Request, name: str) -> WerkzeugResponse:
    """Try a definition of a job, or put it."""
    access(request).need(Right.MANAGE, "jobs", name)
    services(request).jobs.get(name)  # raises `UnknownJob`
    return _answer(request, name, name, _typed(request))


def _typed(request: Request) -> Form:
    form = Form.of(request, MAX_FORM)
    form.values["query"] = form["query"].replace("\r\n", "\n")
    form.values["settings"] = form["settings"].replace("\r\n", "\n")
    return form


def _answer(request: Request, old: str | None, name: str, form: Form) -> WerkzeugResponse:
    """Put a definition that was tried as it is, or else try it."""
    registry = services(request).jobs
    definition = _definition(request, form, registry, name)
    if definition is None or not form:
        return _page(request, old, form, status=422)
    excerpt = ""
    try:
        if form["do"] == "put" and form["tried"] == _digest(form):
            registry.put(name, definition)
            return redirect(request.app.url_for("console_job.show", name=name), 303)
        tried = _tried(try_out(name, definition, registry)[1])
        return _page(request, old, form, tried=tried, is_changed=form["do"] == "put")
    except InvalidJob as exc:
        excerpt = "\n".join(getattr(exc, "__notes__", []))
        field = "query" if exc.field == "query" else "settings"
        message = str(exc).removeprefix(f"{exc.path}: ")
        if exc.at is not None:
            message = message.removeprefix(f"{exc.at.line}:{exc.at.column}: ")
            message = f"line {exc.at.line}, column {exc.at.column}: {message}"
        form.wrong(message, field)
    except (OutputTaken, JobExists) as exc:
        form.wrong(str(exc), "settings")
    return _page(request, old, form, status=422, excerpt=excerpt)


def _definition(request: Request, form: Form, registry: JobRegistry, name: str) -> Definition | None:
    """Return what was typed, with the secrets that the page did not show; None, with an error, if it is none.

    A trial shows what is made of a hub's events, so who may not listen to the hub gets an error, too.
    """
    try:
        document = _document(form["settings"])
        body = msgspec.convert({**document, "query": form["query"]}, JobBody)
    except (InvalidValue, msgspec.ValidationError) as exc:
        form.wrong(str(exc), "settings")
        return None
    for hub in filter(None, (table.hub for table in body.inputs.values())):
        if not access(request).may(Right.LISTEN, hub, hub=True):
            form.wrong(f"you may not listen to the hub {hub!r}, so nothing can be tried with its events", "settings")
    try:
        return with_secrets(body, registry.get(name)).definition()
    except UnknownJob:
        return body.definition()


def _document(text: str) -> Mapping[str, Any]:
    """Read settings: JSON if they begin with a brace, else TOML. Raises `InvalidValue`."""
    try:
        if not text.startswith("{"):
            return tomllib.loads(text)
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidValue(f"the settings can't be read: {exc}", "settings") from exc
    assert isinstance(found, dict)  # it begins with a brace
    return found


def _digest(form: Form) -> str:
    """Return what tells whether a form has been changed since it was tried."""
    return sha256(f"{form['query']}\0{form['settings']}".encode()).hexdigest()[:32]


def _tried(trial: Trial) -> Tried:
    return Tried(
        trial,
        [
            (
                output,
                count,
                [
                    (isoformat(row.time) if row.windowed else None, to_json(row.columns).decode()[:300])
                    for row in reversed(trial.last[output])
                ],
            )
            for output, count in sorted(trial.rows.items())
        ],
        [(kind, count, trial.faults.first[kind]) for kind, count in sorted(trial.faults.counts.items())],
        sorted(
            (step, isoformat(each.end), each.events, each.groups) for step, its in trial.waiting.items() for each in its
        ),
    )


def _page(
    request: Request,
    name: str | None,
    form: Form,
    *,
    status: int = 200,
    tried: Tried | None = None,
    is_changed: bool = False,
    excerpt: str = "",
) -> Response:
    job: JobRecord | None = services(request).jobs.get(name) if name is not None else None
    return page(
        request,
        "job_edit.html",
        status,
        name=name,
        job=job,
        form=form,
        tried=tried,
        digest=_digest(form) if tried is not None else "",
        is_changed=is_changed,
        excerpt=excerpt,
        events=EVENTS,
        most_rows=MOST_ROWS,
    )
