"""gunicorn's gthread, in which each thread waits for the connections itself.

gunicorn's own waits in one thread, hands a connection that has a request to another one by a queue, and gets it back
by a pipe: three changes of thread for a request, and each of them waits for the interpreter's lock. Here all threads
wait in one epoll. EPOLLONESHOT has a connection wake one of them, which reads, answers, and arms it again.

What a request does in its thread, and how a worker stops, is gthread's own code. It needs Linux. As the master loads
this file, it must import no more than serve.py may.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn, ThreadWorker

LINGER: float = gthread.STOP_KEEPALIVE_LINGER  # type: ignore[attr-defined]
_ONCE = select.EPOLLIN | select.EPOLLONESHOT


class EpollWorker(ThreadWorker):
    """Serves as `ThreadWorker` does; its `keepalived_conns` and its pool of threads stay empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accepting: bool = False
        self._lock = Lock()  # for `nr_conns` and `_open`
        self._open: dict[int, TConn] = {}  # by descriptor
        # Those that wait in the epoll, in the order in which their time ends, with their descriptors. Whoever takes a
        # connection out, a thread or `murder_keepalived`, is the one that may use it.
        self._waiting: dict[TConn, int] = {}

    def run(self) -> None:
        self._epoll = select.epoll()
        for number in range(self.cfg.threads):
            Thread(target=self._serve, name=f"requests-{number}", daemon=True).start()
        super().run()
        self._epoll.close()

    def set_accept_enabled(self, enabled: bool | None) -> None:
        for listener in self.sockets:
            with suppress(FileNotFoundError):
                self._epoll.unregister(listener.fileno())
            if enabled:
                self._epoll.register(listener.fileno(), _ONCE)
        self._accepting = bool(enabled)

    def murder_keepalived(self, force: bool = False) -> None:
        now = time.monotonic()
        for conn in list(self._waiting):
            if (conn.timeout or 0) > now and not force:
                break
            if (descriptor := self._waiting.pop(conn, None)) is not None:
                self._close(conn, descriptor)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in list(self._waiting):
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
                elif (conn := self._open.get(descriptor)) and self._waiting.pop(conn, None) is not None:
                    self._answer(conn, descriptor)

    def accept(self, listener: Any) -> None:
        """Take one connection, and let another thread take the next, unless there are as many as there may be."""
        try:
            client, address = listener.accept()
        except OSError as exc:
            if exc.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(0.1)  # seconds; otherwise another process was faster, or the client has left
        else:
            self._keep(client, TConn(self.cfg, client, address, listener.getsockname()))
        if self.nr_conns >= self.worker_connections:
            self._accepting = False  # `run` looks once a second whether there are fewer
        else:
            with suppress(OSError, ValueError):  # `run` has taken it out, since the worker stops
                self._epoll.modify(listener.fileno(), _ONCE)

    def _keep(self, client: socket.socket, conn: TConn) -> None:
        conn.data_ready = True  # when it wakes a thread
        with self._lock:
            self.nr_conns += 1
            self._open[client.fileno()] = conn
        self._wait(conn, client.fileno(), self._epoll.register)

    def _answer(self, conn: TConn, descriptor: int) -> None:
        keep = False
        with suppress(Exception):  # `handle` logs those that say something
            keep = self.handle(conn) is True
            while keep and conn.parser.unreader.buf.getvalue():  # type: ignore[union-attr]  # the next came with it
                keep = self.handle(conn) is True
        if keep:
            self._wait(conn, descriptor, self._epoll.modify)
        else:
            self._close(conn, descriptor)

    def _wait(self, conn: TConn, descriptor: int, arm: Callable[[int, int], None]) -> None:
        """Let the connection's next byte wake a thread; from then on, `conn` is not this thread's."""
        seconds = self.cfg.keepalive if self.alive else min(self.cfg.keepalive, LINGER)
        conn.timeout = time.monotonic() + seconds
        self._waiting[conn] = descriptor
        try:
            arm(descriptor, _ONCE)
        except (OSError, ValueError):  # the worker has stopped
            if self._waiting.pop(conn, None) is not None:
                self._close(conn, descriptor)

    def _close(self, conn: TConn, descriptor: int) -> None:
        with self._lock:
            if self._open.get(descriptor) is conn:  # after an error, its number may be another's
                del self._open[descriptor]
        conn.close(graceful=True)
        with self._lock:
            self.nr_conns -= 1
        if not self.alive:
            with suppress(OSError, TypeError):  # `run` waits for the last one, and has closed its pipe then
                self.method_queue.defer(lambda: None)
