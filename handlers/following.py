"""Streams of server-sent events that follow something as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from pipeline.store.clock import machine_time
from pipeline.store.offsets import OFFSET
from wz import Problem, Request, Response
from wz.sse import ServerSentEvent, event_stream

from .auth import signed_by, token_of
from .outage import ANSWERED, AWAY
from .readers import RETRY_AFTER, Place, TooManyReaders
from .services import services

TOO_MANY = f"too many readers wait, or {AWAY}: try again after Retry-After seconds"
SHARE_TAKEN = "too many readers wait with tokens of this rule: try again after Retry-After seconds"

#: Seconds between two comments on a stream that has no events: below `proxy_read_timeout` in nginx.conf.
COMMENT = 15

#: Seconds that a long poll may wait: below `proxy_read_timeout` in nginx.conf.
MAX_WAIT = 20

Wait = Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT, description="Seconds to wait for an event if none is there")]

#: Seconds after which a stream ends. Its client connects again, perhaps to a process that has less to do.
TAIL_SECONDS = 300

_WHERE = (
    "An id, of which only later ones are answered; a time in ms since the Unix epoch will do. `0` is before all, "
    "`@latest` is after the newest"
)
After = Annotated[str, msgspec.Meta(pattern=f"^(@latest|{OFFSET})$", description=_WHERE)]


class TailQuery(msgspec.Struct, forbid_unknown_fields=True):
    after: After = "@latest"


@dataclass(frozen=True)
class Followed:
    """What is followed. `page` returns what comes after an id, at once: pairs of an id and a document's text.

    `wait` waits for something after an id, for so many seconds or until it is told to stop, and says whether it came.
    """

    page: Callable[[str], Sequence[tuple[str, str]]]
    wait: Callable[[str, float, Callable[[], bool]], bool]


def begin_after(request: Request, after: str, kind: Any = After) -> str:
    """Return after what a stream begins: the Last-Event-ID of a client that connects again, otherwise `after`."""
    last_id = request.headers.get("Last-Event-ID")
    try:
        return str(msgspec.convert(last_id, kind)) if last_id else after
    except msgspec.ValidationError:
        raise Problem(422, "Last-Event-ID must be the id of an event of this stream", field="Last-Event-ID") from None


def follow(request: Request, followed: Followed, after: str) -> Response:
    """Return a response that sends what is followed, as events with its ids.

    It ends after `TAIL_SECONDS`, or when the token of the request does, the process stops, or the client has gone.
    Raises `TooManyReaders`.
    """
    if request.method == "HEAD":
        return event_stream([])
    place = take_place(request)
    response = event_stream(_events(followed, after, place, _end(request)), retry=1000)
    response.call_on_close(place.leave)
    return response


def take_place(request: Request) -> Place:
    """Take a place for a request that waits, from the share of those whose tokens are of the same rule.

    Raises `TooManyReaders`.
    """
    return services(request).readers.enter(signed_by(request).id, request.environ.get("gunicorn.socket"))


def too_many_readers(exc: TooManyReaders) -> Problem:
    """Answer an error: for a blueprint's `errorhandler`."""
    return Problem(exc.status, str(exc), {"Retry-After": str(RETRY_AFTER)})


def _events(followed: Followed, after: str, place: Place, end: float) -> Iterator[ServerSentEvent | None]:
    try:
        while not place.is_over():
            page = followed.page(after)
            for after, text in page:
                yield ServerSentEvent(text, id=after)
            if (left := end - time.monotonic()) <= 0:  # only when all that is there was sent, however slow that was
                return
            if not page and not followed.wait(after, min(COMMENT, left), place.is_over):
                yield None
    except ANSWERED:  # the client connects again, and then gets the error as a status
        return


def _end(request: Request) -> float:
    """When a stream is to end, by time.monotonic()."""
    left = token_of(request).expires + services(request).clock_tolerance - machine_time()
    seconds: float = request.app.config["TAIL_SECONDS"]
    return time.monotonic() + min(seconds, left)
