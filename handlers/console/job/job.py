"""The page of a job: when its next rows come, its query and plan, its last rows, its faults; stop, start and delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.console.history import Sample, history, job_subject
from pipeline.hub.sas import Right
from pipeline.store.clock import machine_time
from pipeline.windows.jobs.fault_examples import FaultExample, fault_examples
from pipeline.windows.jobs.job_toml import BoardConfig, InvalidJob, JobConfig, StreamConfig
from pipeline.windows.jobs.opening import partition_counts
from pipeline.windows.jobs.outputs import StoredRow, StreamOutput, UnknownOutput
from pipeline.windows.jobs.prepare import Prepared, prepare
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.registry import JobInUse, JobProgress, JobRegistry, State
from pipeline.windows.jobs.reports import JobStatus
from pipeline.windows.language.ticks import parse, to_unix_ms
from pipeline.windows.operators.faults import BOARD, CLOCK, EARLY, EVENT_TIME, INPUT, KINDS, LATE, OUT_OF_ORDER, ROW
from pipeline.windows.planning.topology import topology
from wz import Request, Response
from wz.helpers import redirect
from wz.templates import render_template

from ..access import access
from ..charts import axis_step
from ..forms import Form
from ..frame import Pages, page
from ..live import live
from ..shown import clock
from .colours import coloured
from .jobs import registry_of, tag
from .plan import draw
from .windows import ROWS, headline, picture

blueprint = Pages("console_job", "/console/jobs/<name>")

#: Rows of an output that are shown, columns of a row, and characters of a value.
SHOWN, COLUMNS, CHARACTERS = 12, 12, 60

#: Minutes of the chart of rows.
MINUTES = 20

#: The parts of the page that are kept current.
PARTS = ("facts", "waits", "rows", "faults", "minutes", "tasks")

#: How a page names the kinds of fault, and what becomes of the event or row. `{}` is what the job's settings say.
_KINDS = {
    LATE: ("late, {}", "it arrived too long after its time"),
    OUT_OF_ORDER: ("out of order, {}", "it came after one of a later time"),
    EARLY: ("early, dropped", "its time was more than five minutes ahead"),
    INPUT: ("not readable", "its body is not JSON objects"),
    EVENT_TIME: ("without a time", "TIMESTAMP BY gave none"),
    ROW: ("not computable", "a value is of the wrong type; left out of that step"),
    BOARD: ("not for the board", "a row without a member or a number"),
    CLOCK: ("clock went back", "the time of the event was over; adjusted"),
}


@dataclass(frozen=True)
class Kind:
    """A kind of fault, with its last examples, newest first."""

    title: str
    meaning: str
    count: int
    examples: Sequence[FaultExample]


@dataclass(frozen=True)
class Minutes:
    """Rows a minute of some outputs: of each its bars, as minute, and rows of each. `top` is the highest line."""

    outputs: Sequence[str]
    minutes: Sequence[tuple[str, Sequence[int]]]
    top: int
    ticks: Sequence[int]


@blueprint.get("")
def show(request: Request, name: str) -> Response:
    """Show a job."""
    access(request).need(Right.LISTEN, "jobs", name)
    registry = registry_of(request)
    job = registry.get(name)
    prepared = _prepared(name, job)
    values = _figures(request, registry, name, prepared)
    values |= {
        "query": coloured(job.definition.query),
        "drawing": _drawing(registry, prepared),
        "reason": _reason(registry, prepared),
    }
    args: dict[str, Any] = {key: value for key in ("output", "before") if (value := request.args.get(key))}
    return page(request, "job.html", live=request.app.url_for("console_job.follow", name=name, **args), **values)


@blueprint.get("/live")
def follow(request: Request, name: str) -> Response:
    """Keep the page of a job current."""
    access(request).need(Right.LISTEN, "jobs", name)
    registry = registry_of(request)

    def fragments() -> Mapping[str, str]:
        prepared = _prepared(name, registry.get(name))
        values = _figures(request, registry, name, prepared)
        return {part: render_template(f"job/{part}.html", **values) for part in PARTS}

    return live(request, fragments)


@blueprint.post("/state")
def set_state(request: Request, name: str) -> WerkzeugResponse:
    """Stop a job, or start it."""
    access(request).need(Right.MANAGE, "jobs", name)
    registry = registry_of(request)
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
        registry_of(request).delete(name)
    except JobInUse as exc:
        return _ask_to_delete(request, name, f"{exc}.", 409)
    return redirect(request.app.url_for("console_jobs.jobs"), 303)


def _ask_to_delete(request: Request, name: str, refused: str = "", status: int = 200) -> Response:
    job = registry_of(request).get(name)
    groups = ", ".join(f"{group} of {hub}" for hub, group in job.groups)
    lost = [
        "Its state: what it has taken of windows that are not over.",
        f"Its place: {groups}. Made again, it begins with what the hubs still have." if groups else "Its place.",
        "What it wrote stays: rows can be read until their output is deleted, and boards keep their scores.",
    ]
    return page(
        request,
        "confirm.html",
        status,
        title=f"Delete the job {name}?",
        lost=lost,
        does=f"Delete {name}",
        back=request.app.url_for("console_job.show", name=name),
        back_to=name,
        values=[],
        refused=refused,
    )


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
    outputs = [] if prepared is None else list(prepared.plan.outputs)
    config = None if prepared is None else prepared.config
    samples = history(registry.redis, job_subject(name))
    chosen = request.args.get("output") or _first_stream(config)
    readable = chosen if may.may(Right.LISTEN, "outputs", chosen) else ""
    rows, is_stream = _rows(registry, readable, request.args.get("before"))
    columns = _columns(rows[:SHOWN])
    seen = rows if prepared is not None and not request.args.get("before") else []
    plan = None if prepared is None else prepared.plan
    window = headline(plan, status)
    return {
        "name": name,
        "job": job,
        "tag": tag(job, progress),
        "progress": progress,
        "report": status,
        "may_manage": may.may(Right.MANAGE, "jobs", name),
        "window": window,
        "until": None if window is None or window.due is None else _until(window.due),
        "why": _why(job, progress),
        "picture": picture(plan, status, seen) if plan is not None and status is not None else None,
        "outputs": outputs,
        "boards": _boards(config),
        "chosen": chosen,
        "is_stream": is_stream,
        "rows": [(row.window_end, _values(row, columns)) for row in rows[:SHOWN]],
        "columns": columns,
        "older": rows[SHOWN - 1].id if len(rows) > SHOWN else None,
        "kinds": _kinds(config, status, fault_examples(registry.redis, name)),
        "minutes": _minutes(samples, chosen, outputs),
        "rows_of": {} if status is None else status.rows,
    }


def _first_stream(config: JobConfig | None) -> str:
    outputs = {} if config is None else config.outputs
    return next((name for name, table in outputs.items() if isinstance(table, StreamConfig)), next(iter(outputs), ""))


def _rows(registry: JobRegistry, output: str, before: str | None) -> tuple[list[StoredRow], bool]:
    """Return the newest rows of an output, and whether it is a stream: others have none here."""
    try:
        return (StreamOutput(registry.redis, output).newest(ROWS, before), True) if output else ([], False)
    except UnknownOutput:
        return [], False


def _columns(rows: Sequence[StoredRow]) -> list[tuple[str, bool]]:
    """Return the columns of some rows, and whether each has only numbers."""
    found: dict[str, bool] = {}
    for row in rows:
        for column, value in msgspec.json.decode(row.row).items():
            is_number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            found[column] = found.get(column, True) and is_number
    return list(found.items())[:COLUMNS]


def _values(row: StoredRow, columns: Sequence[tuple[str, bool]]) -> list[str | None]:
    """Return the values of a row's columns as text, None for NULL and for a column that it has not."""
    decoded = msgspec.json.decode(row.row)
    return [_text(decoded.get(column)) for column, _ in columns]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"


