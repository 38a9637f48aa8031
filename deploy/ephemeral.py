"""The service for somebody's tests: `python -m deploy.ephemeral`, one process that keeps nothing, with its own Redis.

The pytest plugin (wz/running_service.py) starts it in the checkout, and speaks to it in lines. The first one on
standard output, in JSON, says where it answers. Then each line `reset` on standard input empties it, and is answered by
a line when that is done. It ends when standard input does, so that it never outlives what has started it.

It is not what production runs: Werkzeug's server has the place of gunicorn and nginx, a thread that of the worker,
which runs window jobs and retention, and no relay. It starts in about a second, most of which is imports.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .servers import redis_server

#: Seconds in which Redis has to answer.
_REDIS_SECONDS = 60.0

#: Seconds between two looks for new jobs. A worker looks less often, but a test waits for it.
_FIND = 0.05

#: Seconds that the token for the tests lives: longer than they run.
_LIFETIME = 7 * 24 * 3600


class Address(msgspec.Struct):
    """Where it answers; `authorization` is a header's value with all rights."""

    url: str
    connection_string: str
    authorization: str
    redis_url: str


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start a Redis that keeps nothing on disk, in an empty folder; it ends with the block. Yields its address."""
    socket = folder / "redis.sock"
    options = {"port": "0", "unixsocket": str(socket), "save": "", "appendonly": "no", "dir": str(folder)}
    command = [str(redis_server()), *(word for name, value in options.items() for word in (f"--{name}", value))]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as process:
        try:
            yield f"unix://{socket}"
        finally:
            process.kill()  # it has nothing to save


def main() -> None:
    """Serve until standard input ends."""
    with tempfile.TemporaryDirectory(prefix="wz-") as folder, redis(Path(folder)) as url:
        # Redis starts while these are imported.
        from pipeline.store import OUTAGES

        service = _Service(url)
        deadline = time.monotonic() + _REDIS_SECONDS
        while True:
            try:
                service.reset()
                break
            except OUTAGES:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        _say(service.address)
        for line in sys.stdin:
            if line.strip() == "reset":
                service.reset()
                _say({"reset": True})
        service.stop()


def _say(what: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.flush()


class _Service:
    """The app on a port, and the worker's thread."""

    def __init__(self, redis_url: str) -> None:
        from werkzeug.serving import make_server

        from handlers import create_app
        from handlers.services import Services
        from pipeline.connection_string import ConnectionString
        from pipeline.hub.rules import new_key
        from pipeline.hub.sas import sign
        from pipeline.settings import Settings
        from pipeline.store.clock import machine_time

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        key = new_key()
        settings = Settings(
            environment="test",
            redis_url=redis_url,
            connection_string=ConnectionString("sb://127.0.0.1/", "RootManageSharedAccessKey", key, development=True),
            hubs={},
        )
        app = create_app(settings)
        self._services: Services = app.extensions["services"]
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        root = ConnectionString(
            f"sb://127.0.0.1:{self._server.port}/", settings.root.key_name, settings.root.key, development=True
        )
        token = sign(f"{root.url}/", root.key_name, root.key, int(machine_time()) + _LIFETIME)
        self.address = Address(root.url, str(root), token, redis_url)
        self._stop = threading.Event()
        self._worker: threading.Thread | None = None

    def reset(self) -> None:
        """Delete all that there is, while no job runs, and let the worker begin anew."""
        self.stop()
        self._services.redis.flushdb()
        self._services.open()  # services that know nothing of what there was
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._work, args=(self._stop,), daemon=True)
        self._worker.start()

    def stop(self) -> None:
        self._stop.set()
        if self._worker is not None:
            self._worker.join()

    def _work(self, stop: threading.Event) -> None:
        from pipeline.hub.retention_task import Retention
        from pipeline.windows.jobs.finding import JobFinder
        from pipeline.work.worker import Task, run

        stores, registry = self._services.stores, self._services.jobs
        jobs = JobFinder(registry)
        retention = Retention(stores.hubs)

        def find() -> list[Task]:
            return [*(task for job in jobs.jobs() for task in job.workers), retention]

        run(find, stop, _FIND)


if __name__ == "__main__":
    main()
    os._exit(0)  # all has ended, and Python would take a fifth of a second to free what was imported, one by one
