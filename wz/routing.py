"""Routes: Werkzeug's Map, and Router, which is what an app and its blueprints have in common."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Any, TypeVar

from werkzeug.routing import Map as WerkzeugMap
from werkzeug.routing import Rule, RuleFactory

from .aio import synchronous
from .errors import ErrorHandler, ErrorHandlers
from .fast import Matcher
from .setup import SetupError, setupmethod
from .typed import ViewFunction, bind, with_request

F = TypeVar("F", bound=Callable[..., Any])


class Phase(IntEnum):
    """How far out a hook is: before the view, outer hooks run earlier than inner ones; after it, later."""

    OUTERMOST = 0  #: sees the results of all other hooks, as signals do
    OUTER = 1  #: keeps what the usual ones may still change, as sessions do
    USUAL = 2


class Hooks:
    """A router's hooks of one kind, the outermost first; those that follow the view are run from the last to the first.

    Before hooks are called with the request, after hooks with the request and the response, teardowns with the error.
    """

    def __init__(self, routes: Collection[Route] = ()) -> None:
        """`routes` run these hooks, and are told of each new one."""
        self._routes = routes
        self._phases: list[tuple[Phase, Callable[..., Any]]] = []

    def add(self, hook: Callable[..., Any], phase: Phase = Phase.USUAL) -> None:
        """Add a hook: inside of those of outer phases, and inside of the earlier ones of its own phase.

        Raises TypeError for another phase.
        """
        if not isinstance(phase, Phase):
            names = ", ".join(f"Phase.{one.name}" for one in Phase)
            raise TypeError(f"the phase of a hook is one of {names}, not {phase!r}")
        self._arrange([*self._phases, (phase, hook)])

    def replace(self, hooks: Iterable[Callable[..., Any]]) -> None:
        """Have these hooks instead, each in its phase; one that was not here before is of the usual one."""
        known = {id(hook): phase for phase, hook in self._phases}
        self._arrange([(known.get(id(hook), Phase.USUAL), hook) for hook in hooks])

    def _arrange(self, phases: list[tuple[Phase, Callable[..., Any]]]) -> None:
        self._phases = sorted(phases, key=itemgetter(0))  # a stable sort
        for route in tuple(self._routes):
            route.flatten()

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return (hook for _, hook in self._phases)

    def __reversed__(self) -> Iterator[Callable[..., Any]]:
        return (hook for _, hook in reversed(self._phases))

    def __len__(self) -> int:
        return len(self._phases)


class Scope:
    """What routes get from a router around them: hooks and error handlers."""

    def __init__(self) -> None:
        self.routes: set[Route] = set()
        self.value_hooks = Hooks(self.routes)
        self.default_hooks = Hooks()
        self.before_hooks = Hooks(self.routes)
        self.after_hooks = Hooks(self.routes)
        self.teardown_hooks = Hooks(self.routes)
        self.context_hooks = Hooks(self.routes)  # an app's teardowns that also run at the end of an `AppContext`
        self.error_handlers = ErrorHandlers()


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A route as a program wrote it. A blueprint keeps these until an app makes rules of them.

    `automatic_options` says whether the app answers OPTIONS; None leaves it to `PROVIDE_AUTOMATIC_OPTIONS`. `options`
    are keywords of `werkzeug.routing.Rule`. Any iterable of methods but a single text becomes a frozenset.
    """

    rule: str
    endpoint: str
    view: ViewFunction | None
    methods: Iterable[str]
    automatic_options: bool | None
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        if isinstance(self.methods, str):
            raise TypeError(f"the rule {self.rule!r}: methods must be a list of strings, such as ['GET']")
        object.__setattr__(self, "methods", frozenset(self.methods))


class Map(WerkzeugMap):
    """Werkzeug's map, the only source of truth for URLs, and the compiled match that is derived from it."""

    def __init__(self, settings: Mapping[str, Any], **options: Any) -> None:
        """`settings` are the app's; `options` those of Werkzeug's Map."""
        self.lock = threading.RLock()  # rules may be added while requests are answered
        self.compiled = Matcher(self, settings)
        super().__init__(**options)

    def add(self, rulefactory: RuleFactory) -> None:
        """Add rules, also while requests are answered; the compiled match is made again at the next request."""
        with self.lock:
            super().add(rulefactory)
            self.compiled.forget()


