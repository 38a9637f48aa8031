"""Logs: each record as one line on standard error, a JSON object for programs or a text for people.

    {"time": "2026-05-01T12:00:00.123Z", "level": "ERROR", "logger": "handlers", "message": "GET /boards/a failed",
     "process": 4242, "request_id": "9f...", "route": "/boards/<board>", "exception": "Traceback ..."}

    2026-05-01T12:00:00.123Z ERROR handlers: GET /boards/a failed [process=4242 request_id=9f... route=/boards/<board>]
    Traceback ...

Times are UTC, as RFC 3339 writes them. Whatever a record was given by `extra` or by a filter is a member of the object.

Nothing of this project is imported here. The master of gunicorn runs this file by its path (deploy/logger.py): if it
imported the module, its workers would inherit it, and keep it when a reload has replaced the code.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS, merge_record_extra
from pythonjsonlogger.json import JsonFormatter

logger = logging.getLogger(__name__)

#: The attributes that every record has, and those that are shown under another name, or not at all.
_OWN = frozenset({*RESERVED_ATTRS, "taskName", "color_message"})
_FIELDS = ["levelname", "name", "message", "process"]
_NAMES = {"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"}

#: What follows these is a signature, a key or a password. A fence for texts from elsewhere, such as another server's
#: answer: what is logged here by intention has none.
_SECRET = re.compile(
    r"(?i)((?:\b(?:sig|signature|sharedaccesskey|(?:(?:ssl|sentinel)_)?password|secret|token|api[_-]?key)|[?&]code)=)[^\s&;,'\"\\<>]+"
    r"|(\bauthorization\b['\"\\]*\s*[:=]\s*['\"\\]*(?:\w+ )?)[^\s'\"\\]+"
    r"|(\w://)[^\s/'\"\\]*@"
)
_HIDDEN = "..."

#: A known secret that is shorter may be a word, and is hidden only where it looks like a secret.
_SHORTEST = 8

#: A client must not be able to begin a line of text with what it sends.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}


def configure(
    form: str = "auto",
    level: str = "info",
    filters: Collection[logging.Filter] = (),
    secrets: Iterable[str] = (),
) -> None:
    """Log all records of this process from `level` on, and Python's warnings, and exceptions that nobody catches.

    `form` is `json`, `text` or `auto`: text if standard error is a terminal, otherwise JSON. `filters` may add to each
    record. `secrets` are texts that no line will contain. Handlers that other loggers have, as gunicorn's do, keep
    their levels and files, and get the same form.
    """
    logging.root.handlers = [logging.StreamHandler()]
    logging.root.setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = lambda *exc: logger.critical("uncaught exception", exc_info=exc)
    threading.excepthook = _log_thread_end
    restyle(formatter(form, secrets), filters)


def _log_thread_end(args: threading.ExceptHookArgs) -> None:
    name = "a thread" if args.thread is None else args.thread.name
    exc = args.exc_value or args.exc_type()
    logger.critical("%s has ended with an exception", name, exc_info=exc)


def restyle(style: logging.Formatter, filters: Collection[logging.Filter] = ()) -> None:
    """Give every handler of this process this form, and these filters."""
    named = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    for handler in [handler for logger in (logging.root, *named) for handler in logger.handlers]:
        handler.setFormatter(style)
        for one in filters:
            handler.addFilter(one)


def formatter(form: str = "auto", secrets: Iterable[str] = ()) -> logging.Formatter:
    """Return what writes lines of this form; `secrets` as for `configure`."""
    is_text = form == "text" or (form != "json" and sys.stderr.isatty())
    return _Text(secrets) if is_text else _Json(secrets)


class _Redacted(logging.Formatter):
    """Leaves secrets out of lines: those that are known, and what looks like one."""

    def __init__(self, secrets: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        known = {text for secret in secrets if len(secret) >= _SHORTEST for text in (secret, json.dumps(secret)[1:-1])}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if self._known is not None:
            line = self._known.sub(_HIDDEN, line)
        return _SECRET.sub(lambda found: f"{found[1] or found[2] or found[3]}{_HIDDEN}{'@' if found[3] else ''}", line)


class _Text(_Redacted):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(secrets, fmt="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        more = merge_record_extra(record, {"process": record.process}, _OWN)
        facts = " ".join(f"{name}={value}" for name, value in more.items())
        return f"{super().formatMessage(record)} [{facts}]".translate(_CONTROL)


class _Json(_Redacted, JsonFormatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(
            secrets, fmt=["asctime", *_FIELDS], rename_fields={"asctime": "time", **_NAMES}, reserved_attrs=[*_OWN]
        )
