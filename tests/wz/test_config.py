from __future__ import annotations

import json
import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from wz.config import Config, ConfigAttribute, duration

from .conftest import Web


@pytest.fixture
def config(web: Web, tmp_path: Path) -> Config:
    """Settings of Flask's class and of wz's: a test that takes it runs on both."""
    made: Config = web.Config(tmp_path, {"DEBUG": False})
    return made


@pytest.fixture
def ours(tmp_path: Path) -> Config:
    return Config(tmp_path, {"DEBUG": False})


class Defaults:
    LEVEL = 1
    lower = "is not taken"


class Production(Defaults):
    LEVEL = 2

    @property
    def URL(self) -> str:
        return f"level-{self.LEVEL}"


def test_it_begins_with_the_defaults_and_is_a_dict(config: Config) -> None:
    config["A"] = 1

    assert config == {"DEBUG": False, "A": 1}
    assert repr(config) == "<Config {'DEBUG': False, 'A': 1}>"


def test_the_upper_case_names_of_a_class_and_of_those_it_inherits_from(config: Config) -> None:
    config.from_object(Production())

    assert config == {"DEBUG": False, "LEVEL": 2, "URL": "level-2"}


def test_an_object_by_its_import_name(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wz_test_settings.py").write_text("A = 1\nb = 2\nclass Live:\n    A = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    config.from_object("wz_test_settings")
    assert config == {"DEBUG": False, "A": 1}
    config.from_object("wz_test_settings.Live")
    assert config["A"] == 3
    with pytest.raises(ImportError, match="Dead"):
        config.from_object("wz_test_settings.Dead")
    del sys.modules["wz_test_settings"]


def test_a_module_that_fails_to_import_something_says_what(
    ours: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "wz_test_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "settings.py").write_text("import wz_test_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    with pytest.raises(ModuleNotFoundError, match="wz_test_missing"):
        ours.from_object("wz_test_package.settings")
    del sys.modules["wz_test_package"]


def test_a_mapping_and_keywords(config: Config) -> None:
    assert config.from_mapping({"A": 1, "B": 1, "c": 1}, B=2, d=2)
    assert config == {"DEBUG": False, "A": 1, "B": 2}


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        pytest.param('A = 1\n[B]\nc = "é"\n', {"load": tomllib.load, "text": False}, id="load, of bytes"),
        pytest.param('{"A": 1, "B": {"c": "é"}}', {"load": json.load}, id="load, of text"),
    ],
)
def test_files(config: Config, tmp_path: Path, content: str, arguments: dict[str, Any]) -> None:
    (tmp_path / "c.conf").write_text(content, encoding="utf-8")

    assert config.from_file("c.conf", **arguments)
    assert config == {"DEBUG": False, "A": 1, "B": {"c": "é"}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("c.toml", 'A = 1\nlower = 2\n[B]\nc = "é"\n', id="TOML"),
        pytest.param("c.json", '{"A": 1, "lower": 2, "B": {"c": "é"}}', id="JSON"),
    ],
)
def test_files_whose_names_say_how_they_are_read(ours: Config, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")

    assert ours.from_file(name)
    assert ours == {"DEBUG": False, "A": 1, "B": {"c": "é"}}


def test_a_file_that_no_one_knows_how_to_read(ours: Config) -> None:
    with pytest.raises(TypeError, match=r"name it \.toml or \.json, or give load="):
        ours.from_file("c.yaml")


def test_a_python_file(config: Config, tmp_path: Path) -> None:
    (tmp_path / "c.cfg").write_text("import os\nA = os.path.basename(__file__)\nlower = 1\n")

    assert config.from_pyfile("c.cfg")
    assert config == {"DEBUG": False, "A": "c.cfg"}


@pytest.mark.parametrize("read", ["from_file", "from_pyfile"])
def test_a_missing_file_is_an_error_unless_silent(ours: Config, read: str) -> None:
    assert getattr(ours, read)("missing.json", silent=True) is False
    with pytest.raises(FileNotFoundError, match=r"the configuration file can't be read: .*missing\.json"):
        getattr(ours, read)("missing.json")


def test_a_file_named_by_the_environment(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_SETTINGS", raising=False)
    assert config.from_envvar("SHOP_SETTINGS", silent=True) is False
    with pytest.raises(RuntimeError, match=r"SHOP_SETTINGS'? is not set"):
        config.from_envvar("SHOP_SETTINGS")

    (tmp_path / "c.py").write_text("A = 1")
    monkeypatch.setenv("SHOP_SETTINGS", str(tmp_path / "c.py"))
    assert config.from_envvar("SHOP_SETTINGS")
    assert config["A"] == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"T_A": "1", "T_B": "true", "T_C": '["x"]'}, {"A": 1, "B": True, "C": ["x"]}, id="JSON"),
        pytest.param({"T_A": "no JSON", "T_B": ""}, {"A": "no JSON", "B": ""}, id="text"),
        pytest.param({"T_A__B__c": "1", "T_A__D": "x"}, {"A": {"B": {"c": 1}, "D": "x"}}, id="nested"),
        pytest.param({"T_A": '{"b": 1}', "T_A__c": "2"}, {"A": {"b": 1, "c": 2}}, id="into a dict"),
        pytest.param({"TA": "1", "OTHER_A": "2"}, {}, id="other prefixes"),
    ],
)
def test_the_environment(
    config: Config, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: dict[str, Any]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert config.from_prefixed_env("T")
    assert config == {"DEBUG": False, **expected}


def test_the_environment_read_another_way(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WZ_T_A", "1")
    config.from_prefixed_env("WZ_T", loads=str)

    assert config["A"] == "1"


def test_the_prefix_is_ours_by_default(ours: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WZ_ONLY_FOR_THIS_TEST", "1")
    ours.from_prefixed_env()

    assert ours["ONLY_FOR_THIS_TEST"] == 1


def test_an_item_of_a_value_that_is_not_a_dict(ours: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_DEBUG__LEVEL", "1")

    with pytest.raises(TypeError, match="T_DEBUG__LEVEL sets an item of DEBUG, which is a bool"):
        ours.from_prefixed_env("T")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"url": "redis:", "db": 1}),
        ({"lowercase": False}, {"URL": "redis:", "DB": 1}),
        ({"trim_namespace": False}, {"redis_url": "redis:", "redis_db": 1}),
        ({"lowercase": False, "trim_namespace": False}, {"REDIS_URL": "redis:", "REDIS_DB": 1}),
    ],
    ids=["keywords", "upper case", "whole names", "as they are"],
)
def test_a_namespace(config: Config, arguments: dict[str, bool], expected: dict[str, Any]) -> None:
    config.update(REDIS_URL="redis:", REDIS_DB=1)

    assert config.get_namespace("REDIS_", **arguments) == expected


