"""`web`: the same small program on Flask and on wz, so that one test expects the same answers of both."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

import pytest
from werkzeug.test import Client as WerkzeugClient

import wz

from ..client import validated
from .traced import check, trace_all


class Web:
    """One of the two frameworks, by the names that they share: `web.Blueprint`, `web.g`, `web.abort`."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def app(self, **options: Any) -> wz.App:
        """Return an app of the framework; the type checker takes both for wz's."""
        if self.module is wz:
            return wz.App("tests.wz", **options)
        return cast("wz.App", self.module.Flask("tests.wz", static_folder=None, **options))

    def submodule(self, name: str) -> Any:
        """Return a module of the framework, such as `testing`, which has the same name in both."""
        return import_module(f"{self.module.__name__}.{name}")

    def client(self, app: wz.App) -> WerkzeugClient:
        return validated(app) if self.module is wz else app.test_client()


@pytest.fixture(autouse=True)
def traced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`pytest tests/wz --traced`: each request is traced, and all tests must pass as they do without."""
    is_traced = request.config.getoption("traced")
    if is_traced and request.node.get_closest_marker("untraced"):
        pytest.skip("it looks at the layers themselves, of which a traced request has others")
    kept = trace_all(monkeypatch) if is_traced else []
    yield
    for recording in kept[:100]:
        check(recording)


@pytest.fixture(params=["flask", "wz", "traced"])
def web(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Flask, wz, and wz with each request traced, which must answer the same."""
    if request.param == "traced":
        trace_all(monkeypatch)
        return Web(wz)
    return Web(pytest.importorskip(request.param))
