"""gunicorn's gthread, but for five things that it does otherwise. epoll.py derives the worker of production from it.

- What it refuses itself, it answers in the service's form, with the request's id (refusals.py).
- It keeps the names of headers as they were sent (header_names.py).
- It notes when a request was there, when a thread took it and when it was parsed (tracing.py).
- It does not look for the rest of a body that was read to its end, which gunicorn does twice, and sets the connection's
  time-out three times for it. In each of these steps a thread gives the interpreter's lock away, and waits for it.
- It does not end by itself after `max_requests`: the master (serve.py) replaces it. gunicorn's own stops taking
  requests at once, and is started again when it has ended. If all reach their `max_requests` at about the same time,
  nobody answers until the new ones have imported the app.

The master loads this file, so it must import no more than serve.py may.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from . import header_names
from .refusals import KeptRequest, Refusal
from .tracing import noted, now


class ReadRequest(KeptRequest, header_names.NamedRequest):
    """A request whose head stays at hand, to refuse it and to name its headers."""


class Worker(ThreadWorker):
    """What `worker_class` in gunicorn.conf.py is where there is no epoll."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requests_until_worn = self.max_requests  # with its jitter
        self.max_requests = sys.maxsize

    def notify(self) -> None:
        super().notify()
        if self.nr >= self.requests_until_worn:
            os.ftruncate(self.tmp.fileno(), 1)  # the heartbeat file, in which the master looks for it

    def init_process(self) -> None:
        header_names.check(self.cfg)
        # Each look at a setting is a call, of which a request needs some thirty. From now on, none of them changes.
        vars(self.cfg).update((name, setting.get()) for name, setting in self.cfg.settings.items())
        RequestParser.mesg_class = ReadRequest
        os.environ[header_names.VARIABLE] = header_names.KEY  # before the app is imported, which looks for it
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        conn.seen = now()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        noted.seen, noted.taken = conn.seen, now()
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        noted.parsed = now()
        header_names.current.headers = req.sent_headers
        keeps = super().handle_request(req, conn)
        if keeps and _is_read(req):
            conn.parser.mesg = None
        return keeps

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


def _is_read(req: Any) -> bool:
    """Say whether nothing is left of a request's body, whose length was told."""
    reader = req.body.reader
    return type(reader) is LengthReader and reader.length == 0
