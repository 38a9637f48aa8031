"""Names of an app, a blueprint and `wz` itself that are in optional files: a file is loaded when one is first used.

`app.open_resource(...)` loads `wz/resources.py`; an app that never says it never does. To the type checker, `AppNames`
and `BlueprintNames` are the classes of those files. When a program runs they have a `Lazy` for each name instead, in a
class, so that a subclass may override the name and call `super()` as usual. `from wz import session` loads
`wz/sessions.py` in the same way, by the table `PACKAGE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import Coroutines  # beside it, and loaded anyway
    from .jinja import (  # upwards: names of an app and a blueprint, which import them when they are used
        AppTemplates,
        BlueprintTemplates,
    )
    from .registries import AppRegistries, Registries  # the same
    from .resources import AppResources, Resources  # the same
    from .static import StaticFolder  # the same
    from .steps import AppSteps  # the same

#: What both have: the names, by the file and the class in it.
BOTH = {
    "static:StaticFolder": "get_send_file_max_age has_static_folder send_static_file static_folder static_url_path",
    "jinja:RouterTemplates": "context_processor jinja_loader",
    "registries:Registries": """
        after_request_funcs before_request_funcs teardown_request_funcs template_context_processors
        url_default_functions url_value_preprocessors
    """,
}
APP = BOTH | {
    "aio:Coroutines": "ensure_sync",
    "resources:AppResources": "auto_find_instance_path instance_path open_instance_resource open_resource",
    "jinja:AppTemplates": """
        add_template_filter add_template_global add_template_test create_global_jinja_loader create_jinja_environment
        jinja_env jinja_environment jinja_options select_jinja_autoescape template_filter template_global template_test
        update_template_context
    """,
    "steps:AppSteps": """
        dispatch_request finalize_request full_dispatch_request make_default_options_response preprocess_request
        process_response
    """,
    "registries:AppRegistries": """
        iter_blueprints make_shell_context shell_context_processors teardown_appcontext_funcs view_functions
    """,
    "untaken:AppUntaken": """
        async_to_sync do_teardown_appcontext do_teardown_request error_handler_spec handle_http_exception make_response
        raise_routing_exception should_ignore_error trap_http_exception
    """,
}
BLUEPRINT = BOTH | {
    "resources:Resources": "open_resource",
    "jinja:BlueprintTemplates": """
        add_app_template_filter add_app_template_global add_app_template_test app_context_processor
        app_template_filter app_template_global app_template_test
    """,
    "untaken:BlueprintUntaken": """
        deferred_functions error_handler_spec view_functions
    """,
}
#: What `wz` itself has, so that `from flask import ...` becomes `from wz import ...`.
PACKAGE = {
    "flashing": "flash get_flashed_messages",
    "sessions": "session",
    "signals": """
        appcontext_popped appcontext_pushed appcontext_tearing_down before_render_template got_request_exception
        message_flashed request_finished request_started request_tearing_down template_rendered
    """,
    "static": "send_file send_from_directory",
    "templates": """
        get_template_attribute render_template render_template_string stream_template stream_template_string
    """,
}
#: Files that `import wz` is enough for, as `import flask` is: `wz.signals.request_started`.
MODULES = ("cli", "logging", "sessions", "signals", "templates", "testing", "views")


def name_of_package(name: str) -> Any:
    """Return what `PACKAGE` and `MODULES` have under this name. Raises AttributeError."""
    if name in MODULES:
        return import_module(f"wz.{name}")
    for module, names in PACKAGE.items():
        if name in names.split():
            return getattr(import_module(f"wz.{module}"), name)
    raise AttributeError(f"module 'wz' has no attribute {name!r}", name=name)


class Lazy:
    """Stands in a class for the attribute `name` of another class, at `place`; one that is set on an object wins."""

    def __init__(self, place: str, name: str) -> None:
        self.place = place
        self.name = name

    @cached_property
    def found(self) -> Any:
        """What the other class has under this name. Its file is loaded now, if it was not before."""
        module, _, owner = self.place.partition(":")
        return getattr_static(getattr(import_module(f"wz.{module}"), owner), self.name)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is not None and self.name in instance.__dict__:
            return instance.__dict__[self.name]
        return self.found.__get__(instance, owner) if hasattr(self.found, "__get__") else self.found

    def __set__(self, instance: Any, value: Any) -> None:
        if hasattr(self.found, "__set__"):
            self.found.__set__(instance, value)
        else:
            instance.__dict__[self.name] = value

    def __delete__(self, instance: Any) -> None:
        del instance.__dict__[self.name]


class Names:
    """The base of a class that has a `Lazy` for each name of a table: `class AppNames(Names, table=APP)`."""

    def __init_subclass__(cls, table: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        for place, names in (table or {}).items():
            for name in names.split():
                setattr(cls, name, Lazy(place, name))
        for name in tuple(vars(cls)):
            for base in cls.__mro__[1:]:
                above = vars(base).get(name)
                if isinstance(above, Lazy) and above.place.startswith(("steps:", "untaken:")):
                    above.found.overridden(cls, name)


if TYPE_CHECKING:

    class AppNames(AppResources, StaticFolder, AppTemplates, AppRegistries, AppSteps, Coroutines): ...

    class BlueprintNames(Resources, StaticFolder, BlueprintTemplates, Registries): ...

else:

    class AppNames(Names, table=APP):
        """Flask's names of an app that are in optional files."""

    class BlueprintNames(Names, table=BLUEPRINT):
        """Flask's names of a blueprint that are in optional files."""
