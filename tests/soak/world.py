"""The deployment, and what disturbs it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.settings import Settings

from .. import stack
from ..crash.servers import Server, Service
from ..sentinel import Store

QUIET, FAIL_OVER = "nothing", "fail-over"


class World:
    """nginx, gunicorn and Redis, as a context manager; `periods` says since when which disturbance lasts."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rnd = random.Random(seed)
        self.slowness = stack.slowness()
        self.timeout = 0.7 * self.slowness  # seconds that the service waits for an answer of Redis
        self.store = Store(folder / "store")
        settings = Settings(
            environment="test",
            redis_url=f"{self.store.url}&socket_timeout={self.timeout:.2f}",
            connection_string=stack.ROOT,
            hosts=frozenset({stack.HOST, "127.0.0.1"}),
        )
        self.service = Service(folder / "test", settings)
        self.periods: list[tuple[float, str]] = []
        self.disturbances: dict[str, Callable[[], None]] = {
            "reload": self._reload,
            "worker killed": lambda: self.service.gunicorn.kill_child(self.rnd),
            "worker stopped": lambda: self._pause(self.rnd.choice(self.service.gunicorn.children())),
            "Redis restarted": self._restart_redis,
            "Redis killed": lambda: self.store.primary.kill(),
            "Redis stopped": lambda: self._pause(self.store.primary.process.pid),
            FAIL_OVER: self._fail_over,
        }

    def __enter__(self) -> World:
        try:
            self.wait_until(self.answers, "the service")
        except BaseException:
            self.__exit__()
            raise
        self.periods.append((time.monotonic(), QUIET))
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self.servers):
            server.end()

    @property
    def servers(self) -> list[Server]:
        return [*self.store.servers, self.service.gunicorn, self.service.nginx]

    def disturb(self, name: str) -> None:
        """Do it, and wait until the service is ready again."""
        if name == FAIL_OVER:
            self.wait_until(self.store.is_whole, "the replica")
        self.periods.append((time.monotonic(), name))
        self.disturbances[name]()
        self.wait_until(self.answers, f"coming back ({name})")

    def answers(self) -> bool:
        return stack.answers(self.service.address)

    def rest(self, seconds: float) -> None:
        self.periods.append((time.monotonic(), QUIET))
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()
            time.sleep(0.02)

    def tick(self) -> None:
        """Start what has ended."""
        for server in self.servers:
            server.tick()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + stack.PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} took more than {stack.PATIENCE:.0f} s; the logs:\n{self.logs()}")
            self.sleep(0.05)

    def logs(self) -> str:
        """The end of each process's log."""
        return "\n".join(
            f"--- {server.name}\n{server.log.read_text(errors='replace')[-2000:]}"
            for server in self.servers
            if server.log.exists()
        )

    # -- what is done --------------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        command = [sys.executable, "-m", "wz", "reload"]
        log = self.service.folder / "reload.log"
        with log.open("wb") as out, subprocess.Popen(command, env=self._environ(), stdout=out, stderr=out) as reload:
            self.wait_until(lambda: reload.poll() is not None, "the reload")
        if reload.returncode:
            raise RuntimeError(f"wz reload: {log.read_text()}")

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.service.environ()}

    def _restart_redis(self) -> None:
        process = self.store.primary.process
        process.terminate()
        self.wait_until(lambda: process.poll() is not None, "the end of Redis")

    def _fail_over(self) -> None:
        """Kill the primary, and have the replica take its place; then the other one comes back as its replica."""
        lost = self.store.primary
        lost.down = True
        lost.kill()
        self.wait_until(self.store.fail_over, "the Sentinel")
        self.wait_until(self.store.has_failed_over, "the fail-over")
        lost.down = False

    def _pause(self, pid: int) -> None:
        """Stop a process for longer than the service waits for Redis."""
        with stopped(pid):
            self.sleep(1.5 * self.timeout)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
