"""Tests that are marked `cluster` run twice: with all that a job has on one server, and with its hubs on a cluster."""

from __future__ import annotations

import pytest

from pipeline.settings import Settings


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("cluster"):
        metafunc.parametrize("where", ["server", "cluster"], indirect=True)


@pytest.fixture
def where(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "server")


@pytest.fixture
def settings(where: str, request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(f"{where}_settings")
    return found
