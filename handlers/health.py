"""/healthz: this process serves. /readyz: it can also do its work. Neither needs a token."""

from __future__ import annotations

from typing import Literal

from wz import Blueprint, Request

from .services import services

blueprint = Blueprint("health")


@blueprint.get("/healthz")
def healthz() -> dict[str, Literal["ok"]]:
    """Say that this process serves."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz(request: Request) -> dict[str, Literal["ok"]]:
    """Say that this process can do its work; 503, as every route, while Redis is away."""
    services(request).ping()
    return {"status": "ok", "redis": "ok"}
