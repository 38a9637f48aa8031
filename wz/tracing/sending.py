"""When an answer's first and last byte went out, if the server lets it be seen, as gunicorn does.

gunicorn's `start_response` is a method of its Response, which writes to `sock`: for this one answer, to a `Sent`.
"""

from __future__ import annotations

from typing import Any

from .recording import Recording, now


class Sent:
    """A socket that notes when bytes go out."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.first = self.last = self.writes = self.bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: Any, *flags: int) -> None:
        """Send as the socket does."""
        self.first = self.first or now()
        self._sock.sendall(data, *flags)
        self.last = now()
        self.writes += 1
        self.bytes += len(data)

    def sendfile(self, *args: Any, **options: Any) -> Any:
        """Send a file as the socket does, by the system's sendfile."""
        self.first = self.first or now()
        sent = self._sock.sendfile(*args, **options)
        self.last = now()
        self.writes += 1
        self.bytes += sent
        return sent

    def note(self, recording: Recording) -> None:
        """Add the span from the first byte to the last, if any were sent."""
        if self.first:
            recording.add(
                "send",
                "first to last byte",
                "gunicorn",
                self.first,
                self.last,
                detail=f"{self.bytes} bytes in {self.writes} writes",
            )


def watch(start_response: Any) -> Sent | None:
    """Return what will be known of the answer that the server begins by `start_response`; None if nothing."""
    response: Any = getattr(start_response, "__self__", None)
    if not type(response).__module__.startswith("gunicorn.") or not hasattr(response, "sock"):
        return None
    sent = response.sock = Sent(response.sock)
    return sent
