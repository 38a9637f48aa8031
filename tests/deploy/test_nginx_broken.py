"""An answer never lies about what was done, when gunicorn or its workers are killed under load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest
import redis as redis_py

from pipeline.settings import Settings
from wz.live_server import LiveServer

from .. import stack
from .wire import Answer, exchange

CLIENTS = 8


class Senders:
    """Clients, each of which adds a reward of 1 to a new member, again and again."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[str, Answer | None] = {}
        self._stop = Event()
        self._threads = [Thread(target=self._send, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int, status: int) -> None:
        """Wait for as many more answers with that status."""
        wanted = self.statuses()[status] + more
        stack.until(lambda: self.statuses()[status] >= wanted)

    def statuses(self) -> Counter[int]:
        return Counter(answer.status if answer else 0 for answer in list(self.answers.values()))

    def _send(self, number: int) -> None:
        body = b'{"reward": 1}'
        for member in map(f"{number}-{{}}".format, count()):
            if self._stop.is_set():
                return
            head = (
                f"POST /boards/killed/members/{member}/rewards HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: {stack.token()}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.answers[member] = exchange(self.address, head.encode() + body)


@contextmanager
def gunicorn(folder: Path, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The master, whose process group has its workers."""
    server = LiveServer(f"unix:{folder / 'gunicorn.sock'}", stack.PATIENCE)
    command = [sys.executable, "-m", "gunicorn", "--config", stack.REPOSITORY / "deploy" / "gunicorn.conf.py"]
    env = {"WZ_SOCKET": str(folder / "gunicorn.sock"), "WEB_CONCURRENCY": "2", **stack.environ(settings)}
    with stack.process(
        [*command, "--log-level", "critical"], lambda: stack.answers(server), env=env, cwd=folder
    ) as master:
        yield master


def workers(master: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="gunicorn's workers are looked for in /proc")
def test_what_is_refused_was_not_done(tmp_path: Path, redis: redis_py.Redis, settings: Settings) -> None:
    with stack.nginx(tmp_path, alone=True) as edge, Senders(edge.address) as senders:
        senders.wait_for(1, 503)
        with gunicorn(tmp_path, settings) as master:
            senders.wait_for(20, 200)
            while senders.statuses()[502] < 4:
                for worker in workers(master.pid):
                    os.kill(worker, signal.SIGKILL)
                senders.wait_for(5, 200)
            os.killpg(master.pid, signal.SIGKILL)
            senders.wait_for(20, 503)
        with gunicorn(tmp_path, settings):
            senders.wait_for(20, 200)

    assert set(senders.statuses()) - {0} == {200, 502, 503}
    done = {member.decode() for member in redis.zrange("{board:killed}:scores", 0, -1)}
    for member, answer in senders.answers.items():
        if answer is None:
            continue  # cut off when its status had been sent
        if answer.status == 200:
            assert member in done
        if answer.status == 503:
            assert member not in done
            assert answer.headers["Retry-After"] == "1"
            assert "nothing was done: try again" in answer.detail
        if answer.status == 502:
            assert "Retry-After" not in answer.headers
            assert "may have been carried out" in answer.detail
            assert "Idempotency-Key" in answer.detail
