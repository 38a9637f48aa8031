"""The page of a job: when its next rows come, its query and plan, its last rows, its faults; stop, start and delete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.history import history, job_subject
from pipeline.hub.rules import Right
from pipeline.store.clock import machine_time
from pipeline.windows.jobs.fault_examples import fault_examples
from pipeline.windows.jobs.job_toml import BoardConfig, InvalidJob, JobConfig
from pipeline.windows.jobs.opening import partition_counts
from pipeline.windows.jobs.prepare import Prepared, prepare
from pipeline.windows.jobs.progress import JobProgress
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.registry import JobInUse, JobRegistry
from pipeline.windows.jobs.states import State
from pipeline.windows.language.ticks import parse, to_unix_ms
from pipeline.windows.planning.topology import Topology, topology
from wz import Request, Response
from wz.helpers import redirect
from wz.templates import render_template

from ...services import services
from ..access import access
from ..confirm import confirm
from ..forms import Form
from ..frame import Pages, page
from ..live import live
from .colours import coloured
from .faults import kinds_of
from .jobs import tag
from .plan import draw
from .rows import SHOWN, columns_of, first_stream, minutes_of, newest_rows, values_of
from .windows import headline, picture

blueprint = Pages("console_job", "/console/jobs/<name>")

#: The parts of the page that are kept current.
PARTS = ("facts", "waits", "rows", "faults", "minutes", "tasks")


@blueprint.get("")
def show(request: Request, name: str) -> Response:
    """Show a job."""
    access(request).need(Right.LISTEN, "jobs", name)
    registry = services(request).jobs
    job = registry.get(name)
    prepared = _prepared(name, job)
    values = _figures(request, registry, name, prepared)
    values |= {"query": coloured(job.definition.query), "drawing": None}
    if prepared is not None:
        divided = _divided(registry, prepared)
        values |= {"drawing": draw(divided, prepared.config), "reason": _reason(divided)}
    args: dict[str, Any] = {key: value for key in ("output", "before") if (value := request.args.get(key))}
    return page(request, "job.html", live=request.app.url_for("console_job.follow", name=name, **args), **values)


@blueprint.get("/live")
def follow(request: Request, name: str) -> Response:
    """Keep the page of a job current."""
    access(request).need(Right.LISTEN, "jobs", name)
    registry = services(request).jobs

    def fragments() -> Mapping[str, str]:
        prepared = _prepared(name, registry.get(name))
        values = _figures(request, registry, name, prepared)
        return {part: render_template(f"job/{part}.html", **values) for part in PARTS}

    return live(request, fragments)


@blueprint.post("/state")
def set_state(request: Request, name: str) -> WerkzeugResponse:
    """Stop a job, or start it."""
    access(request).need(Right.MANAGE, "jobs", name)
    registry = services(request).jobs
    if Form.of(request)["state"] == "stopped":
        registry.stop(name)
    else:
        registry.start(name)
    return redirect(request.app.url_for("console_job.show", name=name), 303)


@blueprint.get("/delete")
def ask_to_delete(request: Request, name: str) -> Response:
    """Say what is lost with a job, and ask."""
    access(request).need(Right.MANAGE, "jobs", name)
    return _ask_to_delete(request, name)


@blueprint.post("/delete")
def delete(request: Request, name: str) -> WerkzeugResponse:
    """Delete a job with its state and its place."""
    access(request).need(Right.MANAGE, "jobs", name)
    try:
        services(request).jobs.delete(name)
    except JobInUse as exc:
        return _ask_to_delete(request, name, f"{exc}.")
    return redirect(request.app.url_for("console_jobs.jobs"), 303)


def _ask_to_delete(request: Request, name: str, refused: str = "") -> Response:
    job = services(request).jobs.get(name)
    groups = ", ".join(f"{group} of {hub}" for hub, group in job.groups)
    lost = [
        "Its state: what it has taken of windows that are not over.",
        f"Its place: {groups}. Made again, it begins with what the hubs still have." if groups else "Its place.",
        "What it wrote stays: rows can be read until their output is deleted, and boards keep their scores.",
    ]
    back = request.app.url_for("console_job.show", name=name), name
    return confirm(request, f"Delete the job {name}?", lost, f"Delete {name}", back, refused=refused)


# -- what the page shows ----------------------------------------------------------------------------------------------


def _prepared(name: str, job: JobRecord) -> Prepared | None:
    try:
        return prepare(job.definition, Path(name))
    except InvalidJob:  # a folder's, whose query this version does not take any more
        return None


def _figures(request: Request, registry: JobRegistry, name: str, prepared: Prepared | None) -> dict[str, Any]:
    """Return what the parts of a job's page show: some eight round trips."""
    job, may = registry.get(name), access(request)
    progress = registry.progress(name, job)
    status = progress.status
    outputs = [] if prepared is None else list(prepared.config.outputs)
    config = None if prepared is None else prepared.config
    samples = history(registry.server, job_subject(name))
    chosen = request.args.get("output") or first_stream(config)
    readable = chosen if may.may(Right.LISTEN, "outputs", chosen) else ""
    rows, is_stream = newest_rows(registry, readable, request.args.get("before"))
    columns = columns_of(rows[:SHOWN])
    seen = rows if prepared is not None and not request.args.get("before") else []
    plan = None if prepared is None else prepared.plan
    window = headline(plan, status)
    return {
        "name": name,
        "job": job,
        "tag": tag(progress),
        "progress": progress,
        "report": status,
        "may_manage": may.may(Right.MANAGE, "jobs", name),
        "window": window,
        "until": None if window is None or window.due is None else _until(window.due),
        "why": _why(progress),
        "warnings": [] if prepared is None else prepared.warnings(),
        "picture": picture(plan, status, seen) if plan is not None and status is not None else None,
        "outputs": outputs,
        "boards": _boards(config),
        "chosen": chosen,
        "is_stream": is_stream,
        "rows": [(row.window_end, values_of(row, columns)) for row in rows[:SHOWN]],
        "columns": columns,
        "older": rows[SHOWN - 1].id if len(rows) > SHOWN else None,
        "kinds": kinds_of(status, fault_examples(registry.redis, name)),
        "minutes": minutes_of(samples, chosen, outputs),
        "rows_of": {} if status is None else status.rows,
    }


