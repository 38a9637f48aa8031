"""docs/flask.md is right: the names in it exist, and it has all of Flask's names."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import wz
from wz.config import DEFAULT_CONFIG
from wz.sessions import DEFAULT_CONFIG as SESSION_CONFIG

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "flask.md"

_CODE = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"[A-Za-z_]\w*")


class Row(NamedTuple):
    topic: str
    cells: list[str]

    def names(self) -> set[str]:
        """The identifiers in the code of the first column."""
        return {name for code in _CODE.findall(self.cells[0]) for name in _NAME.findall(code)}


def read_rows() -> Iterator[Row]:
    topic = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            topic = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| Flask |", "| what |")):
            yield Row(topic, [cell.strip() for cell in line.strip("|").split(" | ")])


ROWS = list(read_rows())
BEHAVIOURS = [row for row in ROWS if row.topic != "Not taken over"]


def ids(row: Row) -> str:
    return f"{row.topic}: {row.cells[0].replace('`', '')}"


@cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", BEHAVIOURS, ids=ids)
def test_each_row_has_its_code_and_its_test(row: Row) -> None:
    _, said, where, test = row.cells
    assert said

    path, _, name = where.strip("`").partition(": ")
    found: Any = import_module(path.removesuffix(".py").replace("/", "."))
    assert (ROOT / path).is_file()
    for part in name.split("."):
        found = inspect.unwrap(inspect.getattr_static(found, part))
    if inspect.isfunction(found) or inspect.isclass(found):
        assert inspect.getsourcefile(found) == str(ROOT / path), f"{name} is not written there"

    file, _, function = test.strip("`").partition("::")
    assert function in functions_in(file if "/" in file else f"wz/{file}")


def test_what_is_not_taken_over_has_a_reason() -> None:
    assert all(len(row.cells) == 2 and row.cells[1] for row in ROWS if row not in BEHAVIOURS)


def test_no_name_is_both_there_and_not_taken_over() -> None:
    there = {name for row in BEHAVIOURS for name in row.names()}
    absent = {name for row in ROWS if row not in BEHAVIOURS for name in row.names()}

    assert there & absent == set()


def public(owner: Any, *besides: Any) -> set[str]:
    names = {name for name in dir(owner) if not name.startswith("_")}
    return names.difference(*(dir(each) for each in besides))


def own(owner: Any) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def flask_s_names() -> dict[str, set[str]]:
    """The public names of Flask's API, each with where it is."""
    flask = pytest.importorskip("flask")
    modules = {name: import_module(f"flask.{name}") for name in ("cli", "ctx", "sessions", "testing", "views")}
    provider = import_module("flask.json.provider").DefaultJSONProvider
    sansio = import_module("flask.sansio.app")
    app = flask.Flask("flask")
    return {
        "flask": {
            name
            for name, value in vars(flask).items()
            if not name.startswith("_") and not isinstance(value, ModuleType) and name not in ("t", "annotations")
        },
        "Flask": public(app, object),
        "Blueprint": public(flask.Blueprint("name", "flask"), object),
        "Request": own(flask.Request),
        "Response": own(flask.Response),
        "Config": own(flask.Config),
        "settings": set(app.default_config),
        "g": own(modules["ctx"]._AppCtxGlobals),
        "JSON": own(provider),
        "SessionInterface": own(modules["sessions"].SessionInterface),
        "View": own(modules["views"].View) - {"methods", "provide_automatic_options"},
        "FlaskClient": own(modules["testing"].FlaskClient),
        "FlaskCliRunner": own(modules["testing"].FlaskCliRunner),
        "commands": set(modules["cli"].FlaskGroup().commands),
        "flask.cli": {
            name
            for name, value in vars(modules["cli"]).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == "flask.cli"
        }
        - {"F"},
        "sansio": public(sansio.App, object),
    }


def test_no_public_name_of_flask_is_missing() -> None:
    mentioned = {name for row in ROWS for name in row.names()}

    missing = {place: sorted(names - mentioned) for place, names in flask_s_names().items() if names - mentioned}
    assert missing == {}


def wz_s_names() -> set[str]:
    """All names in wz: those of modules, attributes of classes, settings and commands."""
    names = {*DEFAULT_CONFIG, *SESSION_CONFIG, *dir(wz.App("wz")), *dir(wz.Blueprint("name"))}
    for module in pkgutil.iter_modules(wz.__path__):
        if module.name == "__main__":
            continue
        for name, value in vars(import_module(f"wz.{module.name}")).items():
            names.add(name)
            if inspect.isclass(value):
                names.update(dir(value))
    return names


def test_what_is_the_same_has_the_same_name() -> None:
    flask_s = set().union(*flask_s_names().values())
    same = {name for row in BEHAVIOURS if row.cells[1].startswith("same") for name in row.names()}
    otherwise = {"Flask", "default", "inject_url_defaults", "make_default_options_response", "make_shell_context"}
    otherwise |= {"do_teardown_request", "do_teardown_appcontext", "select_jinja_autoescape", "url_values_defaults"}
    otherwise |= {"static_folder", "static_url_path"}  # arguments only

    assert sorted((same & flask_s) - otherwise - wz_s_names()) == []


def test_settings_that_both_have_begin_alike() -> None:
    flask_s = pytest.importorskip("flask").Flask("flask").config
    ours = {**SESSION_CONFIG, **DEFAULT_CONFIG}

    assert ours == {name: flask_s[name] for name in ours}
