"""gunicorn's worker with threads, and what has to be different in it."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

_HEALTH = b"GET /healthz "


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers /healthz in a thread of its own: whether the process is alive must not depend on what others wait for.

    While Redis hangs, all threads wait for it, for seconds. To limit those that may do so, and refuse the others, would
    keep threads free as well; but with few threads it would refuse requests whenever Redis is busy for a moment, as
    when it writes to a slow disk.
    """

    def init_process(self) -> None:
        self._health = ThreadPoolExecutor(1, "health")
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Look at what is there of the request, which costs a microsecond; the rest is as in gunicorn."""
        if not _is_health(conn.sock):
            super().enqueue_req(conn)
            return
        future = self._health.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))


def _is_health(sock: Any) -> bool:
    try:
        return bool(sock.recv(len(_HEALTH), socket.MSG_PEEK | socket.MSG_DONTWAIT) == _HEALTH)
    except (OSError, ValueError):  # nothing is there yet; or the socket is one of TLS, which can't be looked into
        return False
