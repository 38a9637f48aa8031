"""gunicorn, with workers that are replaced one by one: an old one is told to end when a new one is up, never before.

    python -m deploy.serve --config deploy/gunicorn.conf.py

It takes what the command `gunicorn` takes. gunicorn's own SIGHUP tells all old workers to end while the new ones still
import the app, so that nobody answers meanwhile; and a worker that can't import it ends the master and all others. Here

- SIGHUP replaces them, each only once its successor has come up. One that does not come up ends the reload, and the old
  workers go on. `reload.status`, beside the PID file, says how it goes: `wz reload` reads it.
- A worker that has had its `max_requests` (worker.py) is replaced the same way.
- A worker that dies is started again at once; if that fails, after a pause that doubles. One that fails ends the
  master, with its exit status, at the first start; later if the status is 4 (wrong settings) and no other is up.

The master imports gunicorn and the standard library, and nothing of wz, handlers or pipeline: workers are forks of it
and would keep the modules that it has. So a reload renews neither Python, gunicorn, this file and worker.py, nor the
environment and the socket's address. For these, restart the service.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

STATUS = "reload.status"  # beside the PID file
START_SECONDS = 60.0  # a worker that has not come up by then is killed; on a quiet machine it takes one or two
LONGEST_PAUSE = 30.0  # seconds between two tries to start a worker that does not come up
LOOK_SECONDS = 0.1  # how often the master looks at a worker that is starting


@dataclass
class Start:
    """A worker that has not come up yet. It is up with its first heartbeat, which its main loop gives."""

    worker: Worker
    born: float  # the time of its heartbeat file when that was made
    deadline: float

    @property
    def is_up(self) -> bool:
        return self.worker.tmp.last_update() != self.born


class StagedArbiter(Arbiter):
    """gunicorn's master. Its loop calls `manage_workers` after each signal, and once a second at least."""

    log: Logger
    serving = False  # some worker has come up
    halting = False
    pause = 0.0  # seconds from one that did not come up to the next try; 0 if the last one did
    paused_until = 0.0
    reloading = False
    last_old = 0  # workers are counted; up to this one they have the code from before the last SIGHUP

    def __init__(self, app: BaseApplication) -> None:
        super().__init__(app)
        self.starting: dict[int, Start] = {}  # by process id
        self.reloads = read_status(self.status_file).get("reload", 0)
        self.START_CTX["args"] = sys.orig_argv  # what SIGUSR2 executes; sys.argv has lost the `-m`

    # -- what a reload does ------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Begin to replace all workers, at SIGHUP. A configuration that can't be read changes nothing."""
        self.reloads += 1
        before = dict(vars(self.app))  # the configuration, and the name of the app, which gunicorn takes from it
        try:
            self.app.reload()
            self.setup(self.app)
        except (Exception, SystemExit) as exc:  # gunicorn prints what is wrong with a configuration, then exits
            vars(self.app).update(before)
            self.setup(self.app)
            self.report("failed", 0, f"the configuration can't be read ({exc!r}); nothing was changed")
            return
        self.cfg.on_reload(self)
        self.last_old = self.worker_age
        self.pause = self.paused_until = 0.0
        self.reloading = True
        self.report("begins", 0)

    def manage_workers(self) -> None:
        self.look_at_starting()
        if any(map(self.is_old, self.WORKERS.values())):
            self.replace_workers()
        else:
            super().manage_workers()
        if self.reloading and self.new_workers >= self.num_workers:
            self.reloading = False
            self.report("done", self.num_workers)

    def replace_workers(self) -> None:
        """Start one new worker at a time, and end as many old ones as new ones have come up."""
        pids = sorted(self.WORKERS, key=lambda pid: self.WORKERS[pid].age)
        old = [pid for pid in pids if self.is_old(self.WORKERS[pid])]
        new = [pid for pid in pids if pid not in old]
        missing = max(0, self.num_workers - sum(pid not in self.starting for pid in new))
        old.sort(key=lambda pid: pid not in self.starting)  # first those that serve nobody yet
        for pid in old[: max(0, len(old) - missing)]:
            self.kill_worker(pid, signal.SIGTERM)
        if missing and self.may_start and not any(pid in self.starting for pid in new):
            self.spawn_worker()

    def is_old(self, worker: Worker) -> bool:
        """Say whether it is to be replaced: it has the code from before a SIGHUP, or has had its `max_requests`."""
        is_worn = os.fstat(worker.tmp.fileno()).st_size > 0  # worker.py makes its heartbeat file that long
        return is_worn or worker.age <= self.last_old

    def report(self, state: str, new: int, detail: str = "") -> None:
        """Say how the reload goes: it `begins`, and again with each new worker, is `done`, or has `failed`."""
        status = {"reload": self.reloads, "state": state, "new": new, "of": self.num_workers, "detail": detail}
        log = self.log.error if state == "failed" else self.log.info
        log("Reload %s: %s of %s workers are new%s", state, new, self.num_workers, detail and f": {detail}")
        if self.status_file is not None:
            part = self.status_file.with_suffix(".new")
            part.write_text(json.dumps(status))
            part.replace(self.status_file)

    @property
    def new_workers(self) -> int:
        """How many have come up since the last SIGHUP."""
        return sum(worker.age > self.last_old and pid not in self.starting for pid, worker in self.WORKERS.items())

    @property
    def status_file(self) -> Path | None:
        return Path(self.cfg.pidfile).with_name(STATUS) if self.cfg.pidfile else None

    # -- how a worker starts -----------------------------------------------------------------------------------------

    def look_at_starting(self) -> None:
        """Note which of the starting workers have come up, and which never will."""
        for pid, start in list(self.starting.items()):
            if pid not in self.WORKERS:
                start.worker.tmp.close()
                del self.starting[pid]
                self.start_failed(start.worker)
            elif start.is_up:
                del self.starting[pid]
                self.serving, self.pause, self.paused_until = True, 0.0, 0.0
                if self.reloading:
                    self.report("begins", self.new_workers)
            elif time.monotonic() > start.deadline:
                self.log.error("Worker (pid:%s) has not come up within %.0f s", pid, START_SECONDS)
                self.kill_worker(pid, signal.SIGKILL)
                start.deadline += START_SECONDS

    def start_failed(self, worker: Worker) -> None:
        if worker.age <= self.last_old:
            return  # a reload told it to end
        self.pause = min(2 * self.pause or 1.0, LONGEST_PAUSE)
        self.paused_until = time.monotonic() + self.pause
        if self.reloading:
            self.reloading = False
            self.report("failed", self.new_workers, "a new worker did not come up: see the log. The old ones go on")
            self.last_old = 0

    @property
    def may_start(self) -> bool:
        return time.monotonic() >= self.paused_until

    def spawn_workers(self) -> None:
        """Start the workers that are missing; a single one if the last did not come up."""
        if not self.pause:
            super().spawn_workers()
        elif self.may_start and not self.starting:
            self.spawn_worker()

    def spawn_worker(self) -> int:
        pid = super().spawn_worker()
        worker = self.WORKERS[pid]
        self.starting[pid] = Start(worker, worker.tmp.last_update(), time.monotonic() + START_SECONDS)
        return pid

    def reap_workers(self) -> None:
        """Note which workers have ended. One's exit status 3 or 4 ends the master, unless another is up.

        Of these, 3 may heal: once some worker has come up, it ends nothing.
        """
        while True:
            try:
                return super().reap_workers()
            except HaltServer as exc:
                self.look_at_starting()
                is_hopeless = exc.exit_status == self.APP_LOAD_ERROR and not self.WORKERS.keys() - self.starting.keys()
                if (is_hopeless or not self.serving) and not self.halting:
                    raise

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End all. A worker that fails while the others are ended must not take the exit status away."""
        self.halting = True
        super().halt(reason, exit_status)

    def signal(self, sig: int, frame: FrameType | None) -> None:
        if os.getpid() != self.pid and sig in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            sys.exit(0)  # a worker that has just been forked, and has no handlers of its own yet
        super().signal(sig, frame)

    def wait_for_signals(self, timeout: float | None = 1.0) -> list[int]:
        return super().wait_for_signals(LOOK_SECONDS if self.starting else timeout)


def read_status(path: Path | None) -> dict[str, Any]:
    """Return what `StagedArbiter.report` wrote last: `reload` (its number), `state`, `new`, `of` and `detail`."""
    try:
        status: dict[str, Any] = json.loads(path.read_text()) if path else {}
    except (FileNotFoundError, ValueError):
        return {}
    return status


class Master(BaseApplication):
    def run(self) -> None:
        StagedArbiter(self).run()


class Application(WSGIApplication, Master):
    """The command `gunicorn`, whose `run` ends with that of `Master` instead of `BaseApplication`."""


if __name__ == "__main__":
    Application("%(prog)s [OPTIONS] [APP_MODULE]", prog="python -m deploy.serve").run()
