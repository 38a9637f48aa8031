"""What log lines say of the request during which they were written: its id, method, route, and trace if it has one."""

from __future__ import annotations

import logging

from pipeline.hub.trace import trace_id
from wz import App, Request
from wz.request_id import KEY, current_environ

#: The environ's keys of the route's pattern (`/boards/<board>`) and of the trace's id; deploy/logger.py has them, too.
ROUTE = "wz.rule"
TRACE = "wz.trace_id"


def keep_facts(app: App) -> None:
    """Have each request of an app leave in its environ what is known once it was matched."""

    @app.before_request
    def keep(request: Request) -> None:
        environ = request.environ
        if request.url_rule is not None:
            environ[ROUTE] = request.url_rule.rule
        if "HTTP_TRACEPARENT" in environ and (found := trace_id(environ["HTTP_TRACEPARENT"])):
            environ[TRACE] = found


class RequestFields(logging.Filter):
    """Adds them to each record, unless it has one of that name. Records outside of requests stay as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        environ = current_environ()
        if environ is not None:
            found = {
                "request_id": environ.get(KEY),
                "trace_id": environ.get(TRACE),
                "method": environ.get("REQUEST_METHOD"),
                "route": environ.get(ROUTE),
            }
            for name, value in found.items():
                if value is not None:
                    record.__dict__.setdefault(name, value)
        return True
