"""The checks of a process that starts: its settings fit to what is in Redis. It serves before they are done.

    Redis answers at once      all is checked before the first request
    Redis is away or refuses   the process serves: /healthz, /docs and /openapi.json; all else is 503 with Retry-After,
                               until a thread, which tries again and again, has checked it
    a check fails otherwise    the same, and the log has the exception
    what is in Redis is of     found before the first request: the process exits with 4. Found later: all stays 503,
    other settings             /readyz and the log name it, and the process asks itself to end by SIGTERM; the one that
                               the server starts in its place finds it before its first request

gunicorn's master (deploy/serve.py) ends when a worker exits with 4 and no other is up, instead of starting the next
one: a wrong setting stays wrong.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from pipeline.errors import PipelineError
from pipeline.hub.description import RESERVED
from pipeline.hub.namespace import Hubs
from pipeline.settings import WRONG_SETTINGS, Settings
from pipeline.store import OUTAGES
from pipeline.store.client import RedisUnavailable, check_stores, hubs_client
from pipeline.store.outage_log import outages
from pipeline.store.pace import MAX_START_WAIT, Pace
from wz import App

from .services import Services

logger = logging.getLogger(__name__)

#: Seconds that a process that starts waits for the checks. A Redis that answers has answered long before.
AT_ONCE = 2.0

#: What to do about a hub whose name a later release has taken for a path.
_SHADOWED = (
    "the hub {name!r} was made before its name became a path of the service: events still go to /{name}/messages and "
    "are read at /hubs/{name}, but Azure's management does not find it, and a page may take more of its paths. Move "
    "its clients to a hub of another name, then `wz hub delete {name}`"
)

_AWAY = "the store could not be reached since this process started"
_UNCHECKED = "the store could not be checked since this process started: its log says why"


def refuse(exc: PipelineError) -> NoReturn:
    """End the process with one line that says what to do."""
    print(f"wz: {exc}", file=sys.stderr)
    sys.exit(WRONG_SETTINGS)


def check(settings: Settings) -> None:
    """Check once. Raises `RedisUnavailable` or an error of `OUTAGES`; another `PipelineError` for what can't heal."""
    check_stores(settings)
    hubs = Hubs.from_settings(settings, hubs_client(settings))
    hubs.declare()
    for name in sorted(RESERVED & hubs.list().keys()):
        logger.error(_SHADOWED.format(name=name))


def open_stores(app: App, settings: Settings, end: Callable[[], None] | None = None) -> None:
    """Check, and let the app use its stores, at once or as soon as that is possible.

    Ends the process for what can't heal: with status 4 now, and later by `end`, by default SIGTERM.
    """
    services: Services = app.extensions["services"]
    services.not_yet = _AWAY
    checks = _Checks(services, settings, end or _terminate)
    checks.start()
    checks.done.wait(AT_ONCE)
    with checks.lock:
        checks.is_late = True
    if checks.error is not None:
        refuse(checks.error)


class _Checks(threading.Thread):
    def __init__(self, services: Services, settings: Settings, end: Callable[[], None]) -> None:
        super().__init__(name="the checks of the start", daemon=True)
        self.lock = threading.Lock()
        self.done = threading.Event()  # the first try is over, whatever came of it
        self.is_late = False  # the process serves by now
        self.error: PipelineError | None = None
        self._services = services
        self._settings = settings
        self._end = end

    def run(self) -> None:
        pace = Pace(MAX_START_WAIT)
        while not self._try():
            self.done.set()
            time.sleep(pace.failed(0.25))
        self.done.set()

    def _try(self) -> bool:
        """Return whether there is nothing left to try."""
        try:
            check(self._settings)
            self._services.open()
        except OUTAGES as exc:
            outages.note(exc)
            return False
        except RedisUnavailable as exc:
            if self._services.not_yet == _AWAY:
                logger.error("%s; this process serves, and tries again", exc)
            self._services.not_yet = f"{_AWAY}, or is not one that can be used"
            return False
        except PipelineError as exc:
            with self.lock:
                self.error = exc
                is_late = self.is_late
            if is_late:
                logger.critical("this process ends: %s", exc)
                self._services.not_yet = "the settings of this process do not fit to the store, so it ends"
                self._end()
        except Exception:  # such as a key of the wrong type: the thread must not end, or nobody would try again
            if self._services.not_yet != _UNCHECKED:
                logger.exception("the store can't be checked; this process serves, and tries again")
            self._services.not_yet = _UNCHECKED
            return False
        return True


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
