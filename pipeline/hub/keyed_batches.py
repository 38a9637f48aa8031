"""Batches of requests with an Idempotency-Key on a cluster, where they are written in several steps: see batches.py.

On one server append.lua notes a key in the step in which it writes the events. On a cluster it is noted in the step in
which the intent is recorded, with the batch's id. From then on the batch will be written, by whomever, and once; so a
request that comes again finds the id, and has nothing to do but what is left of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import cast

from ..store import writes
from ..store.scripts import Script, lua
from .repetition import KeyOfAnother, RequestKey
from .stored_hub import StoredHub

_RECORD = Script(*lua(__package__, "numbers", "remembered", "keyed_batch"))


def look(hub: StoredHub, key: RequestKey) -> str | None:
    """Return the batch of the request that had this key, None if there was none. Raises `KeyOfAnother`.

    One round trip. Redis keys: `idempotency_keys`, `older_idempotency_keys`; see keys.py.
    """
    with writes.uncounted():
        return _run(hub, key, {})[1]


def record(hub: StoredHub, key: RequestKey, intent: Mapping[str, bytes | str]) -> tuple[str, bool]:
    """Record an intent, unless a request has had its key; returns the batch's id, and whether it is a new one.

    Raises `KeyOfAnother`. One round trip. Redis keys: `intents`, `idempotency_keys`, `older_idempotency_keys`; see
    keys.py.
    """
    outcome, batch = _run(hub, key, intent)
    return cast("str", batch), outcome == b"recorded"


def _run(hub: StoredHub, key: RequestKey, intent: Mapping[str, bytes | str]) -> tuple[bytes, str | None]:
    keys = [hub.keys.intents, hub.keys.idempotency_keys, hub.keys.older_idempotency_keys]
    fields = chain.from_iterable(intent.items())
    outcome, *batch = _RECORD.call(hub.redis, keys, [*key, hub.settings.remember_ms, *fields])
    if outcome == b"another":
        raise KeyOfAnother
    return outcome, batch[0].decode() if batch else None
