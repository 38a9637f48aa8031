"""Bodies that are sent in chunks, whose length is known when they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import LimitedStream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

T = TypeVar("T")


def stream(environ: WSGIEnvironment, limit: int | None) -> IO[bytes] | None:
    """Return a stream that holds to a limit; None without one, or if the server does not say where the body ends."""
    if limit is None or "wsgi.input_terminated" not in environ:
        return None
    return cast("IO[bytes]", UnknownLength(environ["wsgi.input"], limit))


class UnknownLength(LimitedStream):
    """A body sent in chunks. Werkzeug's stream stops at the limit when all is read at once, and would cut it there."""

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
        except Exception as exc:  # each server raises its own for broken chunks
            raise BadRequest(f"the body can't be read: {exc}") from exc
