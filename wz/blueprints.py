"""Blueprint: routes, hooks and error handlers that an app registers together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .folders import root_path as folder_of
from .lazy import BlueprintNames
from .routing import F, Router, RuleSpec
from .setup import setupmethod

if TYPE_CHECKING:
    from os import PathLike

    from .app import App  # upwards: a blueprint is installed in an app, and what it recorded is called with one
    from .cli import AppGroup  # upwards: `Blueprint.cli` is a group of commands

OWN_NAME: Any = object()  #: `cli_group` of commands that are grouped by the blueprint's own name


@dataclass(frozen=True, slots=True)
class SetupState:
    """One registration of a blueprint, which its recorded functions are called with: Flask's BlueprintSetupState."""

    app: App
    blueprint: Blueprint
    scopes: tuple[Router, ...]  #: the app, and each blueprint inwards
    name: str  #: with those of the blueprints around it and dots, as its endpoints begin
    url_prefix: str
    subdomain: str | None
    url_defaults: dict[str, Any]
    first_registration: bool  #: of this blueprint in this app

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, **options: Any
    ) -> None:
        """`add_url_rule` of the app, with the blueprint's prefix, values and name."""
        name = f"{self.name}.{endpoint or getattr(view_func, '__name__', '')}"
        self.app.route_of(name, self.scopes)
        self.app.add_url_rule(_join(self.url_prefix, rule), name, view_func, **self.rule_options(options))

    def rule_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return a rule's options, with the subdomain and the values that it has not itself."""
        defaults = {**self.url_defaults, **(options.get("defaults") or {})} or None
        return {"subdomain": self.subdomain, **options, "defaults": defaults}