def test_an_attribute_forwards_to_the_config(ours: Config) -> None:
    class Owner:
        level = ConfigAttribute[int]("LEVEL", int)
        secret_key = ConfigAttribute[str | None]("SECRET_KEY")

        def __init__(self) -> None:
            self.config = ours

    owner = Owner()
    assert owner.secret_key is None
    owner.secret_key = "key"
    ours["LEVEL"] = "3"

    assert (ours["SECRET_KEY"], owner.level) == ("key", 3)


def test_a_time_that_is_none_is_named() -> None:
    assert duration(90) == duration(timedelta(seconds=90)) == timedelta(seconds=90)
    with pytest.raises(TypeError, match=r"^'a day' is no time: write a timedelta, or a number of seconds$"):
        duration("a day")  # type: ignore[arg-type]


def test_a_number_that_is_text_is_named(ours: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WZ_MAX_CONTENT_LENGTH", "16M")

    with pytest.raises(TypeError, match="the setting MAX_CONTENT_LENGTH must be a number, not the text '16M'"):
        ours.from_prefixed_env()
    ours["MAX_CONTENT_LENGTH"] = 16e6
    ours["MAX_CONTENT_LENGTH"] = None


@pytest.mark.parametrize("name", ["bad.toml", "bad.json"])
def test_a_file_that_cannot_be_read_as_what_it_is_called_is_named(ours: Config, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a = b")

    with pytest.raises(ValueError, match="line 1") as told:
        ours.from_file(name)
    assert told.value.__notes__ == [f"The configuration file is {str(tmp_path / name)!r}."]
