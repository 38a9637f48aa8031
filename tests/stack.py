"""Servers as the tests start them: real ones, on unix sockets and free ports, ended with the test session."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy import servers
from pipeline.hub.connection_string import ConnectionString
from pipeline.hub.sas import sign

#: The namespace that the tests' service is; its name need not resolve.
HOST = "contoso.servicebus.windows.net"
ROOT = ConnectionString.parse(
    f"Endpoint=sb://{HOST}/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=dGhlIHRlc3RzJyBvd24ga2V5"
)
LAYERS = ("wsgi", "gunicorn", "nginx")


def token(path: str = "", connection: ConnectionString = ROOT, lifetime: int = 600) -> str:
    """Return an Authorization header for `path` of the tests' namespace."""
    return sign(f"https://{HOST}/{path}", connection.key_name, connection.key, int(time.time()) + lifetime)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(
    command: Sequence[object],
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 20.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; raise if it stops, or is not `ready` in `timeout` seconds."""
    child = subprocess.Popen([str(part) for part in command], env={**os.environ, **(env or {})}, cwd=cwd)
    try:
        deadline = time.monotonic() + timeout
        while not ready():
            if child.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with status {child.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} is not ready after {timeout} s")
            time.sleep(0.02)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