def _boards(config: JobConfig | None) -> list[tuple[str, str]]:
    """Return the boards that a job writes, each with the output whose rows go there."""
    if config is None:
        return []
    own = [(name, table.board) for name, table in config.outputs.items() if isinstance(table, BoardConfig)]
    return own + [(name, table.board) for name, table in config.boards]


def _until(due: str) -> float:
    """Return in how many ms a time comes; below 0 if it is over."""
    return to_unix_ms(parse(due)) - machine_time() * 1000


def _why(progress: JobProgress) -> str:
    """Say why a job may not go on, in a sentence or two; "" if it does."""
    match progress.state, progress.reason:
        case State.RUNNING, _:
            return ""
        case ((State.STOPPED | State.STOPPING), _):
            return "It is stopped: its hubs keep the events that it has not read, until it is started."
        case State.FAILED, reason:
            return f"It has failed, and workers try it again and again: {reason}."
        case State.DEGRADED, reason:
            return f"It runs, but not as it should: {reason}."
        case _, reason:
            return f"{(reason or '')[:1].upper()}{(reason or '')[1:]}."


def _divided(registry: JobRegistry, prepared: Prepared) -> Topology:
    counts = partition_counts(prepared.config, registry.hubs)
    return topology(prepared.plan, prepared.config.partition_keys, counts)


def _reason(divided: Topology) -> str:
    """Say whether all of a job runs for each partition by itself, or why not."""
    if divided.is_embarrassingly_parallel:
        return "Embarrassingly parallel: all of it runs for each partition by itself."
    return f"Not embarrassingly parallel: {next(iter(divided.reasons.values()))}."