class Blueprint(BlueprintNames, Router):
    """Routes, hooks and error handlers that an app registers together; the hooks see the blueprint's requests only."""

    def __init__(
        self,
        name: str,
        import_name: str | None = None,
        *,
        url_prefix: str = "",
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | PathLike[str] | None = None,
        static_folder: str | PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | PathLike[str] | None = None,
        cli_group: str | None = OWN_NAME,
    ) -> None:
        """Both folders are below the module's, or below `root_path`: `wz.static` serves one, `wz.templates` reads one.

        Without `import_name` the module is the program's main one. `cli_group` is the name that the blueprint's
        commands are below; with None they are beside the app's.
        """
        if not name or "." in name:
            raise ValueError(f"a blueprint's name must not be empty or contain a dot, like {name!r}")
        super().__init__()
        self.name = name
        self.import_name = import_name
        self.root_path: str = folder_of(import_name or "__main__") if root_path is None else str(root_path)
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.url_values = url_defaults or {}
        self.rules: list[RuleSpec] = []
        self.children: list[tuple[Blueprint, dict[str, Any]]] = []
        self.recorded: list[Callable[[SetupState], Any]] = []
        self.views: dict[str, Callable[..., Any]] = {}  # by endpoint, for rules without one
        self.installed = 0  # how often it was registered
        self.template_folder: str | PathLike[str] | None = template_folder
        self.cli_group = cli_group
        if static_folder is not None:
            from .static import Static  # optional: only a blueprint that names a folder loads it

            Static(self, static_folder, static_url_path)

    @cached_property
    def cli(self) -> AppGroup:
        """The blueprint's own commands, which the app has after registration; needs click."""
        from .cli import AppGroup  # optional

        return AppGroup(self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def why_late(self) -> str:
        if not self.installed:
            return ""
        return f"the blueprint {self.name!r} is registered already. Do it before app.register(...), or no app has it"

    def add_rule(self, spec: RuleSpec) -> None:
        if "." in spec.endpoint:
            raise ValueError(f"an endpoint of a blueprint must not contain a dot, like {spec.endpoint!r}")
        self.rules.append(spec)

    @setupmethod
    def register(
        self,
        blueprint: Blueprint,
        *,
        url_prefix: str | None = None,
        name: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        cli_group: str | None = OWN_NAME,
    ) -> None:
        """Nest another blueprint: its names and prefix follow this one's, and its hooks run inside this one's."""
        if blueprint is self:
            raise ValueError("a blueprint can't be registered on itself")
        how = {"url_prefix": url_prefix, "name": name, "subdomain": subdomain, "values": url_defaults}
        self.children.append((blueprint, {**how, "cli_group": cli_group}))

    register_blueprint = register

    @setupmethod
    def record(self, function: Callable[[SetupState], Any]) -> None:
        """Call `function(state)` whenever the blueprint is registered; `state.app` is where."""
        self.recorded.append(function)

    @setupmethod
    def record_once(self, function: Callable[[SetupState], Any]) -> None:
        """Call `function(state)` when the blueprint is registered in an app for the first time."""
        self.record(lambda state: function(state) if state.first_registration else None)

    @setupmethod
    def endpoint(self, name: str) -> Callable[[F], F]:
        """Set the view of an endpoint whose rules were added without one, by its whole name with the blueprint's."""

        def decorate(view: F) -> F:
            self.views[name] = view
            return view

        return decorate

    @setupmethod
    def before_app_request(self, hook: F) -> F:
        """`before_request` of the app: the hook runs before every request, whichever view answers it."""
        self.record_once(lambda state: state.app.before_request(hook))
        return hook

    @setupmethod
    def after_app_request(self, hook: F) -> F:
        """`after_request` of the app: the hook is called with every response."""
        self.record_once(lambda state: state.app.after_request(hook))
        return hook

    @setupmethod
    def teardown_app_request(self, hook: F) -> F:
        """`teardown_request` of the app: the hook is called at the end of every request."""
        self.record_once(lambda state: state.app.teardown_request(hook))
        return hook

    @setupmethod
    def app_url_value_preprocessor(self, hook: F) -> F:
        """`url_value_preprocessor` of the app: the hook sees the values of every request's URL."""
        self.record_once(lambda state: state.app.url_value_preprocessor(hook))
        return hook

    @setupmethod
    def app_url_defaults(self, hook: F) -> F:
        """`url_defaults` of the app: the hook may add values to every URL that is built."""
        self.record_once(lambda state: state.app.url_defaults(hook))
        return hook

    @setupmethod
    def app_errorhandler(self, code_or_class: int | type[Exception]) -> Callable[[F], F]:
        """`errorhandler` of the app: errors of other blueprints, and of a path without a rule, as well."""

        def decorate(handler: F) -> F:
            self.record_once(lambda state: state.app.register_error_handler(code_or_class, handler))
            return handler

        return decorate

    def install(
        self,
        app: App,
        scopes: tuple[Router, ...],
        path: str,
        parent: str,
        url_prefix: str | None = None,
        name: str | None = None,
        subdomain: str | None = None,
        values: dict[str, Any] | None = None,
        cli_group: str | None = OWN_NAME,
    ) -> None:
        """Add the routes to `app`, below `path`, and those of the blueprints in this one; what `App.register` does.

        `scopes` are the routers around this one, `parent` the dotted name in front of its own.
        """
        name = f"{parent}{name or self.name}"
        if name in app.blueprints:
            raise ValueError(f"there is a blueprint {name!r} already: register this one under another name=")
        is_first = self not in app.blueprints.values()
        app.blueprints[name] = self
        self.installed += 1
        scopes = (*scopes, self)
        path = _join(path, self.url_prefix if url_prefix is None else url_prefix)
        subdomain = self.subdomain if subdomain is None else subdomain
        values = {**self.url_values, **(values or {})}
        state = SetupState(app, self, scopes, name, path, subdomain, values, is_first)
        for spec in self.rules:
            rule, endpoint = _join(path, spec.rule), f"{name}.{spec.endpoint}"
            app.add_rule(replace(spec, rule=rule, endpoint=endpoint, options=state.rule_options(spec.options)), scopes)
        for endpoint, view in self.views.items():
            app.route_of(endpoint, scopes).answer_with(view)
        for function in self.recorded:
            function(state)
        if "cli" in vars(self) and self.cli.commands:
            group = self.cli_group if cli_group is OWN_NAME else cli_group
            app.cli.add_group(self.cli, name if group is OWN_NAME else group)
        for child, how in self.children:
            inner = how["subdomain"] or child.subdomain
            how = {**how, "subdomain": f"{inner}.{subdomain}" if inner and subdomain else inner or subdomain}
            child.install(app, scopes, path, f"{name}.", **how)


def _join(prefix: str, rule: str) -> str:
    return f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if prefix and rule else prefix or rule
