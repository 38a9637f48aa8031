"""gunicorn's logger: records in the form of the service's own log, and an access log with the route and the ids."""

from __future__ import annotations

import logging
import os
import runpy
from collections.abc import MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from gunicorn import glogging

#: Run by its path, each time that gunicorn reads its settings; see there.
_LOGS = Path(__file__).parents[1] / "pipeline" / "logs.py"


class Logger(glogging.Logger):
    """gunicorn's own, which goes on to open the files that `errorlog` and `accesslog` name.

    The lines have the form that WZ_LOG_FORMAT names. Once a worker has loaded the app, they also have the id of the
    request that is being answered (handlers/log_fields.py).
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        style = runpy.run_path(str(_LOGS))["formatter"](os.environ.get("WZ_LOG_FORMAT", ""))
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(style)

    def access(self, resp: Any, req: Any, environ: MutableMapping[str, Any], request_time: timedelta) -> None:
        """Log an answer that was sent. The query is left out: a client may have put there what is secret."""
        if not self.access_log_enabled:
            return
        method, path, status = environ["REQUEST_METHOD"], environ["PATH_INFO"], str(resp.status).partition(" ")[0]
        facts = {
            "address": environ.get("HTTP_X_FORWARDED_FOR") or environ.get("REMOTE_ADDR"),
            "method": method,
            "path": path,
            "route": environ.get("wz.rule"),
            "status": int(status),
            "bytes": resp.sent,
            "seconds": request_time.total_seconds(),
            "request_id": environ.get("wz.request_id"),
            "trace_id": environ.get("wz.trace_id"),
        }
        known = {name: value for name, value in facts.items() if value not in (None, "")}
        self.access_log.log(logging.INFO, "%s %s %s", method, path, status, extra=known)
