from __future__ import annotations

from collections.abc import Iterator

import pytest

from .running import Up, running


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`wz up` with a Redis of its own. A test may kill what it has started, and waits until that serves again."""
    with running(tmp_path_factory.mktemp("up")) as up:
        yield up
