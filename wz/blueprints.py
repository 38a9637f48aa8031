"""Blueprint: routes, hooks and error handlers that an app registers together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .folders import root_path as folder_of
from .lazy import BlueprintNames
from .routing import F, Router, RuleSpec
from .setup import setupmethod

if TYPE_CHECKING:
    from os import PathLike

    from .app import App  # upwards: a blueprint is registered in an app
    from .cli import AppGroup  # upwards: `Blueprint.cli` is a group of commands
    from .setup_state import BlueprintSetupState  # upwards: what was recorded is called with one

_Options = Mapping[str, Any]
OWN_NAME: Any = object()  #: `cli_group` of commands that are grouped by the blueprint's own name


class Blueprint(BlueprintNames, Router):
    """Routes, hooks and error handlers that an app registers together; the hooks see the blueprint's requests only."""

    def __init__(
        self,
        name: str,
        import_name: str | None = None,
        *,
        url_prefix: str | None = None,
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
        self.url_values_defaults = url_defaults or {}
        self.rules: list[RuleSpec] = []
        self.children: list[tuple[Blueprint, dict[str, Any]]] = []
        self.recorded: list[Callable[[BlueprintSetupState], Any]] = []
        self.views: dict[str, Callable[..., Any]] = {}  # by endpoint, for rules without one
        self.is_registered = False
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
        if not self.is_registered:
            return ""
        return f"the blueprint {self.name!r} is registered already. Do it before app.register(...), or no app has it"

    def add_rule(self, spec: RuleSpec) -> None:
        if "." in spec.endpoint:
            raise ValueError(f"an endpoint of a blueprint must not contain a dot, like {spec.endpoint!r}")
        self.rules.append(spec)

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Nest another blueprint: its names and prefix follow this one's, and its hooks run inside this one's.

        `options` are those of `App.register`.
        """
        if blueprint is self:
            raise ValueError("a blueprint can't be registered on itself")
        self.children.append((blueprint, options))

    @setupmethod
    def record(self, function: Callable[[BlueprintSetupState], Any]) -> None:
        """Call `function(state)` whenever the blueprint is registered; the app is `state.app`."""
        self.recorded.append(function)

    @setupmethod
    def record_once(self, function: Callable[[BlueprintSetupState], Any]) -> None:
        """Call `function(state)` when the blueprint is registered for the first time in an app."""
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

    def make_setup_state(self, app: App, options: _Options, first_registration: bool = False) -> BlueprintSetupState:
        """Return what the functions of `record` are called with; a subclass may give them more."""
        from .setup_state import BlueprintSetupState  # optional: an app without blueprints has none

        return BlueprintSetupState(self, app, options, first_registration)

    def register(self, app: App, options: _Options) -> None:
        """Add the routes to `app`, and those of the blueprints in this one; what `App.register` does.

        A subclass may override it, to do something at each registration. To nest blueprints, see `register_blueprint`.
        """
        state = self.make_setup_state(app, options, all(other is not self for other in app.blueprints.values()))
        if state.full_name in app.blueprints:
            raise ValueError(f"there is a blueprint {state.full_name!r} already: register this one under another name=")
        app.blueprints[state.full_name] = self
        self.is_registered = True
        for spec in self.rules:
            state.add_rule(spec)
        for endpoint, view in self.views.items():
            app.route_of(endpoint, state.scopes).answer_with(view)
        for function in self.recorded:
            function(state)
        if "cli" in vars(self) and self.cli.commands:
            group = self.cli_group if (given := options.get("cli_group", OWN_NAME)) is OWN_NAME else given
            app.cli.add_group(self.cli, state.full_name if group is OWN_NAME else group)
        for child, how in self.children:
            child.register(app, {**how, **state.around(child, how)})
