"""Which requests of the service are traced, what of Redis is seen, and where the traces go.

A request is traced through all layers if it asks for it by `X-Wz-Trace: 1`, and comes either from this machine in the
environment development, or with a token, or a session, that has Manage on the whole namespace. One in WZ_TRACE_EVERY is
traced as well. Whoever asks and may not is answered as if he had not asked.
"""

from __future__ import annotations

import ipaddress
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from pipeline.console.traces import Traces
from pipeline.hub.rules import Right
from pipeline.store.command_probes import CommandProbes, Note, RoundTrip
from wz import App
from wz.tracing.recording import Recording, current, now
from wz.tracing.source import source_of
from wz.tracing.spans import Span, Trace
from wz.tracing.tracer import EXTENSION, Instruments, Tracer

from .console.access import access
from .services import Services
from .trace_keeper import Keeper
from .traces import HEADER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger(__name__)

_KEY = f"HTTP_{HEADER.upper().replace('-', '_')}"

#: Names of what no trace shows, as headers or in a query: what nginx's log leaves out, and the code that signs in.
SECRETS = ("sig", "signature", "token", "key", "secret", "password", "authorization", "code")

#: OpenTelemetry's own variables: with one of them, traces are sent as well as kept. Its others count, too.
COLLECTOR = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

#: Spans of before the application was called, which was at that time: what the server knows.
ServerTimes = Callable[["WSGIEnvironment", int], Iterable[Span]]


class _Asked(threading.local):
    """Of the request that this thread answers: when the application was called, and whether a right was checked."""

    at = 0
    was_checked = False


class Tracing:
    """Traces the requests of an app: `tracer` is the WSGI application for the server, `keeper` stores the traces."""

    def __init__(self, app: App, server_times: ServerTimes = lambda environ, called: ()) -> None:
        services: Services = app.extensions["services"]
        settings = services.settings
        self.app = app
        self.keeper = Keeper(lambda: Traces(services.redis, settings.traces), _collector())
        self.tracer = Tracer(app, self.keeper.trace, asked=self.is_asked, received=self.received)
        self._server_times = server_times
        self._asked = _Asked()
        self._every = settings.trace_every
        self._count = itertools.count(1)
        self._trusts_this_machine = settings.environment == "development"

    def is_asked(self, environ: WSGIEnvironment) -> bool:
        """Say whether a request is to be traced. It costs the others a tenth of a microsecond."""
        is_wish = _KEY in environ and environ[_KEY] != "0"
        if not is_wish and not (self._every and next(self._count) % self._every == 0):
            return False
        asked = self._asked
        asked.at, asked.was_checked = now(), is_wish
        return not is_wish or self.may(environ)

    def may(self, environ: WSGIEnvironment) -> bool:
        """Say whether who sent this request may have it traced."""
        if self._trusts_this_machine and is_local(environ):
            return True
        if "HTTP_AUTHORIZATION" not in environ and "HTTP_COOKIE" not in environ:
            return False
        request = self.app.request_class(environ)
        request.app = self.app
        try:
            return access(request).may(Right.MANAGE)
        except Exception:  # no or a wrong token, Redis is away: whatever it is, the request's own answer will say it
            return False

    def received(self, environ: WSGIEnvironment) -> Iterable[Span]:
        asked = self._asked
        yield from self._server_times(environ, asked.at)
        if asked.was_checked:
            yield Span("ask", "may it be traced?", "wz", asked.at, now(), _MAY)


_MAY = source_of(Tracing.may)


def instrument(app: App) -> None:
    """Tell whoever traces this app what it asks of Redis, and what is secret."""
    app.extensions[EXTENSION] = Instruments([CommandProbes(_listener)], SECRETS)


def _collector() -> Callable[[Trace], object] | None:
    """Return what sends traces to the OpenTelemetry collector that the environment names, if it names one.

    To be called after the fork, as the sender has a thread.
    """
    if not any(os.environ.get(name) for name in COLLECTOR):
        return None
    try:
        from wz.tracing.collector import Collector  # a third of a second, for those who have one
    except ModuleNotFoundError as exc:
        logger.warning("No trace is sent to the collector: %s", exc)
        return None
    return Collector("wz").send


def is_local(environ: WSGIEnvironment) -> bool:
    """Say whether a request comes from this machine, also if a proxy on this machine has passed it on."""
    return _are_local(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""))


@lru_cache(128)
def _are_local(address: str, passed_on_for: str) -> bool:
    addresses = [address, *passed_on_for.split(",")]  # of a unix socket, the first is empty
    try:
        return all(ipaddress.ip_address(one).is_loopback for address in addresses if (one := address.strip()))
    except ValueError:
        return False


def _listener() -> Note | None:
    recording = current.get()
    return None if recording is None else partial(_add, recording)


def _add(recording: Recording, trip: RoundTrip) -> None:
    recording.add("redis", trip.text, "redis", trip.begin, trip.end, trip.where, partial(_said, trip))


def _said(trip: RoundTrip) -> str:
    failed = f"{trip.error}; " if trip.error else ""
    commands = f"{trip.commands} commands, " if trip.commands > 1 else ""
    return f"{failed}{commands}{trip.sent} bytes out, {trip.received} in" if trip.commands else failed.rstrip("; ")
