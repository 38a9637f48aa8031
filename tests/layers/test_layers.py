"""`pytest --layer`: which layers a test runs over."""

from __future__ import annotations

import pytest

from ..conftest import LAYERS, layers


@pytest.mark.parametrize(
    ("picked", "core", "runs"),
    [
        pytest.param(None, False, ["wsgi", "nginx"], id="in process and behind nginx"),
        pytest.param(None, True, list(LAYERS), id="the core over all"),
        pytest.param(["tls"], False, ["tls"], id="one"),
        pytest.param(["gunicorn", "validated"], True, ["validated", "gunicorn"], id="two"),
        pytest.param(["all"], False, list(LAYERS), id="all"),
    ],
)
def test_layers_are_picked(picked: list[str] | None, core: bool, runs: list[str]) -> None:
    assert layers(picked, core) == runs