class Route:
    """An endpoint as it answers: its handler, and the hooks of the routers around it in the order in which they run."""

    __slots__ = (
        "_answering_options",
        "afters",
        "arguments",
        "befores",
        "endpoint",
        "handler",
        "scopes",
        "teardowns",
        "value_hooks",
        "view",
    )

    def __init__(self, endpoint: str, scopes: tuple[Scope, ...]) -> None:
        self.endpoint = endpoint
        self.surround_with(scopes)
        self.view: ViewFunction | None = None
        self.handler: Callable[[Any, dict[str, Any]], Any] = self._no_view
        self.arguments: frozenset[str] = frozenset()
        self._answering_options: tuple[Rule, ...] = ()

    def surround_with(self, scopes: tuple[Scope, ...]) -> None:
        """Use the hooks of these routers: the app first, then each blueprint inwards."""
        self.scopes = scopes
        for scope in scopes:
            scope.routes.add(self)
        self.flatten()

    def flatten(self) -> None:
        """Take the hooks as they are now: a router calls this when it has got another."""
        outwards = self.scopes[::-1]
        self.value_hooks = tuple(hook for scope in self.scopes for hook in scope.value_hooks)
        self.befores = tuple(hook for scope in self.scopes for hook in scope.before_hooks)
        self.afters = tuple(hook for scope in outwards for hook in reversed(scope.after_hooks))
        ends = [hooks for scope in outwards for hooks in (scope.teardown_hooks, scope.context_hooks)]
        self.teardowns = tuple(hook for hooks in ends for hook in reversed(hooks))

    def answer_with(self, view: ViewFunction | None, arguments: Iterable[str] = ()) -> None:
        """Bind the view for a rule with these values, in addition to the values of the endpoint's other rules."""
        if view is not None and self.view not in (None, view):
            raise SetupError(f"the endpoint {self.endpoint!r} has another view already: give one of them endpoint=...")
        self.view = view or self.view
        self.arguments |= frozenset(arguments)
        if self.view is not None:
            self.handler = bind(self.view, self.arguments)

    def answer_options_of(self, rule: Rule) -> None:
        """Leave OPTIONS of this rule to the app, instead of calling the view."""
        self._answering_options += (rule,)

    def has_automatic_options(self, rule: Rule) -> bool:
        """Say whether the app answers OPTIONS of this very rule. To Werkzeug, two rules of the same text are equal."""
        return any(rule is answering for answering in self._answering_options)

    def _no_view(self, request: object, values: object) -> Any:
        raise RuntimeError(f"the endpoint {self.endpoint!r} has no view: give it one with @app.endpoint(...)")


