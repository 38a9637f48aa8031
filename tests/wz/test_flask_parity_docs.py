"""docs/flask.md can't be wrong: what is "same" is tested on both frameworks, by the code that the page says does it.

What is not taken over is told in the words of the page. The page has all of Flask's names. That a row's test calls the
row's place is seen by `pytest_runtest_call` in tests/wz/conftest.py, when the test itself runs.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import wz
from wz.config import DEFAULT_CONFIG
from wz.sessions import DEFAULT_CONFIG as SESSION_CONFIG
from wz.untaken import APP, BLUEPRINT, SETTINGS, UntakenWarning

from .flask_page import BEHAVIOURS, NOT_TAKEN_OVER, ROOT, ROWS, Row, functions_in, place_of, runs_on_both

#: What is not taken over, as the page writes it, and what the warning advises.
TOLD = {
    **{f'config["{name}"]': advice for name, advice in SETTINGS.items()},
    **{f"app.{name}": advice for name, advice in APP.items()},
    **{f"blueprint.{name}": advice for name, advice in BLUEPRINT.items()},
}


def ids(row: Row) -> str:
    return f"{row.topic}: {row.cells[0].replace('`', '')}"


@pytest.mark.parametrize("row", BEHAVIOURS, ids=ids)
def test_each_row_has_its_code_and_its_tests(row: Row) -> None:
    assert len(row.cells) == 4
    assert all(row.cells)
    place_of(row.place)  # raises unless it is written there
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name in functions_in(file)


@pytest.mark.parametrize("row", [row for row in BEHAVIOURS if row.is_same], ids=ids)
def test_what_is_the_same_is_tested_on_both(row: Row) -> None:
    assert any(map(runs_on_both, row.tests))


@pytest.mark.parametrize("row", [row for row in BEHAVIOURS if row.topic != "Beyond Flask"], ids=ids)
def test_each_name_of_a_row_is_used_in_a_test(row: Row) -> None:
    assert sorted(row.names() - USED - INTERNAL) == []


#: Every name and text in the tests of wz, but for those that are about the page.
USED = {
    name
    for path in (ROOT / "tests" / "wz").glob("test_*.py")
    if path.name not in ("test_flask_parity_docs.py", "test_public_names.py")
    for name in re.findall(r"[A-Za-z_]\w*", path.read_text())
}

#: Flask's own parts of what a row does otherwise: no program names them.
INTERNAL = {
    *(
        "FLASK_APP",
        "FLASK_DEBUG",
        "FLASK_RUN_PORT",
        "FLASK_SKIP_DOTENV",
    ),  # the tests write the prefix of each framework
    *("FlaskGroup", "CertParamType", "SeparatedPathType", "version_option", "get_version"),
    *("show_server_banner", "locate_app", "find_best_app", "find_app_by_string", "prepare_import"),
}


def test_what_is_not_taken_over_is_on_the_page_in_the_words_of_the_warning() -> None:
    page = {
        name: row.cells[1].replace("`", "") for row in NOT_TAKEN_OVER for name in re.findall(r"`([^`]+)`", row.cells[0])
    }

    assert page == {name: advice.replace("`", "") for name, advice in TOLD.items()}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_not_taken_over_is_told(name: str) -> None:
    app, blueprint = wz.App("shop"), wz.Blueprint("shop")
    advice = re.escape(TOLD[name])
    if name.startswith("config"):
        with pytest.warns(UntakenWarning, match=advice):
            app.config[name.split('"')[1]] = None
        return
    owner: Any = app if name.startswith("app.") else blueprint
    _, _, attribute = name.partition(".")
    if name != "app.make_response":  # which may be called
        with pytest.raises(AttributeError, match=advice):
            getattr(owner, attribute)
        with pytest.warns(UntakenWarning, match=advice):
            setattr(owner, attribute, None)
    with pytest.warns(UntakenWarning, match=advice):
        type("Mine", (type(owner),), {attribute: lambda self: None})


def test_no_name_is_both_there_and_not_taken_over() -> None:
    there = {name for row in BEHAVIOURS for name in row.names()}

    assert there & {*SETTINGS, *APP, *BLUEPRINT} == {
        "make_response",  # a function, and an app's method that may be called
        "view_functions",  # an app's
    }


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
    otherwise = {"Flask", "default"}

    assert sorted((same & flask_s) - otherwise - wz_s_names()) == []


def test_settings_that_both_have_begin_alike() -> None:
    flask_s = pytest.importorskip("flask").Flask("flask").config
    ours = {**SESSION_CONFIG, **DEFAULT_CONFIG}

    assert ours == {name: flask_s[name] for name in ours}
