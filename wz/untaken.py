"""What Flask has and wz has not: a program that sets it is warned, with the line of the program and what to write.

`docs/flask.md` lists the same names under "Not taken over".
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

_FOLDER = str(Path(__file__).parent)

#: Settings, and what to write instead. `wz.config.UNTAKEN` has their names.
SETTINGS = {
    "ENV": "set DEBUG, or a setting of your own",
    "JSONIFY_MIMETYPE": "set app.json.mimetype",
    "JSONIFY_PRETTYPRINT_REGULAR": "set app.json.compact",
    "JSON_AS_ASCII": "set app.json.ensure_ascii",
    "JSON_SORT_KEYS": "set app.json.sort_keys",
    "PRESERVE_CONTEXT_ON_EXCEPTION": "in a test, `with client:` keeps the last request",
}

_STEP = "override {}, which takes the request"
_HANDLERS = "add to router.error_handlers, or use register_error_handler(code_or_class, handler)"

#: An app's attributes, and what to write instead.
APP = {
    "async_to_sync": "wz.aio.ensure_sync makes a plain function of a coroutine function, as all of wz does",
    "do_teardown_appcontext": "override teardown_context, which takes the error",
    "do_teardown_request": _STEP.format("teardown"),
    "error_handler_spec": _HANDLERS,
    "handle_http_exception": _STEP.format("handle_user_exception"),
    "make_response": _STEP.format("finalize"),
    "raise_routing_exception": _STEP.format("dispatch"),
    "should_ignore_error": _STEP.format("teardown"),
    "trap_http_exception": _STEP.format("handle_user_exception") + ", or set TRAP_HTTP_EXCEPTIONS",
}

#: The same for a blueprint.
BLUEPRINT = {
    "deferred_functions": "use record(function), which is called at each registration",
    "error_handler_spec": _HANDLERS,
    "view_functions": "use add_url_rule, or the app's view_functions after register",
}


class UntakenWarning(UserWarning):
    """Something of Flask's was set that wz has not taken over, so it has no effect."""


class Untaken:
    """An attribute that is not there, and says what is. It may be set, with a warning, and then has what was set."""

    def __init__(self, name: str, instead: str) -> None:
        self.name = name
        self.instead = instead

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no {self.name}: {self.instead}", name=self.name, obj=instance)

    def __set__(self, instance: Any, value: object) -> None:
        self.warn(f"{type(instance).__name__}.{self.name}")
        instance.__dict__[self.name] = value

    def overridden(self, cls: type, name: str) -> None:
        """Tell of a method of the program's class, as of an attribute that is set."""
        self.warn(f"{cls.__qualname__}.{name}")

    def warn(self, name: str) -> None:
        """Tell that `name`, which the program sets or overrides, is used by nobody."""
        _warn(f"{name} has no effect in wz: {self.instead}")


class AppUntaken:
    """The names of `APP`."""


class BlueprintUntaken:
    """The names of `BLUEPRINT`."""


for owner, table in ((AppUntaken, APP), (BlueprintUntaken, BLUEPRINT)):
    for name, instead in table.items():
        setattr(owner, name, Untaken(name, instead))


def warn_of_setting(name: str) -> None:
    """Tell that the setting `name` of `SETTINGS` is read by nobody."""
    _warn(f"the setting {name} has no effect in wz: {SETTINGS[name]}")


def warn_too_late(app: object, name: str) -> None:
    """Tell that an attribute is set that the app's constructor has read already."""
    cls = type(app).__name__
    _warn(f"{cls}.{name} has no effect on an app that exists: set it in a subclass of {cls}")


def _warn(message: str) -> None:
    """Warn with the line of the program that has called wz."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_FOLDER):
        frame = frame.f_back
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__")
    warnings.warn_explicit(
        message, UntakenWarning, frame.f_code.co_filename, frame.f_lineno, module=module, registry=registry
    )
