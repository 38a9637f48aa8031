"""What is noted of a request while it is answered. Texts are made of it afterwards, in another thread."""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec

from ..errors import REQUEST_ID
from . import traceparent
from .hidden import Hidden
from .spans import Change, Span, Trace, Who
from .visits import Head, Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The clock of all spans: nanoseconds since the Unix epoch, by the clock that nginx's `$msec` is read from as well.
now = time.time_ns

#: With more calls to other processes than this (commands to Redis above all), those that follow are only counted.
MAX_CALLS = 1000

#: The request's headers, and the answer's, beyond this number are left out.
MAX_HEADERS = 100

#: A text, or a function that makes it after the answer.
Later = str | Callable[[], str]


class Place(NamedTuple):
    """What is known of a step before any request: see `Span`."""

    step: str
    name: str
    who: Who
    where: str = ""


#: A span as it is noted: its place, begin, end, detail, and what makes its changes. See `Recording.add`.
Noted = tuple[Place, int, int, Later, Callable[[Hidden], list[Change]] | None]


class Recording:
    """A request that is traced. `current` has it, for everything that wants to `add` a span to it."""

    def __init__(self, environ: WSGIEnvironment, hidden: Hidden | None = None) -> None:
        self.environ = environ
        self.arrived = environ.copy()
        self.hidden = hidden or Hidden()
        self.visit: Visit | None = None
        self.head: Head | None = None
        self.rule = ""
        self.entered = 0  # when the app, inside all layers, was called
        self._own_id = ""
        self._thread = threading.current_thread().name
        self._known: list[Span] = []
        self._noted: list[Noted] = []
        self._calls = 0
        #: Adds a span as `add` does, in a fifth of its time: for the framework's own steps, of which each request has
        #: twenty. Its argument is a `Noted`.
        self.note: Callable[[Noted], None] = self._noted.append

    @property
    def id(self) -> str:
        """The request's id, if a layer has given it one (see `wz.request_id`); else 32 random hex digits."""
        given: str | None = self.environ.get(REQUEST_ID)
        if given is None and not self._own_id:
            self._own_id = uuid.uuid4().hex
        return given or self._own_id

    def add(
        self,
        step: str,
        name: str,
        who: Who,
        begin: int,
        end: int | None = None,
        where: str = "",
        detail: Later = "",
        changes: Callable[[Hidden], list[Change]] | None = None,
    ) -> None:
        """Note a span; see `Span` for what it is made of. It ends now, unless `end` says when.

        `detail` and `changes` may be functions: they are called after the answer, in another thread, and must only use
        what no longer changes. `detail` must not have what a client keeps secret, or the body.
        """
        end = now() if end is None else end
        if who in ("redis", "socket"):
            self._calls += 1
            if self._calls > MAX_CALLS:
                return
        self.note((Place(step, name, who, where), begin, end, detail, changes))

    def add_span(self, span: Span) -> None:
        """Note a span that is complete, as a server knows it."""
        self._known.append(span)

    def times(self) -> list[tuple[str, int]]:
        """Return the kind of step and the nanoseconds of each span so far."""
        known = [(span.step, span.end - span.begin) for span in self._known]
        return [*known, *[(place[0], end - begin) for place, begin, end, _, _ in self._noted]]

    def trace(self) -> Trace:
        """Return the trace. This takes some hundred microseconds: call it after the answer, in another thread."""
        hidden, environ = self.hidden, self.arrived
        parent = environ.get("HTTP_TRACEPARENT", "").strip()
        status, answered = self.head or ("0", [])
        asked = [
            (name.removeprefix("HTTP_").replace("_", "-").title(), str(value))
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        ]
        secrets = hidden.found_in([*asked, *answered])
        spans = [*self._known, *map(self._span, self._noted)]
        if self._calls > MAX_CALLS and spans:
            spans[-1].detail += f"; {self._calls - MAX_CALLS} more calls are left out"
        trace = Trace(
            id=self.id,
            method=hidden.text(environ["REQUEST_METHOD"]),
            path=hidden.text(_path(environ)),
            status=int(status[:3]),
            rule=self.rule,
            began=min((span.begin for span in spans), default=0),
            process=os.getpid(),
            thread=self._thread,
            parent=parent if traceparent.parse(parent) else "",
            request_headers=[(name, hidden.value(name, value)) for name, value in asked[:MAX_HEADERS]],
            response_headers=[(name, hidden.value(name, value)) for name, value in answered[:MAX_HEADERS]],
            spans=spans,
        )
        return _without(secrets, trace)

    def _span(self, noted: Noted) -> Span:
        (step, name, who, where), begin, end, detail, changes = noted
        text = detail if isinstance(detail, str) else detail()
        changed = changes(self.hidden) if changes else []
        return Span(step, self.hidden.text(name), who, begin, end, where, self.hidden.text(text), changed)


def _path(environ: WSGIEnvironment) -> str:
    """The path with its query, as the client wrote it if the server says so."""
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if sent:
        return str(sent)
    path = quote(f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".encode("latin-1"))
    query = environ.get("QUERY_STRING")
    return f"{path}?{query}" if query else path


def _without(secrets: list[str], trace: Trace) -> Trace:
    """Return the trace with secrets replaced in every text that may repeat one. Mostly none does."""
    texts = msgspec.msgpack.encode(trace)  # has each text as it is
    if not any(secret.encode() in texts for secret in secrets):
        return trace
    pattern = re.compile("|".join(map(re.escape, secrets)))

    def hide(text: str) -> str:
        return pattern.sub(lambda found: f"hidden, {len(found[0])} characters", text)

    return msgspec.convert(_each_text(msgspec.to_builtins(trace), hide), Trace)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(part, change) for name, part in value.items()}
    return [_each_text(part, change) for part in value] if isinstance(value, list | tuple) else value


#: The recording of the request that this context answers; None while it is not traced.
current: ContextVar[Recording | None] = ContextVar("wz.tracing", default=None)
