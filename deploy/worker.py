"""gunicorn's threaded worker, but for three things that it does otherwise.

- What it refuses itself, it answers in the service's form, with the request's id (refusals.py).
- It does not end by itself after `max_requests`: the master (serve.py) replaces it. gunicorn's own stops taking
  requests at once, and is started again when it has ended. If all reach their `max_requests` at about the same time,
  nobody answers until the new ones have imported the app.
- It answers /healthz in a thread of its own: whether the process is alive must not depend on what others wait for.
  While Redis hangs, all threads wait for it, for seconds. To limit those that may do so, and refuse the others, would
  keep threads free as well; but with few threads it would refuse requests whenever Redis is busy for a moment, as when
  it writes to a slow disk.

The master loads this file, so it must import no more than serve.py may.
"""

from __future__ import annotations

import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from .epoll import EpollWorker
from .refusals import KeptRequest, Refusal

_HEALTH = b"GET /healthz "


class Worker(EpollWorker):
    """What `worker_class` in gunicorn.conf.py names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requests_until_worn = self.max_requests  # with its jitter
        self.max_requests = sys.maxsize

    def notify(self) -> None:
        super().notify()
        if self.nr >= self.requests_until_worn:
            os.ftruncate(self.tmp.fileno(), 1)  # the heartbeat file, in which the master looks for it

    def init_process(self) -> None:
        RequestParser.mesg_class = KeptRequest
        self._health = ThreadPoolExecutor(1, "health")
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Look at what is there of the request, which costs a microsecond; the rest is as in gunicorn."""
        if not _is_health(conn.sock):
            super().enqueue_req(conn)
            return
        future = self._health.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log why a request can't be handled, and answer it. The connection is closed then.

        The log has no word of the request but its path: a broken header may be the one with the token.
        """
        refusal = Refusal.of(req, exc)
        log, exc_info = (self.log.error, exc) if refusal.status == 500 else (self.log.warning, None)
        facts = {
            "request_id": refusal.request_id,
            "address": refusal.address,
            "method": refusal.method,
            "path": refusal.path,
            "status": refusal.status,
        }
        words = refusal.method, refusal.path, refusal.status, refusal.words
        log("refused %s %s: %d (%s)", *words, exc_info=exc_info, extra=facts)
        with suppress(OSError):  # the client may be gone
            client.sendall(refusal.answer())


def _is_health(sock: Any) -> bool:
    try:
        return bool(sock.recv(len(_HEALTH), socket.MSG_PEEK | socket.MSG_DONTWAIT) == _HEALTH)
    except (OSError, ValueError):  # nothing is there yet; or the socket is one of TLS, which can't be looked into
        return False
