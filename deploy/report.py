"""What `wz up` writes down about itself, for the commands in another terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from pipeline.settings import Settings
from pipeline.settings.address import without_password
from pipeline.settings.local import REACH, SERVICE
from pipeline.store.client import database

from .address import Address
from .processes import Child, Processes
from .state import Service, Started, write_service


class Report:
    """The file `SERVICE` of a folder, as a context manager: it is there as long as `wz up` runs."""

    def __init__(
        self, state: Path, run_dir: Path, address: Address, settings: Settings, environ: Mapping[str, str]
    ) -> None:
        self._state = state
        self._service = Service(
            pid=os.getpid(),
            run=str(run_dir),
            address=address.url,
            authority=address.authority,
            redis=without_password(settings.redis_url),
            database=database(settings),
            environment=settings.environment,
            environ={name: environ[name] for name in REACH if environ.get(name)}
            | {"WZ_ENVIRONMENT": settings.environment},
        )

    def write(self, processes: Processes) -> None:
        self._service.waits_for = processes.waits_for
        self._service.processes = [started(child) for child in processes.children]
        write_service(self._state, self._service)

    def __enter__(self) -> Report:
        write_service(self._state, self._service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        (self._state / SERVICE).unlink(missing_ok=True)


def started(child: Child) -> Started:
    return Started(child.name, child.popen.pid, child.restarts, child.waits_for)
