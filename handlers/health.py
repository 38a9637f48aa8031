"""/healthz: this process serves. /readyz: it can also do its work. Neither needs a token.

/healthz needs no Redis, and under deploy/epoll.py no free thread either: a process that waits for Redis is alive, and
to start it again would not help.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.store import OUTAGES, Redis
from pipeline.store.client import try_write
from pipeline.store.outage_log import outages
from pipeline.store.refusals import refusal_of
from wz import Blueprint, Problem, Request
from wz.openapi import operation

from .outage import RETRY_AFTER
from .services import services

blueprint = Blueprint("health")


@blueprint.get("/healthz")
def healthz() -> dict[str, Literal["ok"]]:
    """Say that this process serves."""
    return {"status": "ok"}


class Ready(msgspec.Struct):
    """What the process can do its work with: each store takes writes. With one server, all three are the same."""

    status: Literal["ok"] = "ok"
    redis: Literal["ok"] = "ok"
    hubs: Literal["ok"] = "ok"
    boards: Literal["ok"] = "ok"


@blueprint.get("/readyz")
@operation(responses={503: "it can't; `stores` says of each store whether it takes writes, or why not"})
def readyz(request: Request) -> Ready:
    """Say that this process can do its work: each store answers and takes writes. Nothing is written."""
    its = services(request).stores
    states = {id(client): store_state(client) for client in its.distinct_clients}
    stores = {name: states[id(client)] for name, client in its.clients.items()}
    wrong = sorted(set(stores.values()) - {"ok"})
    if wrong:
        said = [f"{', '.join(name for name in stores if stores[name] == state)}: {state}" for state in wrong]
        raise Problem(503, "; ".join(said), {"Retry-After": RETRY_AFTER}, stores=stores)
    return Ready()


def store_state(client: Redis) -> str:
    """Return `ok` if a store takes writes, otherwise why not."""
    try:
        try_write(client)
    except OUTAGES as exc:
        outages.note(exc)
        code, why, *_ = refusal_of(exc)
        return f"{code}: {why}"
    return "ok"
