"""What the window jobs wrote, as pages."""

from __future__ import annotations

from typing import Any

from pipeline.windows.outputs import StreamOutput
from wz import Blueprint, Request

from .auth import protect
from .pages import Page
from .services import services

blueprint = Blueprint("outputs", url_prefix="/outputs")
protect(blueprint)


@blueprint.get("/<name>")
def rows(request: Request, name: str, query: Page) -> dict[str, Any]:
    """Read rows, oldest first. 404 until a worker has begun a job that writes this output."""
    page = StreamOutput(services(request).redis, name).read(query.after, query.limit)
    return {"output": name, "rows": page, "next": page[-1].id if page else query.after}
