"""The worker of production: its threads wait for connections themselves, in one epoll.

gunicorn's own gthread waits in one thread, hands a connection that has a request to another one by a queue, and gets it
back by a pipe. These are three changes of thread for a request, and each of them waits for the interpreter's lock. Here
EPOLLONESHOT has a connection wake one thread, which reads, answers, and arms it again.

At most `threads` requests are under way at a time, and there is one thread more. When all others are busy, it goes on
looking: it parks what comes, for the first that is free, and answers health checks. Whether the process is alive must
not depend on what others wait for: while Redis hangs, all threads wait for it, for seconds.

What a request does in its thread, and how a worker stops, is gthread's own code. It needs Linux: elsewhere
gunicorn.conf.py takes worker.py's. As the master loads this file, it must import no more than serve.py may.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from threading import Lock, Thread
from typing import Any

from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn

from .tracing import now
from .worker import Worker

LINGER: float = gthread.STOP_KEEPALIVE_LINGER  # type: ignore[attr-defined]  # seconds
_ONCE = select.EPOLLIN | select.EPOLLONESHOT
_HEALTH = b"GET /healthz "


class EpollWorker(Worker):
    """Serves as gthread does, whose pool of threads and queue of kept-alive connections stay empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accepting: bool = False
        self._lock = Lock()  # for `nr_conns` and these three
        self._busy = 0  # threads with a request
        self._parked = deque[TConn]()  # have a request, and wait for a thread: only while some are busy, who look here
        # The others, by descriptor, in the order in which their time ends. Whoever takes a connection out of here or
        # out of `_parked` is the only one that may use it.
        self._waiting: dict[int, TConn] = {}

    @property
    def parked(self) -> int:
        """How many requests wait for a thread."""
        return len(self._parked)

    def run(self) -> None:
        self._epoll = select.epoll()
        for number in range(self.cfg.threads + 1):
            Thread(target=self._serve, name=f"requests-{number}", daemon=True).start()
        super().run()
        self._epoll.close()

    # -- what gthread's `run` calls, in the main thread ----------------------------------------------------------------

    def set_accept_enabled(self, enabled: bool | None) -> None:
        self._accepting = bool(enabled)  # first, as a thread may find at once that there are too many
        for listener in self.sockets:
            with suppress(FileNotFoundError):
                self._epoll.unregister(listener.fileno())
            if enabled:
                self._epoll.register(listener.fileno(), _ONCE)

    def murder_keepalived(self, force: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            ended = list(takewhile(lambda item: force or (item[1].timeout or 0) <= now, self._waiting.items()))
            for descriptor, _ in ended:
                del self._waiting[descriptor]
        for _, conn in ended:
            self._close(conn, graceful=False)  # the other way waits for the client, and this thread may not

    def _cap_keepalive(self, deadline: float) -> None:
        with self._lock:
            for conn in self._waiting.values():
                conn.timeout = min(conn.timeout or deadline, deadline)

    # -- in the threads ------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        listeners = {listener.fileno(): listener for listener in self.sockets}
        while True:
            try:
                events = self._epoll.poll(maxevents=1)
            except (OSError, ValueError):  # it was closed: the worker has stopped
                return
            for descriptor, _ in events:
                if descriptor in listeners:
                    self.accept(listeners[descriptor])
                else:
                    conn = self._begin(descriptor)
                    while conn:
                        self._answer(conn)
                        conn = self._next()

    def accept(self, listener: Any) -> None:
        """Take one connection, and let another thread take the next, unless there are as many as there may be."""
        try:
            client, address = listener.accept()
        except OSError as exc:  # mostly, another process was faster, or the client has left
            if exc.errno in (errno.EMFILE, errno.ENFILE):
                self.log.warning("No file descriptor is free for a new connection")
                time.sleep(1)
        else:
            with self._lock:
                self.nr_conns += 1
            conn = TConn(self.cfg, client, address, listener.getsockname())
            conn.data_ready = True  # when it wakes a thread
            self._wait(conn, self._epoll.register)
        if self.nr_conns >= self.worker_connections:
            self._accepting = False  # `run` looks once a second whether there are fewer
        else:
            with suppress(OSError, ValueError):  # `run` has taken it out, since the worker stops
                self._epoll.modify(listener.fileno(), _ONCE)

    def _begin(self, descriptor: int) -> TConn | None:
        """Return the connection that this thread is to answer now, if it is to."""
        with self._lock:
            conn = self._waiting.pop(descriptor, None)
            if conn:
                conn.seen = now()  # type: ignore[attr-defined]
            if conn and self._busy >= self.cfg.threads and not _is_health(conn.sock):
                self._parked.append(conn)
                conn = None
            self._busy += conn is not None
        return conn

    def _next(self) -> TConn | None:
        """Return the next connection for this thread, which has answered one."""
        with self._lock:
            if self._parked and self._busy <= self.cfg.threads:  # more are busy during a health check
                return self._parked.popleft()
            self._busy -= 1
        return None

    def _answer(self, conn: TConn) -> None:
        keep = False
        try:
            keep = self.handle(conn) is True
        except BaseException as exc:  # `handle` lets pass what is no Exception: the app has called sys.exit()
            with suppress(Exception):
                self.handle_error(None, conn.sock, conn.client, exc)
        if not keep:
            self._close(conn)
        elif conn.parser.unreader.buf.getvalue():  # type: ignore[union-attr]  # the next request came with this one
            conn.seen = now()  # type: ignore[attr-defined]
            with self._lock:
                self._parked.append(conn)
        else:
            self._wait(conn, self._epoll.modify)

    def _wait(self, conn: TConn, arm: Callable[[int, int], None]) -> None:
        """Let the connection's next byte wake a thread; from then on, `conn` is not this thread's."""
        descriptor = conn.sock.fileno()
        seconds = self.cfg.keepalive or LINGER  # 0 lets none wait for a second request, but each for its first
        with self._lock:
            conn.timeout = time.monotonic() + (seconds if self.alive else min(seconds, LINGER))
            self._waiting[descriptor] = conn
        try:
            arm(descriptor, _ONCE)
        except (OSError, ValueError):  # the worker has stopped
            with self._lock:
                mine = self._waiting.pop(descriptor, None)
            if mine:
                self._close(mine)

    def _close(self, conn: TConn, graceful: bool = True) -> None:
        with suppress(OSError):
            conn.close(graceful)
        with self._lock:
            self.nr_conns -= 1
            is_last = not self.alive and self.nr_conns == 0
        if is_last:
            self.method_queue.defer(lambda: None)  # `run` waits for it


def _is_health(sock: socket.socket) -> bool:
    """Say whether a whole health check is there. It costs a microsecond."""
    try:
        head = sock.recv(8192, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except (OSError, ValueError):  # the client has gone; or it is a socket of TLS, which can't be looked into
        return False
    return head.startswith(_HEALTH) and b"\r\n\r\n" in head
