"""A route whose hooks, argument readers and handler note their time: what a traced request has instead of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

from ..aio import synchronous
from ..routing import Route
from ..typed import arguments_of, the_request, with_arguments
from .recording import Place, current, now
from .source import name_of, owner_of, source_of


def timed(step: str, name: str, function: Callable[..., Any], says_type: bool = False) -> Callable[..., Any]:
    """Return `function` as one that adds a span to the current recording, if there is one.

    The span's detail is the type of what is returned, unless that is None or `says_type` is false, or of the exception.
    """
    where = source_of(function)
    place = Place(step, name, owner_of(where), where)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None:  # a thread, or a stream that goes on after the answer
            return function(*args, **kwargs)
        begin = now()
        try:
            value = function(*args, **kwargs)
        except BaseException as exc:
            recording.note((place, begin, now(), f"raised {type(exc).__name__}", None))
            raise
        end = now()
        recording.note((place, begin, end, type(value).__name__ if says_type and value is not None else "", None))
        return value

    return call


class TimedRoute(Route):
    """The same endpoint as `route`, whose every part notes its time."""

    __slots__ = ("is_of", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        #: What the route was made of; if it has changed, another TimedRoute is needed.
        self.is_of = _parts(route)
        self.endpoint, self.scopes, self.view, self.arguments = (
            route.endpoint,
            route.scopes,
            route.view,
            route.arguments,
        )
        self.value_hooks = _timed("before", route.value_hooks)
        self.befores = _timed("before", route.befores, says_type=True)
        self.afters = _timed("after", route.afters)
        self.teardowns = _timed("teardown", route.teardowns)
        self.handler = route.handler if route.view is None else self._handler(route.view)

    def has_automatic_options(self, rule: Rule) -> bool:
        return self.route.has_automatic_options(rule)

    def _handler(self, view: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        arguments = {
            name: read if read is the_request else timed("argument", name, read, says_type=True)
            for name, read in arguments_of(view, self.arguments).items()
        }
        handler = timed("view", self.endpoint, synchronous(view), says_type=True)
        return with_arguments(handler, arguments)


class TimedRoutes:
    """The `TimedRoute` of each route, made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[Route, TimedRoute] = {}

    def __contains__(self, route: Route) -> bool:
        return route in self._made

    def of(self, route: Route) -> TimedRoute:
        """Return a route's; a new one if the route has been given other hooks or another handler since."""
        made = self._made.get(route)
        if made is None or made.is_of != _parts(route):
            made = self._made[route] = TimedRoute(route)
        return made


def _parts(route: Route) -> tuple[Any, ...]:
    return route.value_hooks, route.befores, route.afters, route.teardowns, route.handler


def _timed(step: str, hooks: tuple[Callable[..., Any], ...], says_type: bool = False) -> tuple[Callable[..., Any], ...]:
    return tuple(timed(step, name_of(hook), hook, says_type) for hook in hooks)
