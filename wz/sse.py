"""Server-sent events: a response that stays open and sends events as they come (the HTML standard, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .http import Response


class ServerSentEvent(NamedTuple):
    """`id` comes back in Last-Event-ID when the client connects again; `event` is the kind that it listens for."""

    data: str
    id: str | None = None
    event: str | None = None

    def encode(self) -> bytes:
        """Raises ValueError for an id or a kind of several lines."""
        lines = []
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None:
                if len(f"{value}.".splitlines()) > 1 or "\0" in value:
                    raise ValueError(f"the {name} of a server-sent event must be one line, not {value!r}")
                lines.append(f"{name}: {value}")
        # What ends a line for EventSource: CRLF, LF and CR, but none of the others that splitlines() knows.
        text = self.data.replace("\r\n", "\n").replace("\r", "\n")
        lines += [f"data: {line}" for line in text.split("\n")]
        return ("\n".join(lines) + "\n\n").encode()


#: Sent when nothing happened: it keeps proxies and clients from giving up, and shows when a client has gone.
COMMENT = b":\n\n"


def event_stream(events: Iterable[ServerSentEvent | None], retry: int | None = None) -> Response:
    """Return a response that sends each event when it comes, and a comment for None.

    `events` is closed when the client has gone, which shows at the next write: have it yield None now and then.
    `retry` is the milliseconds after which the client is to connect again when the stream ends.
    """
    response = Response(_encode(events, retry), content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx passes on what it has, instead of waiting for more
    if hasattr(events, "close"):
        response.call_on_close(events.close)  # also when no event is asked for: a generator around it would not do it
    return response


def _encode(events: Iterable[ServerSentEvent | None], retry: int | None) -> Iterator[bytes]:
    yield COMMENT if retry is None else f"retry: {retry}\n\n".encode()  # so that the header goes out at once
    for event in events:
        yield COMMENT if event is None else event.encode()
