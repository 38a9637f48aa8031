"""Two services, each with Redis, gunicorn and nginx, the second being the first one's upstream; and who kills them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

from deploy import servers
from deploy.nginx import render_nginx
from deploy.up import DEPLOY
from pipeline.connection_string import ConnectionString
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rule, Rules, new_key
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from wz.live_server import LiveServer

from .. import stack

PARTITIONS = 4
HUBS = {"events": PARTITIONS}


@dataclass
class Server:
    """A process that is started again whenever it ends, as systemd would, unless it is `down` on purpose."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    down: bool = False
    process: subprocess.Popen[bytes] | None = None
    sessions: list[int] = field(default_factory=list)

    def tick(self) -> None:
        if not self.down and (self.process is None or self.process.poll() is not None):
            env = {**os.environ, **self.env}
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(self.command, env=env, stdout=log, stderr=log, start_new_session=True)
            self.sessions.append(self.process.pid)

    def kill(self) -> None:
        """kill -9, of the process alone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def kill_all(self) -> None:
        """kill -9, of the process and of all that it has started, also of what an earlier one has left behind."""
        for session in self.sessions:
            with suppress(ProcessLookupError):
                os.killpg(session, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.sessions.clear()

    def children(self) -> list[int]:
        if self.process is None:
            return []
        try:
            return [
                int(pid)
                for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            ]
        except FileNotFoundError:
            return []

    def kill_child(self, rnd: random.Random) -> None:
        if pids := self.children():
            os.kill(rnd.choice(pids), signal.SIGKILL)

    def end(self) -> None:
        self.down = True
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(stack.ENDS)
        self.kill_all()


@dataclass
class Service:
    """One namespace: Redis with deploy/redis.conf, gunicorn with so many workers, and nginx with theirs."""

    folder: Path
    settings: Settings
    workers: int = 2
    redis: Server = field(init=False)
    gunicorn: Server = field(init=False)
    nginx: Server = field(init=False)
    address: LiveServer = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        port = stack.free_port()
        self.address = LiveServer(f"http://127.0.0.1:{port}", 10.0)
        conf = self.folder / "nginx.conf"
        conf.write_text(render_nginx(self.folder, f"127.0.0.1:{port}"))
        socket = self.folder / "redis.sock"
        redis = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", self.folder]
        gunicorn = [
            sys.executable,
            "-P",
            DEPLOY / "serve.py",
            "--config",
            DEPLOY / "gunicorn.conf.py",
            "--log-level",
            "warning",
        ]
        self.redis = self.server("redis", redis)
        self.gunicorn = self.server("gunicorn", [*gunicorn, "--log-level", "warning"])
        self.nginx = self.server("nginx", [servers.nginx(), "-e", "stderr", "-c", conf])

    def server(self, name: str, command: list[object], **env: str) -> Server:
        return Server(name, list(map(str, command)), {**self.environ(), **env}, self.folder / f"{name}.log")

    def environ(self) -> dict[str, str]:
        return {
            "WZ_SOCKET": str(self.folder / "gunicorn.sock"),
            "WZ_ENVIRONMENT": self.settings.environment,
            "WZ_REDIS_URL": self.settings.redis_url,
            "WZ_CONNECTION_STRING": str(self.settings.root),
            "WZ_HOSTS": ",".join(self.settings.hosts),
            "WZ_HUBS": ",".join(f"{name}:{count}" for name, count in self.settings.hubs.items()),
            "WEB_CONCURRENCY": str(self.workers),
        }

    @property
    def hubs(self) -> Hubs:
        return Hubs.from_settings(self.settings, redis_client(self.settings))


def settings(folder: Path, environment: str, hubs: Mapping[str, int]) -> Settings:
    url = f"unix://{folder / environment / 'redis.sock'}"
    hosts = frozenset({stack.HOST, "127.0.0.1"})
    return Settings(environment=environment, redis_url=url, connection_string=stack.ROOT, hosts=hosts, hubs=dict(hubs))


def target(service: Service, rule: Rule | None = None) -> ConnectionString:
    """Return what a relay to a service needs; with the root rule, if none is given, what it repeats is there twice."""
    name, key = (rule.name, rule.primary) if rule else (stack.ROOT.key_name, stack.ROOT.key)
    return ConnectionString(f"{service.address.address}/", name, key, development=True)


class World:
    """All processes, as a context manager: started when it is entered, ended when it is left.

    Each begins with these `hubs`, the upstream with `upstream_hubs` if they are given.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        hubs: Mapping[str, int] = MappingProxyType(HUBS),
        upstream_hubs: Mapping[str, int] | None = None,
    ) -> None:
        self.slowness = stack.slowness()
        self.rnd = random.Random(seed)
        self.home = Service(folder / "test", settings(folder, "test", hubs))
        its = hubs if upstream_hubs is None else upstream_hubs
        self.upstream = Service(folder / "staging", settings(folder, "staging", its), workers=1)
        self.rule = Rule("chain", new_key(), new_key(), frozenset({Right.SEND, Right.RELAY}))
        to = str(target(self.upstream, self.rule))
        worker: list[object] = [sys.executable, "-m", "wz", "worker"]
        self.relays = [
            self.home.server(f"relay-{batches}", worker, WZ_UPSTREAM=to, WZ_RELAYS="2", WZ_RELAY_BATCHES=batches)
            for batches in ("key", "any")
        ]
        self.kills: Counter[str] = Counter()
        self._up_again: list[tuple[float, Server]] = []

    @property
    def servers(self) -> list[Server]:
        home, upstream = self.home, self.upstream
        first = [home.redis, upstream.redis, home.gunicorn, upstream.gunicorn]
        return [*first, *self.relays, home.nginx, upstream.nginx]

    def __enter__(self) -> Self:
        try:
            for service in (self.home, self.upstream):
                service.redis.tick()
            upstream = redis_client(self.upstream.settings)
            self.wait_until((self.upstream.folder / "redis.sock").exists, "the upstream's Redis")
            upstream.hset(Rules.KEY, self.rule.id, msgspec.json.encode(self.rule))
            for server in self.servers:
                server.tick()
            self.wait_until(lambda: all(stack.answers(s.address) for s in (self.home, self.upstream)), "the service")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self.servers):
            server.end()

    def tick(self) -> None:
        """Start what has ended, and what was down for long enough."""
        for due, server in list(self._up_again):
            if time.monotonic() >= due:
                server.down = False
                self._up_again.remove((due, server))
        for server in self.servers:
            server.tick()

    def strike(self) -> None:
        """Kill something, or cut the upstream off for up to a second and a half, times `slowness`."""
        actions: dict[str, Callable[[], None]] = {
            "gunicorn worker": lambda: self.home.gunicorn.kill_child(self.rnd),
            "gunicorn master": self.home.gunicorn.kill,
            "relay worker": self.rnd.choice(self.relays).kill,
            "Redis": self.home.redis.kill,
            "upstream's gunicorn worker": lambda: self.upstream.gunicorn.kill_child(self.rnd),
            "upstream cut": self._cut,
        }
        name = self.rnd.choice(list(actions))
        actions[name]()
        self.kills[name] += 1

    def heal(self) -> None:
        for _, server in self._up_again:
            server.down = False
        self._up_again.clear()
        self.tick()

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = stack.PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} took more than {seconds:.0f} s; the logs:\n{self.logs()}")
            self.tick()
            time.sleep(0.05)

    def logs(self) -> str:
        """The end of each process's log."""
        return "\n".join(
            f"--- {server.log.parent.name}/{server.name}\n{server.log.read_text(errors='replace')[-2000:]}"
            for server in self.servers
            if server.log.exists()
        )

    def _cut(self) -> None:
        nginx = self.upstream.nginx
        if not nginx.down:
            nginx.down = True
            nginx.kill_all()  # at once: the master starts another for each worker that ends
            self._up_again.append((time.monotonic() + self.slowness * self.rnd.uniform(0.3, 1.5), nginx))
