"""Routes: Router is what an app and its blueprints have in common, over Werkzeug's Map."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from werkzeug.routing import Rule as WerkzeugRule

from .errors import ErrorHandler, ErrorHandlers
from .typed import View, with_request

F = TypeVar("F", bound=Callable[..., Any])


class Rule(WerkzeugRule):
    """Werkzeug's rule; `automatic_options` says that the app answers OPTIONS and not the view."""

    automatic_options = False


@dataclass
class Route:
    """A rule as it was written, before a prefix and a blueprint's name are put before it."""

    rule: str
    endpoint: str
    view: View
    methods: frozenset[str]
    automatic_options: bool
    options: dict[str, Any] = field(default_factory=dict)


class Router:
    """Routes, hooks and error handlers; the decorators have Flask's names and meaning."""

    def __init__(self) -> None:
        self.before_hooks: list[Callable[..., Any]] = []
        self.after_hooks: list[Callable[..., Any]] = []
        self.teardown_hooks: list[Callable[..., Any]] = []
        self.error_handlers = ErrorHandlers()

    def add_route(self, route: Route) -> None:
        raise NotImplementedError

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: View | None = None,
        *,
        methods: Iterable[str] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Add a route. `options` are those of `werkzeug.routing.Rule`.

        The endpoint is the view's name unless told otherwise; HEAD comes with GET, and OPTIONS is answered by the
        app unless the view takes it itself.
        """
        if view_func is None:
            raise TypeError(f"the rule {rule!r} has no view")
        if isinstance(methods, str):
            raise TypeError(f"the rule {rule!r}: methods must be a list of strings, as ['GET']")
        wanted = frozenset(method.upper() for method in methods or ("GET",))
        automatic = "OPTIONS" not in wanted if provide_automatic_options is None else provide_automatic_options
        self.add_route(
            Route(
                rule=rule,
                endpoint=endpoint or str(view_func.__name__),
                view=view_func,
                methods=wanted | {"OPTIONS"} if automatic else wanted,
                automatic_options=automatic,
                options=options,
            )
        )

    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        def decorate(view: F) -> F:
            self.add_url_rule(rule, options.pop("endpoint", None), view, **options)
            return view

        return decorate

    def get(self, rule: str, **options: Any) -> Callable[[F], F]:
        return self._method("GET", rule, options)

    def post(self, rule: str, **options: Any) -> Callable[[F], F]:
        return self._method("POST", rule, options)

    def put(self, rule: str, **options: Any) -> Callable[[F], F]:
        return self._method("PUT", rule, options)

    def patch(self, rule: str, **options: Any) -> Callable[[F], F]:
        return self._method("PATCH", rule, options)

    def delete(self, rule: str, **options: Any) -> Callable[[F], F]:
        return self._method("DELETE", rule, options)

    def _method(self, method: str, rule: str, options: dict[str, Any]) -> Callable[[F], F]:
        if "methods" in options:
            raise TypeError(f"use route() to give {rule!r} several methods")
        return self.route(rule, methods=[method], **options)

    def before_request(self, hook: F) -> F:
        """Call `hook()` or `hook(request)` before the view; what it returns, unless None, is the answer."""
        self.before_hooks.append(with_request(hook))
        return hook

    def after_request(self, hook: F) -> F:
        """Call `hook(response)` or `hook(request, response)` with each response; it returns one."""
        self.after_hooks.append(with_request(hook))
        return hook

    def teardown_request(self, hook: F) -> F:
        """Call `hook(exception)` when a request ends, however it ends; the exception is None if all went well."""
        self.teardown_hooks.append(hook)
        return hook

    def errorhandler(self, code_or_class: int | type[Exception]) -> Callable[[F], F]:
        """Answer a status code or an exception class, and its subclasses, by what the function returns."""

        def decorate(handler: F) -> F:
            self.register_error_handler(code_or_class, handler)
            return handler

        return decorate

    def register_error_handler(self, code_or_class: int | type[Exception], handler: ErrorHandler) -> None:
        self.error_handlers.add(code_or_class, handler)


class Blueprint(Router):
    """Routes, hooks and error handlers that an app takes as one, below a prefix. Its hooks see its requests only."""

    def __init__(self, name: str, import_name: str | None = None, *, url_prefix: str = "") -> None:
        if not name or "." in name:
            raise ValueError(f"a blueprint's name must not be empty or hold a dot, as {name!r}")
        super().__init__()
        self.name = name
        self.import_name = import_name
        self.url_prefix = url_prefix
        self.routes: list[Route] = []

    def add_route(self, route: Route) -> None:
        if "." in route.endpoint:
            raise ValueError(f"an endpoint of a blueprint must not hold a dot, as {route.endpoint!r}")
        self.routes.append(route)
