"""The rows that window jobs wrote, as pages and as streams."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.hub.rules import Right
from pipeline.windows.jobs.outputs import OutputSummary, StoredRow, StreamOutput, list_outputs
from wz import Blueprint, Request, Response
from wz.openapi import Content, operation

from ..auth import protect
from ..following import SHARE_TAKEN, TOO_MANY, Followed, TailQuery, begin_after, follow, too_many_readers
from ..pages import Page
from ..readers import TooManyReaders
from ..services import services

blueprint = Blueprint("outputs", url_prefix="/outputs")
protect(blueprint)

deleting = Blueprint("outputs_management", url_prefix="/outputs")
protect(deleting, right=Right.MANAGE)

OutputName = Annotated[str, msgspec.Meta(examples=["rewards"])]

NO_OUTPUT = "no job has an output of this name that can be read: those of the type `stream` can"


class Outputs(msgspec.Struct):
    outputs: list[OutputSummary]


class Rows(msgspec.Struct):
    output: str
    rows: list[StoredRow]
    next: str


@blueprint.get("")
def outputs(request: Request) -> Outputs:
    """List the outputs that can be read, with the jobs that write them."""
    return Outputs(list_outputs(services(request).hubs.redis))


@blueprint.get("/<name>")
@operation(responses={404: NO_OUTPUT})
def rows(request: Request, name: OutputName, query: Page) -> Rows:
    """Read rows, oldest first."""
    page = StreamOutput(services(request).hubs.redis, name).read(query.after, query.limit)
    return Rows(name, page, next=page[-1].id if page else query.after)


@blueprint.get("/<name>/tail")
@operation(
    headers={"Last-Event-ID": str},
    responses={
        200: Content("rows as they come; `id` is the row's, `data` as in a page", str, "text/event-stream"),
        404: NO_OUTPUT,
        429: SHARE_TAKEN,
        503: TOO_MANY,
    },
)
def tail(request: Request, name: OutputName, query: TailQuery) -> Response:
    """Follow an output, as server-sent events.

    A client that connects again sends Last-Event-ID, which takes precedence over `after`, and misses nothing that is
    kept. The stream ends after five minutes, or when its token does or the process stops: then the client connects
    again.
    """
    output = StreamOutput(services(request).hubs.redis, name)
    after = begin_after(request, query.after)
    latest = output.latest()  # which also checks that there is such an output
    after = latest if after == "@latest" else after

    def page(after: str) -> list[tuple[str, str]]:
        return [(entry.id, msgspec.json.encode(entry).decode()) for entry in output.read(after, 100)]

    return follow(request, Followed(page, output.wait), after)


@deleting.delete("/<name>")
@operation(responses={204: "the output is gone", 404: NO_OUTPUT, 409: "a job writes to it: delete the job first"})
def delete_output(request: Request, name: OutputName) -> Response:
    """Delete the output of a job that was deleted."""
    StreamOutput(services(request).hubs.redis, name).delete()
    return Response(status=204)


blueprint.errorhandler(TooManyReaders)(too_many_readers)
