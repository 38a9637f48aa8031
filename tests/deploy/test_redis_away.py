"""gunicorn while Redis hangs, is away or comes back, through its socket and with the configuration of production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from pipeline.settings import Settings
from pipeline.store.client import check_server, redis_client
from wz.live_server import LiveServer
from wz.testing import Client

from .. import stack
from ..stack import ROOT


def settings_for(url: str, environment: str = "test") -> Settings:
    return Settings(environment=environment, redis_url=url, connection_string=ROOT)


def get(server: LiveServer, path: str) -> int:
    return Client(server).get(path, headers={"Authorization": stack.token()}).status_code


def test_the_process_is_healthy_while_every_thread_waits_for_redis(tmp_path: Path) -> None:
    with (
        stack.redis_server(tmp_path) as (redis, url),
        # None of them is to be answered before the last has been sent, however slow this machine is.
        stack.gunicorn(tmp_path, settings_for(f"{url}?socket_timeout=60"), WEB_CONCURRENCY="1") as server,
    ):
        redis.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(80) as clients:
            waiting = [clients.submit(get, server, "/boards/b") for _ in range(80)]
            # With all 16 threads taken, a request that needs none of Redis waits as well.
            stack.until(lambda: sum(future.running() for future in waiting) == 80)
            healthy = [get(server, "/healthz") for _ in range(10)]
            unanswered = sum(not future.done() for future in waiting)
            redis.send_signal(signal.SIGCONT)
            wait(waiting)

    assert healthy == [200] * 10
    assert unanswered == 80


def test_a_service_that_starts_without_redis_serves_and_recovers(tmp_path: Path) -> None:
    settings = settings_for(f"unix://{tmp_path / 'redis.sock'}")
    with stack.gunicorn(tmp_path, settings, ready="/healthz") as server:
        answers = {path: get(server, path) for path in ("/openapi.json", "/boards/b", "/readyz", "/metrics")}
        sent = Client(server).post("/events/messages", data="x", headers={"Authorization": stack.token()})
        with stack.redis_server(tmp_path):
            stack.until(lambda: all(get(server, "/readyz") == 200 for _ in range(10)))  # each of the workers
            created = Client(server).post("/events/messages", data="x", headers={"Authorization": stack.token()})

    assert answers == {"/openapi.json": 200, "/boards/b": 503, "/readyz": 503, "/metrics": 503}
    assert (sent.status_code, sent.headers["Retry-After"], sent.mimetype) == (503, "1", "application/xml")
    assert created.status_code == 201


def test_a_clash_ends_the_service_with_4(tmp_path: Path) -> None:
    with stack.redis_server(tmp_path) as (_, url):
        check_server(redis_client(settings_for(f"{url}?db=2", "staging")))
        env = {
            "WZ_SOCKET": str(tmp_path / "gunicorn.sock"),
            "WEB_CONCURRENCY": "1",
            **stack.environ(settings_for(f"{url}?db=2", "production")),
        }
        config = stack.REPOSITORY / "deploy" / "gunicorn.conf.py"
        ended = subprocess.run(
            [sys.executable, "-m", "gunicorn", "--config", config],
            env={**os.environ, **env},
            cwd=tmp_path,
            timeout=stack.PATIENCE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert ended.returncode == 4
    assert "wz: Redis database 2 belongs to the environment 'staging'" in ended.stderr


def test_a_clash_that_is_found_late_ends_the_service_with_4(tmp_path: Path) -> None:
    """Workers serve while Redis is away, and then it has another environment's data: no worker can serve any more."""
    url, log = f"unix://{tmp_path / 'redis.sock'}?db=2", tmp_path / "log"
    with stack.redis_server(tmp_path, "--appendonly", "yes"):
        check_server(redis_client(settings_for(url, "staging")))
    socket = tmp_path / "gunicorn.sock"
    env = {"WZ_SOCKET": str(socket), "WEB_CONCURRENCY": "2", **stack.environ(settings_for(url, "production"))}
    command = [sys.executable, "-P", stack.REPOSITORY / "deploy" / "serve.py", "--config", stack.GUNICORN_CONF]

    def healthy() -> bool:
        return stack.answers(LiveServer(f"unix:{socket}", stack.PATIENCE), "/healthz")

    with (
        stack.process(command, ready=healthy, env=env, cwd=tmp_path, log=log) as service,
        stack.redis_server(tmp_path, "--appendonly", "yes"),
    ):
        assert service.wait(stack.PATIENCE) == 4

    clash = "Redis database 2 belongs to the environment 'staging', but this process to 'production'"
    assert f"this process ends: {clash}" in log.read_text()
    assert f"wz: {clash}" in log.read_text()
