"""Pages that stay current: an event stream that sends the parts of a page that have changed, as the page shows them.

A part is a fragment of HTML, made by the template that the page includes, so nothing is rendered twice in two ways:

    <section class="panel" data-live="attention">{% include "home/attention.html" %}</section>

    @blueprint.get("/live/home")
    def follow(request: Request) -> Response:
        return live(request, lambda: {"attention": render_template("home/attention.html", ...)})

and `page(..., live="/console/live/home")` has the page load static/live.js, which puts what changed in its place.

Streams of one address and one token show the same, so they share what is rendered: see `Shared`.

A stream holds a thread of gunicorn's, so the console has only `MAX_LIVE` of a process's places for readers, and a page
that nobody looks at closes its stream. With no place left, the stream has each part once and ends; the browser's
EventSource comes again after `RETRY` seconds. So a page without a place is a few seconds old, and holds no thread.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping

from pipeline.errors import PipelineError
from pipeline.store import OUTAGES
from pipeline.store.clock import machine_now, machine_time
from wz import Request, Response
from wz.sse import ServerSentEvent, event_stream
from wz.streaming import stream_with_context

from ..readers import TooManyReaders
from ..services import services
from ..sessions import authorization
from .access import Access, access

#: The places of a process's readers that pages may have, all together: as many are left to the API's own streams.
MAX_LIVE = 4

#: Seconds between two looks at what has changed, at least; a look that takes long is followed by a longer pause, so
#: that a stream works for a tenth of the time at most.
PERIOD = 1.0
_SHARE = 10

#: Seconds after which a page whose stream has ended asks again.
RETRY = 4

#: What ends a stream: the page asks again, and then gets the error as a status.
ENDS: tuple[type[Exception], ...] = (PipelineError, *OUTAGES)

Fragments = Callable[[], Mapping[str, str]]


class Shared:
    """The parts of one page as one token may see them, for all its streams: twenty tabs cost no more than one.

    `pause` is for how many seconds they are good.
    """

    def __init__(self) -> None:
        self.pause = PERIOD
        self._lock = threading.Lock()
        self._parts: Mapping[str, str] = {}
        self._until = 0.0  # monotonic seconds

    def render(self, fragments: Fragments, fresh: bool = False) -> Mapping[str, str]:
        """Return the parts as another stream has just sent them, or, with `fresh`, as they are now."""
        with self._lock:
            begun = time.monotonic()
            if fresh or begun >= self._until:
                self._parts = fragments()
                self.pause = max(PERIOD, (time.monotonic() - begun) * _SHARE)
                self._until = begun + self.pause
            return self._parts


def live(request: Request, fragments: Fragments) -> Response:
    """Return an event stream of what `fragments` returns: HTML by its name, which is that of a `data-live` section.

    All come first, then those that have changed, at most once a second. `fragments` is called with the request current.
    The event `at` has the time of each look, `state` says `live`, or `full` if there is no place. The stream ends as
    those of the API do: after some minutes, with the session, or when the process stops or the client has gone.
    """
    found, signed_in = services(request), authorization(request)
    who = access(request)
    _ = who.rule  # raises if it is good for nothing
    shared = _shared(request, signed_in)
    if request.method == "HEAD":
        shared.render(fragments)  # what it raises is told by a status
        return event_stream([])
    try:
        place = found.readers.enter("console", request.environ.get("gunicorn.socket"), share=MAX_LIVE)
    except TooManyReaders:
        return event_stream(_once(shared.render(fragments)), retry=RETRY * 1000)
    try:
        first = shared.render(fragments, fresh=True)  # not older than the page
    except BaseException:
        place.leave()
        raise
    seconds: float = request.app.config["TAIL_SECONDS"]
    end = time.monotonic() + min(seconds, who.token.expires + found.clock_tolerance - machine_time())

    def is_over() -> bool:
        if place.is_over() or time.monotonic() >= end or authorization(request) != signed_in:
            return True
        _ = Access(request, who.token).rule  # raises if the rule or its key has gone since
        return False

    events = stream_with_context(_updates(first, shared, fragments, is_over))
    response = event_stream(events, retry=RETRY * 1000)
    response.call_on_close(place.leave)
    return response


def _shared(request: Request, token: str | None) -> Shared:
    """Return what this request shares with the others of its address and its token while there are any."""
    extensions = request.app.extensions
    every: weakref.WeakValueDictionary[Hashable, Shared] = extensions.setdefault("live", weakref.WeakValueDictionary())
    return every.setdefault((request.url, token), Shared())


def _once(parts: Mapping[str, str]) -> Iterator[ServerSentEvent]:
    yield ServerSentEvent("full", event="state")
    yield from _changes(parts, {})


def _updates(
    first: Mapping[str, str], shared: Shared, fragments: Fragments, is_over: Callable[[], bool]
) -> Iterator[ServerSentEvent]:
    yield ServerSentEvent("live", event="state")
    parts, sent = first, dict[str, str]()
    while True:
        yield from _changes(parts, sent)
        sent.update(parts)
        time.sleep(shared.pause)
        try:
            if is_over():
                return
            parts = shared.render(fragments)
        except ENDS:
            return


def _changes(parts: Mapping[str, str], sent: Mapping[str, str]) -> Iterator[ServerSentEvent]:
    for name, html in parts.items():
        if sent.get(name) != html:
            yield ServerSentEvent(html, event=name)
    yield ServerSentEvent(f"{machine_now():%H:%M:%S}", event="at")
