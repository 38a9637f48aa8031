"""The steps of a request by Flask's names, which take no request: it is the current one.

    class Shop(App):
        def dispatch_request(self):                     # called by the step `dispatch`
            return super().dispatch_request()

    with app.test_request_context("/"):
        app.preprocess_request()                        # the before hooks alone, as in a shell

For programs that move over: a method of `wz.app.App` is given its request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .app import App
from .context import require_request
from .http import Request


class Step:
    """Calls a step of an app for the current request; a method that overrides it is called by that step."""

    def __init__(self, step: str) -> None:
        self.step = step

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, app: Any, owner: type) -> Any:
        if app is None:
            return self
        steps = [vars(cls)[self.step] for cls in type(app).__mro__ if self.step in vars(cls)]
        overridden = [place for place, step in enumerate(steps) if hasattr(step, "overridden_by")]
        step = steps[overridden[-1] + 1 if overridden else 0]  # or a method that calls super() would call itself

        def call(*args: Any, **_: bool) -> Any:
            return step(app, require_request(), *args)

        return call

    def __set__(self, app: App, function: Callable[..., Any]) -> None:
        vars(app).update({self.name: function, self.step: lambda request, *args: function(*args)})
        app.after_hooks.add(lambda request, response: response)  # what no hook sees is not processed

    def overridden(self, cls: type, name: str) -> None:
        """Let the step call the method `name` of a subclass."""

        def step(app: App, request: Request, *args: Any) -> Any:
            return getattr(app, name)(*args)

        step.overridden_by = name  # type: ignore[attr-defined]
        setattr(cls, self.step, step)


class AppSteps:
    """What an app has of this file."""

    full_dispatch_request = Step("respond")
    preprocess_request = Step("preprocess")
    dispatch_request = Step("dispatch")
    finalize_request = Step("finalize")
    process_response = Step("process")
    make_default_options_response = Step("options_response")