def _boards(config: JobConfig | None) -> list[tuple[str, str]]:
    """Return the boards that a job writes, each with the output whose rows go there."""
    if config is None:
        return []
    own = [(name, table.board) for name, table in config.outputs.items() if isinstance(table, BoardConfig)]
    return own + [(name, table.board) for name, table in config.boards]


def _until(due: str) -> float:
    """Return in how many ms a time comes; below 0 if it is over."""
    return to_unix_ms(parse(due)) - machine_time() * 1000


def _why(job: JobRecord, progress: JobProgress) -> str:
    """Say why a job may not go on, in one sentence; "" if it does."""
    status = progress.status
    if job.stopped is not None:
        return "It is stopped: its hubs keep the events that it has not read, until it is started."
    if progress.state is State.STOPPED:
        return "No worker runs it: start one with `wz worker`."
    if progress.state is State.FAILED:
        return "It has failed, and is tried again and again."
    if status is None:
        return "A worker begins it within two seconds."
    return ""


def _kinds(
    config: JobConfig | None, status: JobStatus | None, examples: Mapping[str, Sequence[FaultExample]]
) -> list[Kind]:
    counts = {} if status is None else status.faults
    action = "dropped" if config is not None and config.policies.action == "drop" else "adjusted"
    assert _KINDS.keys() == set(KINDS)
    return [
        Kind(title.format(action), meaning, counts.get(kind, 0), examples[kind])
        for kind, (title, meaning) in _KINDS.items()
    ]


def _minutes(samples: Sequence[Sample], chosen: str, outputs: Sequence[str]) -> Minutes | None:
    """Return the rows of each of the last minutes; of all outputs if there are two, else of the chosen one."""
    shown = list(outputs) if len(outputs) <= 2 else [chosen]
    found: dict[int, list[int]] = {}
    for before, after in pairwise(samples):
        minute = found.setdefault(after.at_ms // 60_000, [0] * len(shown))
        for place, output in enumerate(shown):
            rose = after.counters.get(f"rows:{output}", 0) - before.counters.get(f"rows:{output}", 0)
            minute[place] += max(0, rose)
    if not found or not shown:
        return None
    last = max(found)
    minutes = [
        (clock(minute * 60_000, 0)[-8:-3], found.get(minute, [0] * len(shown)))
        for minute in range(max(min(found), last - MINUTES + 1), last + 1)
    ]
    highest = max(1, *(count for _, counts in minutes for count in counts))
    step = axis_step(highest)
    top = -(-highest // step) * step
    return Minutes(shown, minutes, top, range(0, top + 1, step))


def _drawing(registry: JobRegistry, prepared: Prepared | None) -> Any:
    if prepared is None:
        return None
    return draw(_divided(registry, prepared), prepared.config)


def _divided(registry: JobRegistry, prepared: Prepared) -> Any:
    counts = partition_counts(prepared.config, registry.hubs)
    return topology(prepared.plan, prepared.config.partition_keys, counts)


def _reason(registry: JobRegistry, prepared: Prepared | None) -> str:
    """Say whether all of a job runs for each partition by itself, or why not."""
    if prepared is None:
        return ""
    divided = _divided(registry, prepared)
    if divided.is_embarrassingly_parallel:
        return "Embarrassingly parallel: all of it runs for each partition by itself."
    return f"Not embarrassingly parallel: {next(iter(divided.reasons.values()))}."
