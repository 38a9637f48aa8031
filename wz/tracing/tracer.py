"""Tracer: the callable around an app that traces the requests which ask for it.

    application = Tracer(app, keep, asked=lambda environ: "HTTP_X_WZ_TRACE" in environ)

A request that does not ask meets one call more and nothing else. One that does is answered by a second App inside a
second onion of its layers, which share all state with the first and are made when the first such request comes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..app import App
from . import traceparent
from .hidden import Hidden
from .onion import compose
from .probing import Probe, Switch
from .recording import Place, Recording, current, now
from .sending import Sent, watch
from .server_timing import server_timing
from .source import source_of
from .spans import Span

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_logger = logging.getLogger(__name__)
_WSGI = Place("wsgi", "WSGI", "wz", source_of(App.__call__))

#: Where `app.extensions` has the app's `Instruments`.
EXTENSION = "tracing"


@dataclass(frozen=True)
class Instruments:
    """What an app's author knows of it: `app.extensions["tracing"] = Instruments(probes=[RedisProbe()])`.

    `secrets` are names of headers, of keys of the environ and of values of a query string that no trace may show,
    besides those of `wz.tracing.hidden.NAMES`.
    """

    probes: Sequence[Probe] = ()
    secrets: Iterable[str] = ()


class Tracer:
    """A WSGI application. `keep` is given the `Recording` of each traced request after the last byte of its answer.

    It is called in the thread that answered, so it should only put it into a queue: `recording.trace()` is for another
    thread. `asked` says whether a request is to be traced, by default each; it is asked at every request, and may take
    its own headers out of the environ. `received` returns spans that the server knows of a traced request, from before
    the call. If `tell`, a traced answer has the headers Server-Timing and traceparent.
    """

    def __init__(
        self,
        app: App,
        keep: Callable[[Recording], object],
        *,
        asked: Callable[[WSGIEnvironment], bool] = lambda environ: True,
        received: Callable[[WSGIEnvironment], Iterable[Span]] = lambda environ: (),
        tell: bool = True,
    ) -> None:
        self.app = app
        self.keep = keep
        self._asked = asked
        self._received = received
        self._tell = tell
        self._traced: WSGIApplication | None = None
        self._hidden = Hidden()
        self._switch = Switch(())
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._asked(environ):
            return self.app(environ, start_response)
        traced = self._traced or self._compose()
        begin = now()
        recording = Recording(environ, self._hidden)
        for span in self._received(environ):
            recording.add_span(span)
        answer = Answer(self.keep, self._switch, recording, begin, watch(start_response))

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            recording.head = status, headers
            if self._tell:
                headers = [*headers, *_told(recording, begin)]
            return start_response(status, headers, *exc_info)

        self._switch.begin()
        token = current.set(recording)
        try:
            body = traced(environ, start)
        except BaseException:
            answer.close()
            raise
        finally:
            current.reset(token)
        return answer.over(body, environ.get("wsgi.file_wrapper"))

    def _compose(self) -> WSGIApplication:
        with self._lock:
            if self._traced is None:
                instruments = self.app.extensions.get(EXTENSION, Instruments())
                self._hidden, self._switch = Hidden(instruments.secrets), Switch(instruments.probes)
                self.app.layers.fix()  # set-up is over, as after a request that is not traced
                self._traced = compose(self.app)
        return self._traced


class Answer:
    """The body of a traced answer. The server closes it after the last byte, which ends the trace.

    A server that forgets to, or a test, ends it by dropping it.
    """

    def __init__(
        self, keep: Callable[[Recording], object], switch: Switch, recording: Recording, begin: int, sent: Sent | None
    ) -> None:
        self._keep: Callable[[Recording], object] | None = keep  # None once it is closed
        self._switch = switch
        self._recording = recording
        self._begin = begin
        self._sent = sent
        self._body: Iterable[bytes] = ()
        self._steps: Iterator[bytes] = iter(())
        self._close: Callable[[], object] | None = None

    def over(self, body: Iterable[bytes], file_wrapper: Any) -> Iterable[bytes]:
        """Return what the server sends: this, or, of a file that the server can send by itself, the file."""
        self._close = getattr(body, "close", None)
        if type(body) is file_wrapper:
            with suppress(AttributeError):  # a class with slots
                body.close = self.close  # type: ignore[attr-defined]
                return body
        self._body, self._steps = body, iter(body)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self._steps if isinstance(self._body, list | tuple) else self

    def __next__(self) -> bytes:
        token = current.set(self._recording)
        try:
            return next(self._steps)
        finally:
            current.reset(token)

    def close(self) -> None:
        """Close the body, as the server wants it, and end the trace."""
        keep, self._keep = self._keep, None
        close, self._close = self._close, None  # of a file: or the two would keep each other alive
        if keep is None:
            return
        token = current.set(self._recording)
        try:
            if close is not None:
                close()
        finally:
            current.reset(token)
            self._switch.end()
            self._end(keep)

    __del__ = close

    def _end(self, keep: Callable[[Recording], object]) -> None:
        recording = self._recording
        if self._sent is not None:
            self._sent.note(recording)
        status = recording.head[0] if recording.head else "no answer"
        recording.note((_WSGI, self._begin, now(), status, None))
        try:
            keep(recording)
        except Exception:
            _logger.exception("the trace of a request could not be kept")


def _told(recording: Recording, begin: int) -> list[tuple[str, str]]:
    return [
        ("Server-Timing", server_timing(recording.times(), now() - begin)),
        ("traceparent", traceparent.answer(recording.arrived.get("HTTP_TRACEPARENT", ""), recording.id)),
    ]
