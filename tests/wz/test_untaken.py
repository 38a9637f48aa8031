"""What Flask has and wz has not is told, with the line of the program, when it is set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import Aborter, Gone
from werkzeug.routing import Map, Rule

from wz import App, Blueprint
from wz import untaken as module
from wz.config import UNTAKEN, Config
from wz.lazy import APP, BLUEPRINT, Lazy
from wz.routing import Map as OurMap
from wz.untaken import AppUntaken, BlueprintUntaken, UntakenWarning

from .conftest import Web
from .test_flask_parity_docs import flask_s_names

PAIRS = {"JSON_SORT_KEYS": False}


def set_by_item(config: Config, path: Path) -> None:
    config["JSON_SORT_KEYS"] = False


def set_by_object(config: Config, path: Path) -> None:
    config.from_object(type("Settings", (), PAIRS))


def set_by_mapping(config: Config, path: Path) -> None:
    config.from_mapping(PAIRS)


def set_by_file(config: Config, path: Path) -> None:
    config.from_file(path)


def set_by_update(config: Config, path: Path) -> None:
    config.update(PAIRS)


def set_by_default(config: Config, path: Path) -> None:
    config.setdefault("JSON_SORT_KEYS", False)


def set_by_constructor(config: Config, path: Path) -> None:
    config.update(App("test", config=PAIRS).config)


@pytest.mark.parametrize(
    "set_it",
    [set_by_item, set_by_object, set_by_mapping, set_by_file, set_by_update, set_by_default, set_by_constructor],
)
def test_a_setting_that_nothing_reads_warns_in_the_program_s_line(
    set_it: Callable[[Config, Path], None], tmp_path: Path
) -> None:
    config = App("test").config
    (tmp_path / "settings.json").write_text(json.dumps(PAIRS))

    with pytest.warns(
        UntakenWarning, match="the setting JSON_SORT_KEYS has no effect in wz: set app.json.sort_keys"
    ) as caught:
        set_it(config, tmp_path / "settings.json")

    assert {warning.filename for warning in caught} == {__file__}
    first = set_it.__code__.co_firstlineno
    assert {warning.lineno - first for warning in caught} == {1}
    assert config["JSON_SORT_KEYS"] is False


def test_settings_of_wz_and_of_the_program_do_not_warn() -> None:
    config = App("test").config

    for name, value in [*config.items(), ("SHOP_NAME", "Ann's")]:
        config[name] = value
    assert config.setdefault("SHOP_NAME", "other") == "Ann's"


def test_each_setting_of_flask_is_there_or_is_told() -> None:
    from wz.sessions import DEFAULT_CONFIG as OF_SESSIONS

    assert flask_s_names()["settings"] - App("test").config.keys() - OF_SESSIONS.keys() - UNTAKEN <= {"MAX_COOKIE_SIZE"}


def test_attributes_that_nothing_reads_warn_and_are_kept() -> None:
    app, shop = App("test"), Blueprint("shop")

    with pytest.warns(UntakenWarning, match=r"App.should_ignore_error has no effect in wz: override tear") as caught:
        app.should_ignore_error = list  # type: ignore[attr-defined]
    with pytest.warns(UntakenWarning, match=r"Blueprint.deferred_functions has no effect in wz: use record"):
        shop.deferred_functions = []  # type: ignore[attr-defined]

    assert caught[0].filename == __file__
    assert app.should_ignore_error is list  # type: ignore[attr-defined]
    del app.should_ignore_error  # type: ignore[attr-defined]
    assert not hasattr(app, "should_ignore_error")


def test_attributes_that_are_not_there_say_what_is() -> None:
    app = App("test")

    with pytest.raises(AttributeError, match=r"App has no error_handler_spec: add to router.error_handlers"):
        app.error_handler_spec  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match=r"App has no trap_http_exception: override handle_user"):
        app.trap_http_exception()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        app.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_a_method_that_nobody_calls_warns_where_its_class_is_made() -> None:
    with pytest.warns(UntakenWarning, match=r"Mine.make_response has no effect in wz: override finalize") as caught:

        class Mine(App):
            def make_response(self, value: Any) -> Any:
                return super().make_response(value)

    assert caught[0].filename == __file__
    assert "Mine.make_response" in str(caught[0].message)
    assert len(caught) == 1


def test_attributes_of_the_program_s_own_do_not_warn() -> None:
    class Mine(App):
        testing_answer = 42

        def dispatch(self, request: Any) -> Any:
            return super().dispatch(request)

    app: Any = Mine("test")
    app.my_thing = 1
    app.get_send_file_max_age = lambda filename: 5
    app.jinja_options = {"trim_blocks": True}
    app.extensions["mine"] = app
    assert (app.my_thing, app.get_send_file_max_age("x")) == (1, 5)


def test_classes_that_the_constructor_reads(web: Web) -> None:
    class Urls(OurMap if web.module.__name__ == "wz" else Map):  # type: ignore[misc]
        pass

    class Path(Rule):
        pass

    class Settings(web.Config if web.module.__name__ == "flask" else Config):  # type: ignore[misc]
        pass

    class Globals:
        name = "from the class"

    class Codes(Aborter):
        pass

    class Mine(web.App):  # type: ignore[name-defined, misc]
        url_map_class = Urls
        url_rule_class = Path
        config_class = Settings
        app_ctx_globals_class = Globals
        aborter_class = Codes
        default_config = {**web.App.default_config, "SHOP": "Ann's"}  # noqa: RUF012

    app = Mine("tests.wz", static_folder=None)
    app.add_url_rule("/<name>", "view", lambda name: web.g.name)

    assert web.client(app).get("/x").text == "from the class"
    assert [type(part) for part in (app.url_map, app.config, app.aborter)] == [Urls, Settings, Codes]
    assert [type(rule) for rule in app.url_map.iter_rules()] == [Path]
    assert app.config["SHOP"] == "Ann's"
    with app.app_context():
        assert web.g.name == "from the class"


def test_settings_may_be_made_another_way(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def make_config(self, instance_relative: bool = False) -> Any:
            config = super().make_config(instance_relative)
            config["MADE"] = instance_relative
            return config

    assert Mine("tests.wz", static_folder=None, instance_relative_config=True).config["MADE"] is True


def test_such_a_class_is_told_if_it_comes_too_late() -> None:
    app = App("test")

    with pytest.warns(UntakenWarning, match="App.url_map_class has no effect on an app that exists: set it in a sub"):
        app.url_map_class = OurMap
    with pytest.warns(UntakenWarning, match="App.config_class has no effect"):
        app.config_class = Config


def test_an_app_has_its_json_by_a_class(web: Web) -> None:
    provider: Any = type(web.app().json)

    class Provider(provider):  # type: ignore[misc]
        def __init__(self, app: App) -> None:
            super().__init__(app)
            self.of = app.import_name

    class Mine(web.App):  # type: ignore[name-defined, misc]
        json_provider_class = Provider

    assert Mine("tests.wz", static_folder=None).json.of == "tests.wz"


def test_codes_of_a_program_s_own(web: Web) -> None:
    class Teapot(Gone):
        code = 499
        description = "short and stout"

    app = web.app()
    app.aborter.mapping[499] = Teapot
    app.get("/", endpoint="function")(lambda: web.abort(499))
    app.get("/app", endpoint="app")(lambda: app.aborter(499))
    app.get("/gone", endpoint="gone")(lambda: web.abort(410, "over"))

    client = web.client(app)
    assert [client.get(path).status_code for path in ("/", "/app", "/gone")] == [499, 499, 410]
    with pytest.raises(LookupError):
        web.abort(499)  # no app is current


def test_an_app_has_a_name_that_may_be_set(web: Web) -> None:
    app = web.app()
    assert (app.name, repr(app)) == ("tests.wz", f"<{web.App.__name__} 'tests.wz'>")
    app.name = "shop"
    assert (repr(app), repr(web.Blueprint("part", "tests.wz"))) == (
        f"<{web.App.__name__} 'shop'>",
        "<Blueprint 'part'>",
    )


def test_redirects_and_responses_are_the_app_s(web: Web) -> None:
    class Response(web.Response):  # type: ignore[name-defined, misc]
        pass

    class Mine(web.App):  # type: ignore[name-defined, misc]
        response_class = Response

        def redirect(self, location: str, code: int = 303) -> Any:
            return super().redirect(location, code)

    app = Mine("tests.wz", static_folder=None)
    with app.test_request_context():
        assert type(web.redirect("/x")) is type(web.redirect("/x", 303, web.Response)) is Response
        assert app.redirect("/x").status_code == 303
        made = app.make_response(("text", 201, {"X-A": "b"}))
    assert (type(made), made.status_code, made.headers["X-A"], made.get_data()) == (Response, 201, "b", b"text")
    assert type(web.redirect("/x", Response=Response)) is Response  # where no app is current


# What is written twice is the same.


def test_the_tables_have_what_the_files_have() -> None:
    for table in (APP, BLUEPRINT):
        for place, names in table.items():
            for name in names.split():
                assert Lazy(place, name).found is not None
    assert set(APP["untaken:AppUntaken"].split()) == module.APP.keys() == names_of(AppUntaken)
    assert set(BLUEPRINT["untaken:BlueprintUntaken"].split()) == module.BLUEPRINT.keys() == names_of(BlueprintUntaken)
    assert module.SETTINGS.keys() == UNTAKEN


def test_no_public_name_of_such_a_file_is_forgotten() -> None:
    from wz.jinja import AppTemplates, BlueprintTemplates, RouterTemplates
    from wz.registries import AppRegistries, Registries
    from wz.resources import AppResources, Resources
    from wz.static import StaticFolder

    of_app: list[type] = [AppTemplates, RouterTemplates, AppRegistries, Registries, AppResources, StaticFolder]
    of_blueprint: list[type] = [BlueprintTemplates, RouterTemplates, Registries, Resources, StaticFolder]
    assert set().union(*map(names_of, of_app)) <= names_in(APP)
    assert set().union(*map(names_of, of_blueprint)) - {"record_once"} <= names_in(BLUEPRINT)


def names_of(cls: type) -> set[str]:
    return {name for name in vars(cls) if name[0] != "_"}


def names_in(table: dict[str, str]) -> set[str]:
    return {name for names in table.values() for name in names.split()}


def test_no_name_of_flask_s_is_silent() -> None:
    flask_s = flask_s_names()

    for owner, names, told in (
        (App, flask_s["Flask"], module.APP),
        (Blueprint, flask_s["Blueprint"], module.BLUEPRINT),
    ):
        there = {*dir(owner("shop")), *dir(owner)}
        assert names - there - told.keys() == set()
