"""How many requests of a process may wait for events at a time, and until when."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager

from pipeline.errors import PipelineError

#: Half of gunicorn's threads a process (deploy/gunicorn.conf.py): each reader that waits occupies one, and the other
#: half is left for all other requests.
MAX_READERS = 8

#: How many of these one holder may have, so that the clients with the tokens of one rule can't keep out all others.
MAX_SHARE = 6

#: Seconds after which a reader that was turned away may try again.
RETRY_AFTER = 5


class TooManyReaders(PipelineError):
    """All places are taken."""

    status = 503

    def __init__(self) -> None:
        super().__init__(
            f"as many readers wait for events here as may wait; try again in {RETRY_AFTER} s, or read without wait"
        )


class ShareTaken(TooManyReaders):
    """The holder has as many places as one may have."""

    status = 429

    def __init__(self) -> None:
        PipelineError.__init__(
            self,
            f"as many readers wait here with tokens of your rule as may wait with those of one; "
            f"try again in {RETRY_AFTER} s, or read without wait",
        )


class Readers:
    """The places for requests that wait.

    `is_stopping` says whether the process is about to end; the server sets it, so that it need not wait for readers.
    """

    def __init__(self, places: int = MAX_READERS, share: int = MAX_SHARE) -> None:
        self.places = places
        self.share = share
        self.is_stopping: Callable[[], bool] = lambda: False
        self._taken: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    def enter(self, holder: Hashable, connection: socket.socket | None = None, share: int | None = None) -> Place:
        """Take a place for a request on `connection`; `share` is how many this holder may have, if not as many as all.

        Raises `TooManyReaders` or `ShareTaken`.
        """
        with self._lock:
            if self._taken.total() >= self.places:
                raise TooManyReaders
            if self._taken[holder] >= (self.share if share is None else share):
                raise ShareTaken
            self._taken[holder] += 1
        return Place(self, holder, connection)

    @property
    def taken(self) -> int:
        """How many places are taken now."""
        return self._taken.total()

    def leave(self, holder: Hashable) -> None:
        """Give back a place that `enter` took."""
        with self._lock:
            self._taken[holder] -= 1
            if not self._taken[holder]:
                del self._taken[holder]


class Place(AbstractContextManager["Place"]):
    """A place that was taken; leaving the context gives it back."""

    def __init__(self, readers: Readers, holder: Hashable, connection: socket.socket | None) -> None:
        self._readers = readers
        self._holder = holder
        self._connection = connection
        self._is_left = False

    def is_over(self) -> bool:
        """Say whether there is nobody to wait for: the process stops, or the client has closed its connection.

        Behind nginx, that is nginx's connection to gunicorn, which it closes as soon as its client has gone.
        """
        return self._readers.is_stopping() or (self._connection is not None and _is_closed(self._connection))

    def leave(self) -> None:
        """Give it back; a second time, nothing happens."""
        if not self._is_left:
            self._is_left = True
            self._readers.leave(self._holder)

    def __exit__(self, *_: object) -> None:
        self.leave()


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
