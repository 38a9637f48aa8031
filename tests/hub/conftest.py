"""Each of these tests runs with a hub on one server, and with one on a Redis Cluster."""

from __future__ import annotations

import pytest

from pipeline.settings import Settings


@pytest.fixture(params=["server", "cluster"])
def settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found
