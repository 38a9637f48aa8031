"""Folders: where a program's files are, and where those of one machine are. A test that takes `web` runs on both."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import pytest

from wz import App
from wz.folders import root_path

from .conftest import Web


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path, with modules and packages that were not imported."""
    site = tmp_path / "site"
    for name in ("module.py", "package/__init__.py", "package/inner.py", "space/part.py", "space/whole/__init__.py"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    monkeypatch.syspath_prepend(site)
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] in ("module", "package", "space")]:
        del sys.modules[name]  # to find a module, Python imports the packages around it


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("module", "."),
        ("package", "package"),
        ("package.inner", "package"),
        ("space.whole", "space/whole"),
        ("space.part", "space"),
    ],
)
def test_the_folder_of_a_module_that_is_not_imported(web: Web, site: Path, name: str, folder: str) -> None:
    assert Path(web.app(name).root_path) == site / folder


@pytest.mark.parametrize("name", ["nowhere", "nowhere.at.all", "", "__main__"])
def test_a_name_that_is_no_file_s_has_the_current_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.chdir(tmp_path)

    assert root_path(name) == os.getcwd()


def test_the_folder_may_be_given_and_set(web: Web, tmp_path: Path) -> None:
    app = web.app(root_path=str(tmp_path))
    blueprint = web.Blueprint("shop", "tests.wz", root_path=str(tmp_path / "shop"))

    assert (app.root_path, app.config.root_path, blueprint.root_path) == (
        str(tmp_path),
        str(tmp_path),
        f"{tmp_path}/shop",
    )
    app.root_path = "/elsewhere"
    assert app.root_path == "/elsewhere"


@pytest.mark.parametrize("mode", ["r", "rt", "rb"])
def test_a_resource_is_read_as_text_or_bytes(web: Web, tmp_path: Path, mode: str) -> None:
    (tmp_path / "schema.sql").write_text("sélect", encoding="utf-8")
    app = web.app(root_path=str(tmp_path))
    blueprint = web.Blueprint("shop", "tests.wz", root_path=str(tmp_path))

    for router in (app, blueprint):
        with router.open_resource("schema.sql", mode) as file:
            read = file.read()
        assert read == ("sélect" if "b" not in mode else "sélect".encode())


def test_a_resource_has_the_encoding_that_is_asked_for(web: Web, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("ü", encoding="latin-1")
    app = web.app(root_path=str(tmp_path))

    with app.open_resource("old.txt", "r", encoding="latin-1") as file:
        assert file.read() == "ü"
    with app.open_resource("old.txt") as file:
        assert file.read() == b"\xfc"


@pytest.mark.parametrize("mode", ["w", "x", "a", "r+"])
def test_a_resource_is_not_written(web: Web, mode: str) -> None:
    with pytest.raises(ValueError, match="read"):
        web.app().open_resource("schema.sql", mode)
    with pytest.raises(ValueError, match="read"):
        web.Blueprint("shop", "tests.wz").open_resource("schema.sql", mode)


def test_the_instance_folder_may_be_given(web: Web, tmp_path: Path) -> None:
    app = web.app(instance_path=str(tmp_path))

    assert app.instance_path == str(tmp_path)
    with app.open_instance_resource("notes.txt", "w") as file:
        file.write("ü")
    with app.open_instance_resource("notes.txt") as file:
        assert file.read() == "ü".encode()
    with app.open_instance_resource("notes.txt", "r") as file:
        assert file.read() == "ü"


def test_a_relative_instance_folder_is_refused(web: Web) -> None:
    with pytest.raises(ValueError, match="absolute"):
        web.app(instance_path="instance")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("module", "instance"),
        ("package", "instance"),
        ("package.inner", "instance"),
        ("space.whole", "instance"),
        ("space.part", "instance"),
    ],
)
def test_the_instance_folder_is_beside_the_module_or_package(web: Web, site: Path, name: str, folder: str) -> None:
    assert Path(web.app(name).instance_path) == site / folder


@pytest.mark.parametrize(
    ("packages", "name"),
    [
        ("lib/python3.11/site-packages", "module"),
        ("lib/python3.11/site-packages", "package"),
        ("lib/python3.11/site-packages", "space.whole"),
        ("Lib/site-packages", "module"),
        ("other/site-packages", "package"),
    ],
)
def test_that_of_an_installed_program_is_below_its_python(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path, packages: str, name: str
) -> None:
    installed = tmp_path / "python" / packages
    installed.parent.mkdir(parents=True)
    site.rename(installed)
    monkeypatch.syspath_prepend(installed)
    invalidate_caches()
    below = {"lib": "python", "Lib": "python", "other": "python/other"}[packages.partition("/")[0]]

    assert web.app(name).instance_path == f"{tmp_path}/{below}/var/{name}-instance"


def test_that_of_a_program_below_sys_prefix_is_there(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    assert web.app("module").instance_path == f"{tmp_path}/var/module-instance"


def test_it_may_be_found_another_way(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def auto_find_instance_path(self) -> str:
            return f"{super().auto_find_instance_path()}-of-mine"

    assert Mine("tests.wz", static_folder=None).instance_path.endswith("/instance-of-mine")


def test_the_configuration_may_be_read_from_it(web: Web, tmp_path: Path) -> None:
    (tmp_path / "settings.cfg").write_text("NAME = 'here'")

    app: Any = web.app(instance_path=str(tmp_path), instance_relative_config=True)
    app.config.from_pyfile("settings.cfg")

    assert (app.config.root_path, app.config["NAME"]) == (str(tmp_path), "here")
    assert app.root_path != str(tmp_path)


def test_an_app_that_asks_for_no_file_does_not_load_what_opens_them() -> None:
    before = sys.modules.pop("wz.resources", None)
    try:
        App("tests.wz")
        assert "wz.resources" not in sys.modules
    finally:
        if before is not None:
            sys.modules["wz.resources"] = before
