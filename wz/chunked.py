"""Bodies that are sent in chunks: their length is known only at their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import LimitedStream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

T = TypeVar("T")


def stream(environ: WSGIEnvironment, limit: int | None) -> IO[bytes] | None:
    """Return a stream that enforces the limit; None without one, or if the server does not mark the body's end."""
    if limit is None or "wsgi.input_terminated" not in environ:
        return None
    return cast("IO[bytes]", UnknownLength(environ["wsgi.input"], limit))


class UnknownLength(LimitedStream):
    """A body sent in chunks. When all is read at once, Werkzeug's stream would cut it at the limit without an error."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(stream, limit, is_max=True)

    def on_exhausted(self) -> None:
        if self._guarded(self._stream.read, 1):
            raise RequestEntityTooLarge

    def readinto(self, b: bytearray) -> int | None:  # type: ignore[override]
        """Read as Werkzeug's stream does. Raises BadRequest for chunks that the server can't read."""
        return self._guarded(super().readinto, b)

    def readall(self) -> bytes:
        data = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return data

    @staticmethod
    def _guarded(read: Callable[[Any], T], argument: Any) -> T:
        try:
            return read(argument)
        except HTTPException:
            raise
        except Exception as exc:  # each server raises its own exception for broken chunks
            raise BadRequest(f"the body can't be read: {exc}") from exc
