"""What the window jobs wrote, as pages."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.windows.outputs import Entry, StreamOutput
from wz import Blueprint, Request
from wz.openapi import operation

from .auth import protect
from .pages import Page
from .services import services

blueprint = Blueprint("outputs", url_prefix="/outputs")
protect(blueprint)


OutputName = Annotated[str, msgspec.Meta(examples=["rewards"])]


class Rows(msgspec.Struct):
    output: str
    rows: list[Entry]
    next: str


@blueprint.get("/<name>")
@operation(responses={404: "no worker has begun a job that writes this output"})
def rows(request: Request, name: OutputName, query: Page) -> Rows:
    """Read rows, oldest first."""
    page = StreamOutput(services(request).redis, name).read(query.after, query.limit)
    return Rows(name, page, next=page[-1].id if page else query.after)
