"""Every request of a test is traced, and must be answered as it is without."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec
import pytest

from wz import App
from wz.tracing import Recording, Tracer
from wz.tracing.waterfall import rows

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def trace_all(patch: pytest.MonkeyPatch) -> list[Recording]:
    """Let each App trace all requests that it is called with; return the list that gets what is noted of them."""
    tracers: WeakKeyDictionary[App, Tracer] = WeakKeyDictionary()
    kept: list[Recording] = []

    def call(app: App, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        tracer = tracers.setdefault(app, Tracer(app, kept.append, tell=False))
        return tracer(environ, start_response)

    patch.setattr(App, "__call__", call)
    return kept


def check(recording: Recording) -> None:
    """Fail if the trace can't be made or encoded, or its times don't add up."""
    trace = recording.trace()
    waterfall = rows(trace)
    assert sum(row.own for row in waterfall) == max(span.end for span in trace.spans) - trace.began
    assert waterfall[0].span.step in ("wsgi", "rest")
    assert msgspec.json.decode(msgspec.json.encode(trace), type=type(trace)) == trace
