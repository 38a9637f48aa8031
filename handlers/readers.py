"""How many requests of a process may wait for events at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipeline.errors import PipelineError

#: Half of gunicorn's threads a process (deploy/gunicorn.conf.py): each reader that waits occupies one, and the other
#: half is left for all other requests.
MAX_READERS = 8

#: Seconds after which a reader that was turned away may try again.
RETRY_AFTER = 5


class TooManyReaders(PipelineError):
    """All places are taken."""

    def __init__(self) -> None:
        super().__init__(
            f"as many readers wait for events here as may wait; try again in {RETRY_AFTER} s, or read without wait"
        )


class Readers:
    """The places for requests that wait.

    `is_stopping` says whether the process is about to end; the server sets it, so that it need not wait for readers.
    """

    def __init__(self, places: int = MAX_READERS) -> None:
        self._places = threading.BoundedSemaphore(places)
        self.is_stopping: Callable[[], bool] = lambda: False

    def enter(self) -> None:
        """Take a place, which `leave` gives back. Raises `TooManyReaders`."""
        if not self._places.acquire(blocking=False):
            raise TooManyReaders

    def leave(self) -> None:
        """Give back a place that `enter` took."""
        self._places.release()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()
