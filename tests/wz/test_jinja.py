"""Flask's names of templates, on an app and a blueprint. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import jinja2
import pytest

from wz import App, Blueprint

from .conftest import Web


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def rendered(web: Web, app: App, source: str, **context: Any) -> str:
    with app.app_context():
        text: str = web.render_template_string(source, **context)
    return text


def shout(text: str) -> str:
    return f"{text}!"


def is_short(text: str) -> bool:
    return len(text) < 3


def test_an_app_s_functions(web: Web) -> None:
    app = web.app()
    app.template_filter()(shout)
    app.template_filter("loud")(shout)
    app.template_test()(is_short)
    app.template_test("short")(is_short)
    app.template_global()(shout)
    app.template_global("cry")(shout)
    app.add_template_filter(shout, "louder")
    app.add_template_test(is_short, "brief")
    app.add_template_global(shout, name="yell")

    assert rendered(web, app, "{{ 'a'|shout }}{{ 'b'|loud }}{{ 'c'|louder }}") == "a!b!c!"
    assert rendered(web, app, "{{ 'a' is is_short }}{{ 'abc' is short }}{{ 'b' is brief }}") == "TrueFalseTrue"
    assert rendered(web, app, "{{ shout('a') }}{{ cry('b') }}{{ yell('c') }}") == "a!b!c!"


def test_the_parentheses_may_be_left_out() -> None:
    web, app, shop = Web(__import__("wz")), App("test"), Blueprint("shop")

    @app.template_filter
    def whisper(text: str) -> str:
        return f"({text})"

    assert shop.app_template_filter(shout) is shout
    assert shop.app_template_test(is_short) is is_short
    assert shop.app_template_global(shout) is shout
    app.register(shop)
    assert rendered(web, app, "{{ 'a'|whisper }}{{ 'b'|shout }}{{ 'c' is is_short }}{{ shout('d') }}") == "(a)b!Trued!"


def test_a_blueprint_s_functions_are_the_app_s(web: Web) -> None:
    shop = web.Blueprint("shop", "tests.wz")
    shop.app_template_filter()(shout)
    shop.app_template_filter("loud")(shout)
    shop.app_template_test("short")(is_short)
    shop.app_template_global("cry")(shout)
    shop.add_app_template_filter(shout, "louder")
    shop.add_app_template_test(is_short, "brief")
    shop.add_app_template_global(shout, "yell")

    for _ in range(2):  # one blueprint in two apps
        app = web.app()
        app.register_blueprint(shop)
        text = rendered(
            web, app, "{{ 'a'|shout|loud|louder }}{{ 'a' is short }}{{ 'a' is brief }}{{ cry('b') }}{{ yell('c') }}"
        )
        assert text == "a!!!TrueTrueb!c!"


def test_context_processors_are_of_the_app_and_of_blueprints(web: Web) -> None:
    app = web.app()
    shop: Blueprint = web.Blueprint("shop", "tests.wz")
    inner: Blueprint = web.Blueprint("inner", "tests.wz")

    @app.context_processor
    def of_app() -> dict[str, str]:
        return dict.fromkeys("abcd", "app")

    @shop.context_processor
    def of_shop() -> dict[str, str]:
        return dict.fromkeys("bcd", "shop")

    @inner.context_processor
    async def of_inner() -> dict[str, str]:
        return dict.fromkeys("cd", "inner")

    @shop.app_context_processor
    def of_all() -> dict[str, str]:
        return {"e": "all"}

    def view() -> str:
        text: str = web.render_template_string("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }}", d="view")
        return text

    app.add_url_rule("/", "view", view)
    shop.add_url_rule("/shop", "view", view)
    if web.module.__name__ == "flask":  # its coroutines need another package
        inner.context_processor(lambda: dict.fromkeys("cd", "inner"))
        inner.template_context_processors[None].remove(of_inner)
    inner.add_url_rule("/inner", "view", view)
    shop.register_blueprint(inner)
    app.register_blueprint(shop)

    client = web.client(app)
    assert client.get("/").text == "app app app view all"
    assert client.get("/shop").text == "app shop shop view all"
    assert client.get("/inner").text == "app shop inner view all"


def test_a_context_may_be_made_by_hand(web: Web) -> None:
    app = web.app()
    app.context_processor(lambda: {"a": 1, "b": 1})
    context = {"b": 2}

    with app.app_context():
        app.update_template_context(context)

    assert (context["a"], context["b"]) == (1, 2)


def test_a_subclass_may_fill_the_context(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def update_template_context(self, context: dict[str, Any]) -> None:
            super().update_template_context(context)
            context["mine"] = "mine"

    assert rendered(web, Mine("tests.wz", static_folder=None), "{{ mine }}") == "mine"


def test_options_of_jinja(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        jinja_options = {**web.App.jinja_options, "variable_start_string": "<<", "variable_end_string": ">>"}  # noqa: RUF012

    app = web.app()
    app.jinja_options = {"trim_blocks": True, "extensions": ["jinja2.ext.do"]}
    text = rendered(web, app, "{% set a = [] %}\n{% do a.append(1) %}\n{{ a }}")

    assert text == "[1]"
    assert rendered(web, Mine("tests.wz", static_folder=None), "<< 1 >>{{ 2 }}") == "1{{ 2 }}"


def test_the_environment_is_one(web: Web) -> None:
    app = web.app()
    app.jinja_env.globals["name"] = "ann"
    app.jinja_env.filters["shout"] = shout
    app.jinja_env.add_extension("jinja2.ext.loopcontrols")
    app.jinja_env.trim_blocks = True

    assert rendered(web, app, "{{ name|shout }}{% for i in [1, 2] %}{{ i }}{% break %}{% endfor %}\n.") == "ann!1."
    assert app.jinja_env is app.jinja_env
    assert {"config", "g", "get_flashed_messages", "request", "session", "url_for"} <= app.jinja_env.globals.keys()


def test_the_environment_may_be_made_another_way(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def create_jinja_environment(self) -> jinja2.Environment:
            env: jinja2.Environment = super().create_jinja_environment()
            env.globals["mine"] = "mine"
            return env

        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return filename is None or filename.endswith(".txt") or super().select_jinja_autoescape(filename)

    app = Mine("tests.wz", static_folder=None)
    app.jinja_loader = jinja2.DictLoader(dict.fromkeys(("a.txt", "a.html", "a.md"), "{{ mine }}{{ '<' }}"))

    with app.app_context():
        found = [web.render_template(name) for name in ("a.txt", "a.html", "a.md")]
    assert found == ["mine&lt;", "mine&lt;", "mine<"]


def test_the_environment_may_be_of_another_class(web: Web) -> None:
    base: Any = web.App.jinja_environment

    class Environment(base):  # type: ignore[misc]
        def __init__(self, app: App, **options: Any) -> None:
            super().__init__(app, **options)
            self.globals["made_for"] = app.name

    class Mine(web.App):  # type: ignore[name-defined, misc]
        jinja_environment = Environment

    app = Mine("tests.wz", static_folder=None)
    assert rendered(web, app, "{{ made_for }}") == "tests.wz"
    assert app.jinja_env.app is app
    app.jinja_env = jinja2.Environment(variable_start_string="<<", variable_end_string=">>")
    assert rendered(web, app, "<< 1 >>") == "1"


def test_where_templates_are_found(web: Web, tmp_path: Path) -> None:
    app = web.app(root_path=str(tmp_path))
    shop = web.Blueprint("shop", "tests.wz", root_path=str(tmp_path), template_folder="of_shop")
    write(tmp_path / "templates", "a.html", "app")
    for name in ("a.html", "b.html"):
        write(tmp_path / "of_shop", name, "shop")
    app.register_blueprint(shop)
    app.register_blueprint(web.Blueprint("bare", "tests.wz"))

    with app.app_context():
        assert [web.render_template(name) for name in ("a.html", "b.html")] == ["app", "shop"]
        assert web.render_template(["none.html", "b.html"]) == "shop"
        with pytest.raises(jinja2.TemplateNotFound):
            web.render_template("none.html")
        with pytest.raises(jinja2.TemplatesNotFound):
            web.render_template(["none.html", "nor.html"])
    assert sorted(app.jinja_env.list_templates()) == ["a.html", "b.html"]


def test_the_folder_is_an_argument(web: Web, tmp_path: Path) -> None:
    write(tmp_path / "pages", "a.html", "page")
    app = web.app(root_path=str(tmp_path), template_folder="pages")
    none = web.app(root_path=str(tmp_path), template_folder=None)

    with app.app_context():
        assert web.render_template("a.html") == "page"
    with none.app_context(), pytest.raises(jinja2.TemplateNotFound):
        web.render_template("a.html")
    assert (app.template_folder, none.template_folder, none.jinja_loader) == ("pages", None, None)


def test_each_router_may_have_its_loader(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        @property
        def jinja_loader(self) -> jinja2.BaseLoader:
            return jinja2.DictLoader({"a": "of the app"})

    class Shop(web.Blueprint):  # type: ignore[name-defined, misc]
        jinja_loader = jinja2.DictLoader({"a": "of the shop", "b": "of the shop"})

    app = Mine("tests.wz", static_folder=None)
    app.register_blueprint(Shop("shop", "tests.wz"))

    with app.app_context():
        assert [web.render_template(name) for name in "ab"] == ["of the app", "of the shop"]


def test_one_loader_may_be_all(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def create_global_jinja_loader(self) -> jinja2.BaseLoader:
            return jinja2.ChoiceLoader([super().create_global_jinja_loader(), jinja2.DictLoader({"a": "last"})])

    with Mine("tests.wz", static_folder=None).app_context():
        assert web.render_template("a") == "last"


@pytest.mark.parametrize("setting", [None, True, False])
@pytest.mark.parametrize("debug", [True, False])
def test_the_environment_reloads_as_it_is_set(web: Web, tmp_path: Path, debug: bool, setting: bool | None) -> None:
    write(tmp_path / "templates", "a.html", "a")
    app = web.app(root_path=str(tmp_path))
    app.config.update(DEBUG=debug, TEMPLATES_AUTO_RELOAD=setting)

    assert app.jinja_env.auto_reload is (debug if setting is None else setting)
    app.jinja_env.auto_reload = True
    with app.app_context():
        web.render_template("a.html")
    assert app.jinja_env.auto_reload


def test_debug_reloads_also_when_it_is_set_later(web: Web, tmp_path: Path) -> None:
    write(tmp_path / "templates", "a.html", "a")
    app = web.app(root_path=str(tmp_path))
    assert not app.jinja_env.auto_reload

    app.debug = True
    with app.app_context():
        web.render_template("a.html")
    assert app.jinja_env.auto_reload


def test_json_with_an_indent(web: Web) -> None:
    assert rendered(web, web.app(), "{{ {'a': [1]}|tojson }}").replace(" ", "") == '{"a":[1]}'


def test_where_a_template_was_looked_for_is_logged(web: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = web.app(root_path=str(tmp_path))
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    write(tmp_path / "templates", "a.html", "a")
    write(tmp_path / "shop", "a.html", "a")
    write(tmp_path / "shop", "b.html", "b")
    app.register_blueprint(web.Blueprint("shop", "tests.wz", root_path=str(tmp_path), template_folder="shop"))
    more = web.Blueprint("more", "tests.wz")
    more.jinja_loader = jinja2.DictLoader({})
    app.register_blueprint(more)

    with caplog.at_level(logging.INFO, logger=app.logger.name), app.app_context():
        web.render_template("a.html")
        web.render_template("b.html")
        with pytest.raises(jinja2.TemplateNotFound):
            web.render_template("c.html")
    twice, once, never = (record.getMessage() for record in caplog.records)

    assert twice.startswith("Locating template 'a.html':\n")
    assert twice.endswith("Warning: multiple loaders returned a match for the template.")
    for line in (
        "class: jinja2.loaders.FileSystemLoader",
        "encoding: 'utf-8'",
        "searchpath:",
        f"  - {tmp_path / 'templates'}",
        f"-> found ({str(tmp_path / 'templates' / 'a.html')!r})",
        "class: jinja2.loaders.DictLoader",
        "-> no match",
    ):
        assert f"       {line}" in twice
    assert "Warning" not in once
    assert never.endswith("Error: the template could not be found.")


def test_what_a_program_renders_needs_no_line_where_the_app_is_made(tmp_path: Path) -> None:
    from wz.templates import render_template

    write(tmp_path / "templates", "a.html", "{{ a }}")
    app = App("test", root_path=tmp_path)
    app.add_url_rule("/", "view", lambda: render_template("a.html", a="here"))

    assert app.test_client().get("/").text == "here"


def test_functions_that_come_after_the_first_request_are_refused(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: "here")
    web.client(app).get("/")

    for late in (
        lambda: app.add_template_filter(shout),
        lambda: app.template_test()(is_short),
        lambda: app.context_processor(dict),
    ):
        with pytest.raises(AssertionError):
            late()
