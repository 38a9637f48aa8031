"""Flask's signals: they tell the receivers that are connected what an app does. It needs the package blinker.

    @request_finished.connect_via(app)
    def count(sender, response, **extra): ...

For receivers that are connected without an app, which hear every app that has this:

    Signals(app)

A receiver is called with the app as `sender` and the keywords below; it should also take `**extra`. It can't change
what happens: use a hook for that. An exception that it raises is raised where the signal is sent.

    request_started()                             before the first before hook
    request_finished(response)                    after the session was saved: the response as it goes out
    got_request_exception(exception)              nothing has handled it, so it will be a 500
    request_tearing_down(exc)                     after the teardown hooks
    appcontext_pushed(), appcontext_popped(), appcontext_tearing_down(exc)
    before_render_template(template, context), template_rendered(template, context)
    message_flashed(message, category)

An app sends nothing, and pays nothing, until a receiver is connected for it, or `Signals(app)` is called. A module that
sends a signal does not import this one; it looks whether the app has signals:

    if signals := app.extensions.get("signals"):
        signals.template_rendered.send(app, template=template, context=context)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from werkzeug.wrappers import Response as WerkzeugResponse

from .app import App
from .http import Request
from .routing import Phase

try:
    from blinker import ANY, NamedSignal
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError("wz.signals needs the package blinker: pip install blinker", name=exc.name) from exc

EXTENSION = "signals"  # the key in `app.extensions`
F = TypeVar("F", bound=Callable[..., Any])


class Signal(NamedSignal):
    """A signal that an app sends once a receiver is connected for it: `signal.connect(receiver, app)`."""

    def connect(self, receiver: F, sender: Any = ANY, weak: bool = True) -> F:
        if isinstance(sender, App) and EXTENSION not in sender.extensions:
            Signals(sender)
        return super().connect(receiver, sender, weak)


request_started = Signal("request-started")
request_finished = Signal("request-finished")
request_tearing_down = Signal("request-tearing-down")
got_request_exception = Signal("got-request-exception")
appcontext_pushed = Signal("appcontext-pushed")
appcontext_popped = Signal("appcontext-popped")
appcontext_tearing_down = Signal("appcontext-tearing-down")
before_render_template = Signal("before-render-template")
template_rendered = Signal("template-rendered")
message_flashed = Signal("message-flashed")


class Signals:
    """Sends an app's signals. Its attributes are the signals, for files that find it in `app.extensions`.

    The three appcontext signals are sent for each request, as in Flask, and for each `with app.app_context():`.
    """

    request_started = request_started
    request_finished = request_finished
    request_tearing_down = request_tearing_down
    got_request_exception = got_request_exception
    appcontext_pushed = appcontext_pushed
    appcontext_popped = appcontext_popped
    appcontext_tearing_down = appcontext_tearing_down
    before_render_template = before_render_template
    template_rendered = template_rendered
    message_flashed = message_flashed

    def __init__(self, app: App) -> None:
        if EXTENSION in app.extensions:
            raise RuntimeError(f"the app {app.import_name!r} has signals already: call Signals(app) once")
        app.extensions[EXTENSION] = self
        self.app = app
        app.before_hooks.add(self._start, Phase.OUTERMOST)
        app.after_hooks.add(self._finish, Phase.OUTERMOST)
        app.teardown_hooks.add(self._tear_down, Phase.OUTERMOST)
        app.error_hooks.append(self._fail)
        app.appcontext_hooks.append(self._push)
        app.appcontext_teardown_hooks.add(self._pop, Phase.OUTERMOST)

    def _start(self, request: Request) -> None:
        appcontext_pushed.send(self.app)
        request_started.send(self.app)

    def _finish(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        request_finished.send(self.app, response=response)
        return response

    def _fail(self, request: Request, exception: Exception) -> None:
        got_request_exception.send(self.app, exception=exception)

    def _tear_down(self, error: BaseException | None) -> None:
        request_tearing_down.send(self.app, exc=error)

    def _push(self) -> None:
        appcontext_pushed.send(self.app)

    def _pop(self, error: BaseException | None) -> None:
        appcontext_tearing_down.send(self.app, exc=error)
        appcontext_popped.send(self.app)
