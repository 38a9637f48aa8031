"""A gunicorn worker that does not end by itself after `max_requests`: the master (serve.py) replaces it.

gunicorn's own stops taking requests at once, and is started again when it has ended. If all reach their `max_requests`
at about the same time, nobody answers until the new ones have imported the app.

As the master loads this file, it must import no more than serve.py may.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from .epoll import EpollWorker


class Worker(EpollWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requests_until_worn = self.max_requests  # with its jitter
        self.max_requests = sys.maxsize

    def notify(self) -> None:
        super().notify()
        if self.nr >= self.requests_until_worn:
            os.ftruncate(self.tmp.fileno(), 1)  # the heartbeat file, in which the master looks for it
