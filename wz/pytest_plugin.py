"""A pytest plugin: the service, running, for the tests of whoever sends events to it or reads what comes of them.

    def test_orders_are_counted(wz_service):
        orders = wz_service.hub("orders")
        job = wz_service.job("per-key", "SELECT key, COUNT(*) AS n INTO PerKey FROM orders GROUP BY key, ...")
        my_program(wz_service.connection_string)
        assert job.rows(count=1) == [{"key": "a", "n": 3}]

Each test finds the service empty. It is started when a test first asks for it, and then serves all tests of the
process: a Redis of its own, the app and the worker in one process, which ends with pytest however that ends.

The service is not in the distribution, which is the framework. It runs from a checkout of the repository, with the
Python of the checkout's `.venv` where there is one: the checkout that this package is installed from (`pip install
--editable`), or the one that `wz_checkout` in pytest's ini file, or WZ_CHECKOUT, names. So tests need nothing of what
the service needs. Without a checkout nothing happens until a test asks for the fixture, which says what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .running_service import Service  # beside it, but optional: what the fixture gives

_CHECKOUT = "wz_checkout"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project say in its configuration where the checkout is (pytest's hook)."""
    parser.addini(_CHECKOUT, "The checkout of wz that the fixture wz_service runs the service from.")


@pytest.fixture(scope="session")
def wz_server(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service that all tests of this process share; it is not emptied between them, as `wz_service` is."""
    from .running_service import Service  # here, since every run of pytest loads this file

    service = Service(_checkout(request.config))
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture
def wz_service(wz_server: Service) -> Service:
    """The service, empty."""
    wz_server.reset()
    return wz_server


def _checkout(config: pytest.Config) -> Path:
    from .running_service import PROGRAM, ServiceNotFound  # the same

    named = os.environ.get("WZ_CHECKOUT") or config.getini(_CHECKOUT)
    folder = (config.rootpath / named) if named else Path(__file__).parents[1]
    if (folder / PROGRAM).is_file():
        return folder
    if named:
        raise ServiceNotFound(f"{_CHECKOUT}: {folder} is no checkout of wz: it has no {PROGRAM}")
    raise ServiceNotFound(
        "the fixture wz_service runs the service, which is not in the distribution of wz: clone its repository, call "
        f"`make` there, and name the folder as {_CHECKOUT} in pytest's ini file, or in WZ_CHECKOUT"
    )
