"""BaseApp: what an app is told before it answers: settings, rules with their routes, blueprints."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.exceptions import Aborter
from werkzeug.routing import BuildError, Rule

from .aio import synchronous
from .blueprints import Blueprint
from .config import DEFAULT_CONFIG, Config, ConfigAttribute, duration, get_debug_flag
from .errors import ErrorHelp, ErrorPage, error_page
from .folders import root_path as folder_of
from .http import Globals, Request, Response
from .json import JSON
from .layers import Layers
from .routing import Map, Route, Router, RuleSpec
from .setup import ReadOnce, setupmethod

if TYPE_CHECKING:
    from os import PathLike

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from .app import App  # upwards: requests, blueprints and contexts are given the whole app
    from .routes import RouteRow  # upwards: `App.routes` has these rows

F = TypeVar("F", bound=Callable[..., Any])


class BaseApp(Router):
    """The part of an app that is set up before it answers; `App` adds the part that answers."""

    testing = ConfigAttribute[bool]("TESTING", bool)
    debug = ConfigAttribute[bool]("DEBUG", bool)
    secret_key = ConfigAttribute["str | bytes | None"]("SECRET_KEY")
    permanent_session_lifetime = ConfigAttribute("PERMANENT_SESSION_LIFETIME", duration)
    session_interface: Any = None  # a `wz.sessions.SessionInterface`; `Sessions(app)` gives one
    request_class = Request
    response_class: type[Response] = Response
    url_rule_class: type[Rule] = Rule
    app_ctx_globals_class: type[Any] = Globals
    default_config: Mapping[str, Any] = DEFAULT_CONFIG
    # What the constructor makes of these is `config`, `url_map`, `json` and `aborter`.
    config_class = ReadOnce[type[Config]](Config)
    url_map_class = ReadOnce[type[Map]](Map)
    json_provider_class = ReadOnce[type[JSON]](JSON)
    aborter_class = ReadOnce[type[Aborter]](Aborter)

    def __init__(
        self,
        import_name: str,
        *,
        config: Mapping[str, Any] | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        root_path: str | PathLike[str] | None = None,
        static_folder: str | PathLike[str] | None = None,
        static_url_path: str | None = None,
        static_host: str | None = None,
        template_folder: str | PathLike[str] | None = "templates",
        instance_path: str | PathLike[str] | None = None,
        instance_relative_config: bool = False,
    ) -> None:
        """`import_name` is the `__name__` of the module beside the app's folders; `config` overrides the defaults.

        `subdomain_matching` gives each subdomain of SERVER_NAME rules of its own, `host_matching` each host.
        `root_path` is another folder than the module's. The folders are read by `wz.static` and `wz.templates`. The
        files of the configuration are in `root_path`, or, with `instance_relative_config`, in the `instance_path`.
        """
        super().__init__()
        self.import_name = import_name
        self.root_path: str = folder_of(import_name) if root_path is None else str(root_path)
        self.template_folder: str | PathLike[str] | None = template_folder
        if instance_path is not None:
            self._app.instance_path = instance_path  # loads wz.resources
        self.config = self.make_config(instance_relative_config)
        self.config.update(config or {})
        self.json = self.json_provider_class(self._app)
        self.aborter = self.make_aborter()
        self.extensions: dict[str, Any] = {}
        self.problems: dict[type[Exception], int] = {}
        self.error_page: ErrorPage = error_page
        self.error_help: ErrorHelp | None = None
        self.url_map = self.url_map_class(self.config, host_matching=host_matching)
        self.subdomain_matching = subdomain_matching
        self.url_map.converters = dict(self.url_map.default_converters)
        self.url_build_error_handlers: list[Callable[[BuildError, str, dict[str, Any]], str | None]] = []
        self.blueprints: dict[str, Blueprint] = {}
        self.endpoints: dict[str, Route] = {}
        self.error_hooks: list[Callable[[Request, Exception], Any]] = []
        self.appcontext_hooks: list[Callable[[], Any]] = []
        self.appcontext_teardown_hooks = self.scope.context_hooks
        self.layers = Layers(partial(getattr, self, "wsgi_app"))
        self._unmatched = Route("", (self.scope,))
        if static_folder is not None or static_url_path is not None:
            from .static import Static  # optional: only an app that names a folder loads it

            folder = "static" if static_folder is None else static_folder
            Static(self._app, folder, static_url_path, host=static_host)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, inside all layers."""
        raise NotImplementedError

    @property
    def _app(self) -> App:
        """This app with its whole type: every BaseApp is an App."""
        return cast("App", self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    @cached_property
    def name(self) -> str:
        """The import name, or a script's own, unless it is set; the logger and the shell are called so."""
        file = getattr(sys.modules["__main__"], "__file__", None) if self.import_name == "__main__" else None
        return Path(file).stem if file else self.import_name

    @cached_property
    def logger(self) -> logging.Logger:
        """The standard library's logger of the app's name, with a handler of its own if it would have none."""
        from .logging import create_logger  # optional: the first record, or the program's own setting up, needs it

        return create_logger(self._app)

    def make_config(self, instance_relative: bool = False) -> Config:
        """Return the settings that the app begins with; they read files of `instance_path` if `instance_relative`."""
        folder = self._app.instance_path if instance_relative else self.root_path
        return self.config_class(folder, {**self.default_config, "DEBUG": get_debug_flag()})

    def make_aborter(self) -> Aborter:
        """Return what `abort` calls while this app is current: another knows other codes."""
        return self.aborter_class()

    def why_late(self) -> str:
        if not self.layers.are_fixed:
            return ""
        return f"the app {self.name!r} has had a request. Do it where the app is made, or not all workers would have it"

    @property
    def subdomain_matching(self) -> bool:
        """Whether each subdomain of SERVER_NAME has rules of its own."""
        return self._subdomain_matching

    @subdomain_matching.setter
    def subdomain_matching(self, value: bool) -> None:
        self._subdomain_matching = value
        with self.url_map.lock:
            self.url_map.compiled.forget()  # it decides which hosts are served

    def add_rule(self, spec: RuleSpec, scopes: tuple[Router, ...] | None = None) -> None:
        """Add a rule to the map and its view to the endpoint's route; `scopes` are those of `route_of`."""
        automatic = spec.automatic_options
        if automatic is None:
            automatic = self.config["PROVIDE_AUTOMATIC_OPTIONS"]
        methods = {*spec.methods, "OPTIONS"} if automatic else spec.methods
        # Werkzeug's own Rule, since a program may add such rules to the map: rules of two classes are never equal.
        rule = self.url_rule_class(spec.rule, endpoint=spec.endpoint, methods=methods, **spec.options)
        is_new = spec.endpoint not in self.endpoints
        route = self.route_of(spec.endpoint, scopes)
        if route.view is not None and spec.view not in (None, route.view):
            route.answer_with(spec.view)  # raises before the map has the rule
        with self.url_map.lock:
            try:
                self.url_map.add(rule)
            except Exception:
                if is_new:
                    del self.endpoints[spec.endpoint]
                raise
            route.answer_with(spec.view, rule.arguments)
            if automatic:
                route.answer_options_of(rule)

    def route_of(self, endpoint: str, scopes: tuple[Router, ...] | None = None) -> Route:
        """Return the endpoint's route, made if it does not exist; `scopes` are the routers around it, if known."""
        route = self.endpoints.setdefault(endpoint, Route(endpoint, (self.scope,)))
        if scopes:
            route.surround_with(tuple(router.scope for router in scopes))
        return route

    @setupmethod
    def endpoint(self, name: str) -> Callable[[F], F]:
        """Set the view of an endpoint whose rules were added without one."""

        def decorate(view: F) -> F:
            self.route_of(name).answer_with(view)
            return view

        return decorate

    @property
    def routes(self) -> tuple[RouteRow, ...]:
        """The table of rules, made anew each time: a row for each rule, in the map's order."""
        from .routes import table  # optional: no request needs it

        return table(self._app)

    @setupmethod
    def register(self, blueprint: Blueprint, **options: Any) -> None:
        """Add a blueprint's routes. The options win over the blueprint's own, and `record` sees them.

        They are `url_prefix`, `subdomain`, `url_defaults`, `cli_group`, and `name`, which lets one be registered twice.
        """
        blueprint.register(self._app, options)

    register_blueprint = register

    @setupmethod
    def teardown_appcontext(self, hook: F) -> F:
        """Call `hook(exception)` when a request or an app context ends, after the request's teardowns."""
        self.appcontext_teardown_hooks.add(synchronous(hook))
        return hook
