"""What each layer costs: the median of many requests, with a clock between any two layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..app import App

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Cost:
    """Median microseconds of a request that are spent in the layer itself, without the layers inside it."""

    name: str
    microseconds: float


def measure(app: App, make_environ: Callable[[], WSGIEnvironment], requests: int = 1000) -> list[Cost]:
    """Send requests through layers like the app's; return the costs, outermost first, the app's own last.

    Each clock's own cost, one call, is counted to the layer outside it.
    """
    clocks: list[_Clock] = []

    def between(_: str, inside: WSGIApplication) -> WSGIApplication:
        clocks.append(_Clock(inside))
        return clocks[-1]

    composed = app.layers.compose(app.wsgi_app, between)
    laps: list[list[int]] = []
    for _ in range(requests):
        for clock in clocks:
            clock.nanoseconds = 0
        answer = composed(make_environ(), lambda *_: lambda data: None)
        with closing(answer) if hasattr(answer, "close") else nullcontext():  # type: ignore[type-var]
            for _chunk in answer:
                pass
        laps.append([clock.nanoseconds for clock in clocks])
    inclusive = [sorted(times)[requests // 2] for times in zip(*laps, strict=True)]
    own = [outer - inner for outer, inner in zip(inclusive, [0, *inclusive], strict=False)]
    return [Cost(name, ns / 1000) for name, ns in zip(app.layers.names(), reversed(own), strict=True)]


class _Clock:
    """Adds up the time that an application takes until it returns its iterable."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.nanoseconds = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begin = time.perf_counter_ns()
        try:
            return self.app(environ, start_response)
        finally:
            self.nanoseconds += time.perf_counter_ns() - begin
