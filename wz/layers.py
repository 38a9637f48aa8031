"""The WSGI middleware around an app: composed once, in layers that have names and are drawn.

app.layers.add("proxy_fix", ProxyFix, x_for=1)
app.layers.add("gzip", Gzip)

gzip            the one added last is outermost and sees the request first
  proxy_fix
    app
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Layer:
    """`wrap` is given the application inside and returns the one that wraps it."""

    name: str
    wrap: Callable[[WSGIApplication], WSGIApplication]


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
        if self.are_fixed:
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

    @property
    def are_fixed(self) -> bool:
        """Whether a request has come."""
        return self.outermost != self._first

    def fix(self) -> WSGIApplication:
        """Compose the layers that requests pass, at the first of them, and return the outermost."""
        with self._lock:
            if not self.are_fixed:
                self.outermost = self.compose(self._get_app())
        return self.outermost

    def _first(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.fix()(environ, start_response)
