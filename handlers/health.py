"""/healthz: this process serves. /readyz: it can do its work, too. Neither needs a token."""

from __future__ import annotations

from typing import Any

from wz import Blueprint, Request

from .services import services

blueprint = Blueprint("health")


@blueprint.get("/healthz")
def healthz() -> dict[str, Any]:
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz(request: Request) -> dict[str, Any]:
    """Answers 503, as every route does, while Redis is away."""
    services(request).redis.ping()
    return {"status": "ok", "redis": "ok"}
