"""The window jobs: seen with Listen; made, changed and deleted with Manage, since a job may read every hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from pipeline.hub.rules import Right
from pipeline.names import NAME
from pipeline.windows.explanation.explain import explain
from pipeline.windows.jobs.copying import copy_job
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.opening import partition_counts
from pipeline.windows.jobs.prepare import prepare, warnings_of
from pipeline.windows.jobs.progress import JobProgress
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.local.trial import sampled_warnings
from wz import Blueprint, Problem, Request, Response
from wz.caching import cache_control
from wz.conditional import etag, refuse_conditions
from wz.openapi import Content, operation

from ..auth import protect
from ..services import services
from .documents import (
    CopyBody,
    ExplainQuery,
    Format,
    JobBody,
    JobDocument,
    JobFaults,
    JobList,
    JobSummary,
    RestartBody,
    WantedState,
    job_body,
    job_faults,
)

blueprint = Blueprint("jobs", url_prefix="/jobs")
protect(blueprint)

changing = Blueprint("jobs_management", url_prefix="/jobs")
protect(changing, right=Right.MANAGE)
changing.before_request(refuse_conditions)

JobName = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{NAME}$",
        description="Upper and lower case differ",
        examples=["per-minute"],
    ),
]

_NO_JOB: dict[int, str | Content] = {404: "there is no such job"}


@blueprint.get("")
def jobs(request: Request) -> JobList:
    """List the jobs: those in the workers' folders and those made here."""
    registry = services(request).jobs
    found = registry.all()
    return JobList([_summary(name, found[name], progress) for name, progress in registry.progress_of(found).items()])


@blueprint.get("/<name>")
@cache_control(no_cache=True)
@etag(weak=True)
@operation(responses=_NO_JOB)
def job(request: Request, name: JobName) -> JobDocument:
    """Show a job's definition and its progress."""
    registry = services(request).jobs
    return _document(registry, name, registry.get(name))


@blueprint.get("/<name>/explain")
@operation(responses={200: Content("text/plain; with `format=json`, application/json", bytes, "*/*")} | _NO_JOB)
def explain_job(request: Request, name: JobName, query: ExplainQuery) -> Response:
    """Explain what a job does with its events: its steps, windows and stages, and what runs in parallel."""
    registry = services(request).jobs
    found = prepare(registry.get(name).definition, Path(name))
    partitions = partition_counts(found.config, registry.hubs)
    media_type = "application/json" if query.format is Format.JSON else "text/plain"
    warnings = sampled_warnings(found, registry)
    return Response(explain(found.plan, found.config, query.format.value, partitions, warnings), mimetype=media_type)


@blueprint.get("/<name>/faults")
@operation(responses=_NO_JOB)
def faults(request: Request, name: JobName) -> JobFaults:
    """Show what went wrong with single events and rows: how often, and the last examples of each kind."""
    registry = services(request).jobs
    status = registry.progress(name, registry.get(name)).status
    return job_faults(registry.redis, name, status)


@changing.put("/<name>")
@operation(
    responses={
        200: "the job was there, and begins anew",
        201: "the job is made",
        409: "a worker has a job of this name from a folder, or another job writes to one of the outputs",
        422: "the job can't be run as it is defined; `field` says where, `line` and `column` where in the query",
    }
)
def put_job(request: Request, name: JobName, body: JobBody) -> tuple[JobDocument, int]:
    """Make a job, or change one: workers begin it within two seconds.

    A query that has changed makes its state anew from the events that are kept, and its first row comes after the last
    that was written. A delivery that has stopped goes on. Only jobs in folders can use files.
    """
    registry = services(request).jobs
    definition = body.definition()
    is_new = registry.put(name, definition)
    document = _document(registry, name, registry.get(name))
    document.warnings = sampled_warnings(prepare(definition, Path(name)), registry)
    return document, 201 if is_new else 200


@changing.put("/<name>/state")
@operation(responses=_NO_JOB)
def set_state(request: Request, name: JobName, body: WantedState) -> JobDocument:
    """Stop a job, or start it again: workers do so within two seconds.

    A job that is stopped keeps its state and its place, and goes on there. It stays stopped when it is changed.
    """
    registry = services(request).jobs
    if body.state == "stopped":
        registry.stop(name)
    else:
        registry.start(name)
    return _document(registry, name, registry.get(name))


@changing.post("/<name>/restart")
@operation(responses=_NO_JOB | {422: "`from` is no time"})
def restart_job(request: Request, name: JobName, body: RestartBody) -> JobDocument:
    """Begin a job anew, within two seconds: its state is made again from the events that its hubs still have.

    Rows after `from` that were written before are written again, and added to boards again. A stopped job runs again.
    """
    registry = services(request).jobs
    registry.restart(name, body.start)
    return _document(registry, name, registry.get(name))


@changing.post("/<name>/copy")
@operation(
    responses={
        201: "the copy is made",
        409: "there is a job of the copy's name, or another job writes to one of its outputs",
        422: "the copy can't be run as it is defined, or would write what the job writes; `field` says where",
    }
    | _NO_JOB
)
def copy_a_job(request: Request, name: JobName, body: CopyBody) -> tuple[JobDocument, int]:
    """Make another job with the state and the place that this one has now; workers begin it within two seconds.

    Without a definition it has that of this job, and writes to outputs of its own: the name of each, then _ and that of
    the copy. With a query that means something else it makes its state again, and its first row comes after the last
    that this job had written.
    """
    registry = services(request).jobs
    copy_job(registry, name, body.to, None if body.definition is None else body.definition.definition())
    return _document(registry, body.to, registry.get(body.to)), 201


@changing.delete("/<name>")
@operation(
    responses={204: "the job is gone", 409: "a worker loads it from a folder: remove the folder first"} | _NO_JOB
)
def delete_job(request: Request, name: JobName) -> Response:
    """Delete a job with its state and its consumer groups; workers stop it within two seconds.

    What it wrote stays: outputs can be read until they are deleted themselves.
    """
    services(request).jobs.delete(name)
    return Response(status=204)


@changing.errorhandler(InvalidJob)
def invalid_job(exc: InvalidJob) -> Problem:
    members: dict[str, Any] = {"field": exc.field} if exc.field else {}
    if exc.at:
        members |= {"line": exc.at.line, "column": exc.at.column}
    return Problem(422, exc.with_notes.removeprefix(f"{exc.path}: "), **members)


def _summary(name: str, job: JobRecord, progress: JobProgress) -> JobSummary:
    state, status, _, reason = progress
    if status is None:
        return JobSummary(name, state, reason, job.folder, None, None)
    return JobSummary(name, state, reason, job.folder, status.watermark, status.lag)


def _document(registry: JobRegistry, name: str, job: JobRecord) -> JobDocument:
    state, status, deliveries, reason = registry.progress(name, job)
    body, warnings = job_body(job), warnings_of(job.definition, name)
    return JobDocument(name, state, reason, job.folder, job.updated, job.stopped, body, status, deliveries, warnings)
