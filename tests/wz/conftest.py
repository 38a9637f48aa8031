"""`web`: the same small program on Flask and on wz, so that one test expects the same answers of both."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from werkzeug.test import Client as WerkzeugClient

import wz

from .. import forked
from ..client import validated
from .flask_page import BEHAVIOURS, ELSEWHERE, codes_of, place_of, watch
from .traced import check, trace_all

#: The places that docs/flask.md names for each test that it names.
PLACES: dict[str, set[str]] = {}
for row in BEHAVIOURS:
    for test in {*row.tests} - ELSEWHERE:
        PLACES.setdefault(test, set()).add(row.place)


class Web:
    """One of the two frameworks, by the names that they share: `web.Blueprint`, `web.g`, `web.abort`."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    @property
    def App(self) -> type[wz.App]:
        """The class of apps, to be subclassed."""
        return wz.App if self.module is wz else cast("type[wz.App]", self.module.Flask)

    def app(self, import_name: str = "tests.wz", **options: Any) -> wz.App:
        """Return an app of the framework; the type checker takes both for wz's."""
        return self.App(import_name, **{"static_folder": None, **options})

    def submodule(self, name: str) -> Any:
        """Return a module of the framework, such as `testing`, which has the same name in both."""
        return import_module(f"{self.module.__name__}.{name}")

    def client(self, app: wz.App) -> WerkzeugClient:
        return validated(app) if self.module is wz else app.test_client()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, Any, None]:
    """A test that docs/flask.md names fails if, on wz, it does not call what the page says does it."""
    test = f"{item.path.name}::{item.originalname}"
    params = item.callspec.params if hasattr(item, "callspec") else {}
    on_flask = "flask" in (params.get("web"), params.get("line"))
    places = set() if on_flask else PLACES.get(test, set())
    with watch({place: codes_of(place_of(place)) for place in places}) as missing:
        outcome = yield
    if outcome.excinfo is None and missing:
        outcome.force_exception(AssertionError(f"docs/flask.md says that {', '.join(missing)} does it: not called"))


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


class CommandLine:
    """The command line of one of the two: `line.cli` is the module, `line.Group` the class of a program's own script.

    In the text of a program, FRAMEWORK stands for the module, and App for the class of apps.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.cli: Any = import_module(f"{name}.cli")
        self.prefix = name.upper()
        self.module: Any = import_module(name)
        self.App: Any = wz.App if name == "wz" else self.module.Flask
        self.Group: Any = self.cli.Group if name == "wz" else self.cli.FlaskGroup
        self.main: Any = self.cli.main if name == "wz" else self.cli.cli

    def write(self, **files: str) -> None:
        """Write modules into the current folder; in a name, two underscores stand for the slash after a folder's."""
        for name, text in files.items():
            file = self.folder / f"{name.replace('__', '/', 1)}.py"
            file.parent.mkdir(exist_ok=True)
            text = text.replace("FRAMEWORK", self.name)
            file.write_text(text if self.name == "wz" else re.sub(r"import App\b", "import Flask as App", text))

    def run(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command in the current folder, in a process of its own."""
        return forked.run(self.name, *args, cwd=self.folder, env=env)

    def load(self, target: str | None = None) -> Any:
        """Load an app as `--app` does; modules of the current folder are forgotten by the next test."""
        return self.cli.ScriptInfo(target).load_app()


@pytest.fixture(params=["flask", "wz"])
def line(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """Flask's command line and wz's, in an empty folder, in an environment that says nothing of either."""
    pytest.importorskip(request.param)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = dict(os.environ)
    for name in before:
        if name.startswith(("FLASK_", "WZ_")):
            monkeypatch.delenv(name)
    modules = set(sys.modules)
    yield CommandLine(request.param, tmp_path)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    monkeypatch.undo()
    for name in set(os.environ) - set(before):  # what a command has set
        del os.environ[name]
