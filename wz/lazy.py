"""Attributes of an app and of a blueprint whose code is in optional files: a file is loaded when one is first used.

`app.open_resource(...)` loads `wz/resources.py`; an app that never says it never does. To the type checker, `AppNames`
and `BlueprintNames` are the classes of those files. When a program runs they have a `Lazy` for each name instead, in a
class, so that a subclass may override the name and call `super()` as usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .aio import Coroutines  # beside it, and loaded anyway
    from .jinja import (  # upwards: names of an app and a blueprint, which import them when they are used
        AppTemplates,
        BlueprintTemplates,
    )
    from .registries import AppRegistries, Registries  # the same
    from .resources import AppResources, Resources  # the same
    from .static import StaticFolder  # the same

T = TypeVar("T")

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
    "registries:AppRegistries": "iter_blueprints shell_context_processors teardown_appcontext_funcs view_functions",
    "untaken:AppUntaken": """
        async_to_sync dispatch_request do_teardown_appcontext do_teardown_request error_handler_spec finalize_request
        full_dispatch_request handle_http_exception inject_url_defaults log_exception make_default_options_response
        make_response make_shell_context preprocess_request process_response raise_routing_exception
        should_ignore_error trap_http_exception
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
                if isinstance(above, Lazy) and above.place.startswith("untaken:"):
                    above.found.warn(f"{cls.__qualname__}.{name}")


class ReadOnce(Generic[T]):
    """A class attribute that an app's constructor reads: a subclass may have another, an app itself is told."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> T:
        return self.value

    def __set__(self, instance: object, value: T) -> None:
        from .untaken import warn_too_late  # optional: a program that does nothing in vain does not load it

        warn_too_late(instance, self.name)


if TYPE_CHECKING:

    class AppNames(AppResources, StaticFolder, AppTemplates, AppRegistries, Coroutines): ...

    class BlueprintNames(Resources, StaticFolder, BlueprintTemplates, Registries): ...

else:

    class AppNames(Names, table=APP):
        """Flask's names of an app that are in optional files."""

    class BlueprintNames(Names, table=BLUEPRINT):
        """Flask's names of a blueprint that are in optional files."""
