"""The WSGI middleware around an app: composed once, in layers that have names and can be timed and drawn.

app.layers.add("proxy_fix", ProxyFix, x_for=1)
app.layers.add("gzip", Gzip)

gzip            the one added last is outermost and sees the request first
  proxy_fix
    app
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Layer:
    """`wrap` is given the application inside and returns the one that wraps it."""

    name: str
    wrap: Callable[[WSGIApplication], WSGIApplication]


@dataclass(frozen=True)
class Cost:
    """Median microseconds of a request that are spent in the layer itself, without the layers inside it."""

    name: str
    microseconds: float


class Layers:
    """The middleware around an app, innermost first. It is composed at the first request and fixed from then on."""

    def __init__(self, get_app: Callable[[], WSGIApplication]) -> None:
        self.outermost: WSGIApplication = self._first
        self._get_app = get_app
        self._layers: list[Layer] = []
        self._lock = threading.Lock()

    def add(self, name: str, middleware: Callable[..., WSGIApplication], /, *args: Any, **kwargs: Any) -> None:
        """Put `middleware(inside, *args, **kwargs)` around all layers added before.

        Raises ValueError for a name that is taken, RuntimeError after the first request.
        """
        if self.outermost != self._first:
            raise RuntimeError(f"the layer {name!r} comes too late: a request has been answered without it")
        if name in self.names():
            raise ValueError(f"there is a layer {name!r} already: {', '.join(self.names())}")
        self._layers.append(Layer(name, lambda inside: middleware(inside, *args, **kwargs)))

    def names(self) -> list[str]:
        """The layers' names, outermost first; the last is the app."""
        return [*(layer.name for layer in reversed(self._layers)), "app"]

    def draw(self) -> str:
        """Return the names as lines, each layer's indented by two spaces more than the one around it."""
        return "\n".join("  " * depth + name for depth, name in enumerate(self.names()))

    def compose(
        self, app: WSGIApplication, between: Callable[[str, WSGIApplication], WSGIApplication] = lambda name, app: app
    ) -> WSGIApplication:
        """Return `app` inside new layers. `between` may put something around each of them and around "app", by name.

        A middleware that keeps state in itself has it once for each time that it is composed.
        """
        composed = between("app", app)
        for layer in self._layers:
            composed = between(layer.name, layer.wrap(composed))
        return composed

    def measure(self, make_environ: Callable[[], WSGIEnvironment], requests: int = 1000) -> list[Cost]:
        """Send requests through the layers with a clock between any two; return the costs, outermost first.

        Each clock's own cost, one call, is counted to the layer outside it.
        """
        clocks: list[_Clock] = []

        def between(_: str, app: WSGIApplication) -> WSGIApplication:
            clocks.append(_Clock(app))
            return clocks[-1]

        self.compose(self._get_app(), between)
        laps: list[list[int]] = []
        for _ in range(requests):
            for clock in clocks:
                clock.nanoseconds = 0
            answer = clocks[-1](make_environ(), lambda *_: lambda data: None)
            with closing(answer) if hasattr(answer, "close") else nullcontext():  # type: ignore[type-var]
                for _chunk in answer:
                    pass
            laps.append([clock.nanoseconds for clock in clocks])
        inclusive = [sorted(times)[requests // 2] for times in zip(*laps, strict=True)]
        own = [outer - inner for outer, inner in zip(inclusive, [0, *inclusive], strict=False)]
        return [Cost(name, ns / 1000) for name, ns in zip(self.names(), reversed(own), strict=True)]

    def _first(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self.outermost == self._first:
                self.outermost = self.compose(self._get_app())
        return self.outermost(environ, start_response)


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
