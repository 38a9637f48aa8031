"""The app's logger, which shows what it is told also where nobody has set up the standard library's logging.

    app.logger.warning("%s is low", name)       # [2026-05-01 12:00:00,123] WARNING in views: apples is low

Loaded when `app.logger` is first used. Set logging up before that: a logger that finds a handler adds none.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO, cast

from werkzeug.local import LocalProxy

from .context import current_request

if TYPE_CHECKING:
    from .app import App  # upwards: a logger is an app's


def _errors_stream() -> TextIO:
    request = current_request()
    return sys.stderr if request is None else request.environ["wsgi.errors"]  # PEP 3333 requires it


#: The stream for errors: the current request's `wsgi.errors`, which is the server's log, or else standard error. In a
#: configuration of handlers, write `ext://wz.logging.wsgi_errors_stream`.
wsgi_errors_stream = cast("TextIO", LocalProxy(_errors_stream))

#: What an app's logger is given if nobody else would write its records.
default_handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s"))


def create_logger(app: App) -> logging.Logger:
    """Return the logger of the app's name: at level DEBUG in debug unless it has a level, and with a handler."""
    logger = logging.getLogger(app.name)
    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger


def has_level_handler(logger: logging.Logger) -> bool:
    """Say whether a handler, of the logger or of those above it, writes records of the logger's level."""
    level = logger.getEffectiveLevel()
    above: logging.Logger | None = logger
    while above is not None:
        if any(handler.level <= level for handler in above.handlers):
            return True
        above = above.parent if above.propagate else None
    return False