class Router:
    """Routes, hooks and error handlers; the decorators have Flask's names and meaning.

    A hook may take the request as its first argument, called `request`, or leave it out, as Flask's do. An extension
    whose hook must be outside of the program's says so: `app.after_hooks.add(hook, Phase.OUTER)`.
    """

    def __init__(self) -> None:
        scope = self.scope = Scope()
        self.value_hooks, self.default_hooks = scope.value_hooks, scope.default_hooks
        self.before_hooks, self.after_hooks = scope.before_hooks, scope.after_hooks
        self.teardown_hooks, self.error_handlers = scope.teardown_hooks, scope.error_handlers

    def why_late(self) -> str:
        """Say why nothing can be added any more; an empty text while it can. `wz.setup` asks."""
        raise NotImplementedError

    def add_rule(self, spec: RuleSpec) -> None:
        """Add a rule that `add_url_rule` has made from its arguments."""
        raise NotImplementedError

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ViewFunction | None = None,
        *,
        methods: Iterable[str] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Add a route. `options` are those of `werkzeug.routing.Rule`.

        The endpoint is the view's name unless told otherwise; HEAD comes with GET, and OPTIONS is answered by the
        app unless the view takes it itself, or `provide_automatic_options` is false. The view may have attributes
        `methods`, `required_methods` and `provide_automatic_options`, which mean the same as in Flask.
        """
        if endpoint is None:
            if view_func is None:
                raise SetupError(f"the rule {rule!r} has neither an endpoint nor a view")
            endpoint = view_func.__name__
        chosen = methods or getattr(view_func, "methods", None) or ("GET",)
        if isinstance(chosen, str):  # or each letter would be a method
            raise TypeError(f"the rule {rule!r}: methods must be a list of strings, such as ['GET']")
        asked = {method.upper() for method in chosen}
        wanted = asked.union(method.upper() for method in getattr(view_func, "required_methods", ()))
        automatic = provide_automatic_options
        if automatic is None:
            automatic = getattr(view_func, "provide_automatic_options", None)
        if automatic is None and "OPTIONS" in asked:
            automatic = False
        self.add_rule(RuleSpec(rule, endpoint, view_func, frozenset(wanted), automatic, options))

    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Decorate a view: `add_url_rule` with these options, of which `endpoint` names it. The view stays as it is."""
        if callable(rule):
            raise TypeError(f"the decorator of {rule!r} takes its rule, as in @app.route('/')")

        def decorate(view: F) -> F:
            self.add_url_rule(rule, options.pop("endpoint", None), view, **options)
            return view

        return decorate

    def get(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for GET, which includes HEAD."""
        return self._method("GET", rule, options)

    def post(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for POST alone."""
        return self._method("POST", rule, options)

    def put(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for PUT alone."""
        return self._method("PUT", rule, options)

    def patch(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for PATCH alone."""
        return self._method("PATCH", rule, options)

    def delete(self, rule: str, **options: Any) -> Callable[[F], F]:
        """`route` for DELETE alone."""
        return self._method("DELETE", rule, options)

    def _method(self, method: str, rule: str, options: dict[str, Any]) -> Callable[[F], F]:
        if "methods" in options:
            raise TypeError(f"use route() to give {rule!r} several methods")
        return self.route(rule, methods=[method], **options)

    @setupmethod
    def before_request(self, hook: F) -> F:
        """Call `hook()` before the view; what it returns, unless None, is the answer."""
        self.before_hooks.add(with_request(hook))
        return hook

    @setupmethod
    def after_request(self, hook: F) -> F:
        """Call `hook(response)` with each response; it returns that response or another."""
        self.after_hooks.add(with_request(hook))
        return hook

    @setupmethod
    def teardown_request(self, hook: F) -> F:
        """Call `hook(exception)` when a request ends, however it ends; the exception is None if all went well."""
        self.teardown_hooks.add(synchronous(hook))
        return hook

    @setupmethod
    def url_value_preprocessor(self, hook: F) -> F:
        """Call `hook(endpoint, values)` before the before hooks; it may change the URL's values. They may be None."""
        self.value_hooks.add(hook)
        return hook

    @setupmethod
    def url_defaults(self, hook: F) -> F:
        """Call `hook(endpoint, values)` when a URL is built; it may add values."""
        self.default_hooks.add(hook)
        return hook

    def errorhandler(self, code_or_class: int | type[Exception]) -> Callable[[F], F]:
        """Answer a status code or an exception class, and its subclasses, by what the function returns."""
        if not isinstance(code_or_class, int | type):
            raise TypeError(f"{code_or_class!r} is neither a status code nor an exception class")

        def decorate(handler: F) -> F:
            self.register_error_handler(code_or_class, handler)
            return handler

        return decorate

    @setupmethod
    def register_error_handler(self, code_or_class: int | type[Exception], handler: ErrorHandler) -> None:
        """Do what `errorhandler` does, for a function that is not decorated.

        Raises ValueError for a status that is not that of an HTTP error, and for a class that is no exception's.
        """
        self.error_handlers.add(code_or_class, synchronous(handler))
