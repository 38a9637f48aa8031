"""A job once more: restarted from a time, or copied under another name with the state that it has."""

from __future__ import annotations

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right
from pipeline.windows.jobs.copying import copy_job
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.outputs import OutputTaken
from pipeline.windows.jobs.registry import JobExists, JobInUse
from wz import Request, Response
from wz.helpers import redirect

from ...services import services
from ..access import access
from ..forms import Form
from ..frame import Pages, page

blueprint = Pages("console_job_again", "/console/jobs/<name>")


@blueprint.get("/again")
def ask(request: Request, name: str) -> Response:
    """Ask from when the job is to be restarted, or what its copy is called."""
    access(request).need(Right.MANAGE, "jobs", name)
    return _page(request, name, Form({"start": "last"}), Form())


@blueprint.post("/restart")
def restart(request: Request, name: str) -> WerkzeugResponse:
    """Restart a job."""
    access(request).need(Right.MANAGE, "jobs", name)
    form = Form.of(request)
    try:
        services(request).jobs.restart(name, form["start"])
    except InvalidValue as exc:
        form.wrong(str(exc).removeprefix("start: "), "start")
        return _page(request, name, form, Form(), 422)
    return redirect(request.app.url_for("console_job.show", name=name), 303)


@blueprint.post("/copy")
def copy(request: Request, name: str) -> WerkzeugResponse:
    """Copy a job."""
    access(request).need(Right.MANAGE, "jobs", name)
    form = Form.of(request)
    try:
        copy_job(services(request).jobs, name, form["to"])
    except InvalidJob as exc:
        form.wrong(str(exc).removeprefix(f"{exc.path}: "), "to")
    except (JobExists, JobInUse, OutputTaken) as exc:
        form.wrong(str(exc), "to")
    if not form:
        return _page(request, name, Form({"start": "last"}), form, 422)
    return redirect(request.app.url_for("console_job.show", name=form["to"]), 303)


def _page(request: Request, name: str, restarted: Form, copied: Form, status: int = 200) -> Response:
    job = services(request).jobs.get(name)
    return page(request, "job_again.html", status, name=name, job=job, restarted=restarted, copied=copied)
