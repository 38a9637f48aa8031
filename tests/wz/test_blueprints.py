"""Blueprints. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wz
from wz import App, Blueprint
from wz.templates import Templates, context_processor, render_template

from ..client import validated
from .conftest import Web


def test_prefixes_add_up_and_names_are_dotted(web: Web) -> None:
    app = web.app()
    outer = web.Blueprint("outer", "tests.wz", url_prefix="/outer")
    inner = web.Blueprint("inner", "tests.wz", url_prefix="/inner")
    inner.add_url_rule("/<name>", "view", lambda name: {"endpoint": web.request.endpoint, "in": web.request.blueprints})
    outer.register_blueprint(inner)
    app.register_blueprint(outer, url_prefix="/api")

    assert web.client(app).get("/api/inner/x").json == {
        "endpoint": "outer.inner.view",
        "in": ["outer.inner", "outer"],
    }
    with app.test_request_context("/api/inner/x"):
        assert web.request.blueprint == "outer.inner"
        assert web.url_for(".view", name="y") == "/api/inner/y"
        assert web.url_for("outer.inner.view", name="y") == "/api/inner/y"
    assert set(app.blueprints) == {"outer", "outer.inner"}


@pytest.mark.parametrize(
    ("prefix", "rule", "path"),
    [
        pytest.param("/a", "/b", "/a/b", id="both have slashes"),
        pytest.param("/a/", "/b", "/a/b", id="one too many"),
        pytest.param("/a/", "b", "/a/b", id="the prefix has it"),
        pytest.param("/a", "/", "/a/", id="the root below a prefix"),
        pytest.param("/a", "", "/a", id="the prefix itself"),
        pytest.param("/<x>", "/b", "/1/b", id="a value in the prefix"),
        pytest.param("/", "/b", "/b", id="the root as a prefix"),
    ],
)
def test_how_a_prefix_is_joined(web: Web, prefix: str, rule: str, path: str) -> None:
    app = web.app()
    blueprint = web.Blueprint("bp", "tests.wz", url_prefix=prefix)
    blueprint.add_url_rule(rule, "view", lambda **_: "here")
    app.register_blueprint(blueprint)

    assert web.client(app).get(path).text == "here"


def test_hooks_of_nested_blueprints_enclose_each_other(web: Web) -> None:
    app = web.app()
    calls: Any = []
    outer = web.Blueprint("outer", "tests.wz")
    inner = web.Blueprint("inner", "tests.wz")

    def trace(scope: Any, name: str) -> None:
        scope.url_value_preprocessor(lambda endpoint, values: calls.append(f"values {name}"))
        scope.before_request(lambda: calls.append(f"before {name}"))
        scope.after_request(lambda response: calls.append(f"after {name}") or response)
        scope.teardown_request(lambda error: calls.append(f"teardown {name}"))

    for scope, name in [(inner, "inner"), (outer, "outer"), (app, "app")]:
        trace(scope, name)
    inner.add_url_rule("/", "view", lambda: "")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    web.client(app).get("/")

    assert calls == [
        *("values app", "values outer", "values inner"),
        *("before app", "before outer", "before inner"),
        *("after inner", "after outer", "after app"),
        *("teardown inner", "teardown outer", "teardown app"),
    ]


def test_the_innermost_error_handler_answers(web: Web) -> None:
    app = web.app()
    outer = web.Blueprint("outer", "tests.wz")
    inner = web.Blueprint("inner", "tests.wz")
    for scope, name in [(app, "app"), (outer, "outer"), (inner, "inner")]:
        scope.register_error_handler(KeyError, lambda exc, name=name: f"KeyError in {name}")
    outer.register_error_handler(404, lambda exc: "404 in outer")
    app.register_error_handler(404, lambda exc: "404 in app")
    inner.add_url_rule("/key", "key", lambda: {}["x"])
    inner.add_url_rule("/abort", "abort", lambda: web.abort(404))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = web.client(app)

    assert client.get("/key").text == "KeyError in inner"
    assert client.get("/abort").text == "404 in outer"
    assert client.get("/unmatched").text == "404 in app"


def test_one_blueprint_under_two_names(web: Web) -> None:
    app = web.app()
    blueprint = web.Blueprint("bp", "tests.wz")
    blueprint.before_request(lambda: setattr(web.g, "calls", web.g.get("calls", 0) + 1))
    blueprint.add_url_rule("/", "view", lambda: {"url": web.url_for(".view"), "calls": web.g.calls})
    app.register_blueprint(blueprint, url_prefix="/one")
    app.register_blueprint(blueprint, url_prefix="/two", name="second")
    with pytest.raises(ValueError, match="name"):
        app.register_blueprint(blueprint)
    client = web.client(app)

    assert client.get("/one/").json == {"url": "/one/", "calls": 1}
    assert client.get("/two/").json == {"url": "/two/", "calls": 1}


def test_one_child_in_two_parents(web: Web) -> None:
    app = web.app()
    child = web.Blueprint("child", "tests.wz")
    child.add_url_rule("/", "view", lambda: web.request.endpoint)
    for name in ("a", "b"):
        parent = web.Blueprint(name, "tests.wz", url_prefix=f"/{name}")
        parent.register_blueprint(child, url_prefix="/child")
        app.register_blueprint(parent)

    assert web.client(app).get("/a/child/").text == "a.child.view"
    assert web.client(app).get("/b/child/").text == "b.child.view"


def test_a_blueprint_has_its_subdomain(web: Web) -> None:
    app = web.app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    blueprint = web.Blueprint("bp", "tests.wz", subdomain="api")
    blueprint.add_url_rule("/", "view", lambda: "api")
    app.register_blueprint(blueprint)
    other = web.Blueprint("other", "tests.wz")
    other.add_url_rule("/", "view", lambda: "other")
    app.register_blueprint(other, subdomain="other")
    client = web.client(app)

    assert client.get("/", base_url="http://api.example.com").text == "api"
    assert client.get("/", base_url="http://other.example.com").text == "other"
    assert client.get("/", base_url="http://example.com").status_code == 404


def test_subdomains_of_nested_blueprints_add_up(web: Web) -> None:
    app = web.app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    outer = web.Blueprint("outer", "tests.wz", subdomain="outer")
    inner = web.Blueprint("inner", "tests.wz", subdomain="inner")
    inner.add_url_rule("/", "view", lambda: "here")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    assert web.client(app).get("/", base_url="http://inner.outer.example.com").text == "here"


def test_url_defaults_are_values_of_every_rule(web: Web) -> None:
    app = web.app()
    blueprint = web.Blueprint("bp", "tests.wz", url_defaults={"kind": "blueprint"})
    blueprint.add_url_rule("/", "view", lambda kind: kind)
    app.register_blueprint(blueprint, url_prefix="/a")
    app.register_blueprint(blueprint, url_prefix="/b", name="b", url_defaults={"kind": "registration"})
    client = web.client(app)

    assert (client.get("/a/").text, client.get("/b/").text) == ("blueprint", "registration")


def test_url_defaults_are_not_for_the_blueprints_inside(web: Web) -> None:
    app = web.app()
    outer = web.Blueprint("outer", "tests.wz", url_defaults={"kind": "outer"})
    inner = web.Blueprint("inner", "tests.wz")
    inner.add_url_rule("/", "view", lambda: "here")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    assert web.client(app).get("/").text == "here"


def test_url_hooks_of_a_blueprint_see_its_urls_only(web: Web) -> None:
    app = web.app()
    blueprint: Blueprint = web.Blueprint("bp", "tests.wz", url_prefix="/<language>")

    @blueprint.url_defaults
    def put(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("language", web.g.language)

    @blueprint.url_value_preprocessor
    def pull(endpoint: str | None, values: dict[str, Any] | None) -> None:
        web.g.language = (values or {}).pop("language", None)

    blueprint.add_url_rule("/view", "view", lambda: web.url_for(".view"))
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: web.url_for("index"))
    client = web.client(app)

    assert (client.get("/de/view").text, client.get("/").text) == ("/de/view", "/")


def test_what_a_blueprint_does_for_the_whole_app(web: Web) -> None:
    app = web.app()
    calls: Any = []
    blueprint = web.Blueprint("bp", "tests.wz")
    blueprint.before_app_request(lambda: calls.append("before"))
    blueprint.after_app_request(lambda response: calls.append("after") or response)
    blueprint.teardown_app_request(lambda error: calls.append("teardown"))
    blueprint.app_url_value_preprocessor(lambda endpoint, values: calls.append("values"))
    blueprint.app_url_defaults(lambda endpoint, values: values.update(q=1))
    blueprint.app_errorhandler(404)(lambda exc: "not here")
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: web.url_for("index"))
    client = web.client(app)

    assert client.get("/").text == "/?q=1"
    assert calls == ["values", "before", "after", "teardown"]
    assert client.get("/none").text == "not here"


def test_what_is_recorded_is_done_at_each_registration_or_once_for_an_app(web: Web) -> None:
    blueprint = web.Blueprint("bp", "tests.wz", url_prefix="/bp", url_defaults={"a": 1})
    seen: list[Any] = []
    once: list[Any] = []
    blueprint.record(seen.append)
    blueprint.record_once(lambda state: once.append(state.app))
    blueprint.record(lambda state: state.add_url_rule("/later", "later", lambda a: f"later {a}"))
    assert seen == []
    app, other = web.app(), web.app()

    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again", url_prefix="/again", url_defaults={"a": 2}, color="red")
    other.register_blueprint(blueprint)

    assert once == [app, other]
    assert [(state.app, state.blueprint, state.first_registration) for state in seen] == [
        (app, blueprint, True),
        (app, blueprint, False),
        (other, blueprint, True),
    ]
    first, second, _ = seen
    assert (first.name, first.url_prefix, first.subdomain, first.url_defaults, first.options) == (
        "bp",
        "/bp",
        None,
        {"a": 1},
        {},
    )
    assert (second.name, second.url_prefix, second.options["color"]) == ("again", "/again", "red")
    client = web.client(app)
    assert (client.get("/bp/later").text, client.get("/again/later").text) == ("later 1", "later 2")


def test_a_blueprint_may_do_more_when_it_is_registered(web: Web) -> None:
    class Counting(web.Blueprint):  # type: ignore[name-defined,misc]
        def register(self, app: Any, options: Any) -> None:
            super().register(app, options)
            app.extensions.setdefault("counted", []).append(dict(options))

        def make_setup_state(self, *args: Any, **kwargs: Any) -> Any:
            state = super().make_setup_state(*args, **kwargs)
            state.mark = "own"
            return state

    app, blueprint = web.app(), Counting("bp", "tests.wz")
    marks: list[str] = []
    blueprint.record(lambda state: marks.append(state.mark))
    app.register_blueprint(blueprint, url_prefix="/bp")

    assert (app.extensions["counted"], marks) == ([{"url_prefix": "/bp"}], ["own"])


def test_what_a_blueprint_does_for_the_whole_app_is_done_once(web: Web) -> None:
    app, blueprint = web.app(), web.Blueprint("bp", "tests.wz")
    calls: Any = []
    blueprint.before_app_request(lambda: calls.append("before"))
    blueprint.after_app_request(lambda response: calls.append("after") or response)
    blueprint.teardown_app_request(lambda error: calls.append("teardown"))
    blueprint.add_url_rule("/", "index", lambda: "index")
    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again", url_prefix="/again")

    web.client(app).get("/")

    assert calls == ["before", "after", "teardown"]


def test_the_endpoint_decorator_takes_the_whole_name(web: Web) -> None:
    app = web.app()
    blueprint = web.Blueprint("bp", "tests.wz")
    blueprint.add_url_rule("/", endpoint="view")
    blueprint.endpoint("bp.view")(lambda: "here")
    app.register_blueprint(blueprint)

    assert web.client(app).get("/").text == "here"


def test_a_view_that_the_app_gives_a_blueprint_s_endpoint_has_its_hooks(web: Web) -> None:
    app = web.app()
    app.endpoint("bp.view")(lambda: "view")
    blueprint = web.Blueprint("bp", "tests.wz")
    blueprint.before_request(lambda: "hook")
    blueprint.add_url_rule("/", endpoint="view")
    app.register_blueprint(blueprint)

    assert web.client(app).get("/").text == "hook"


def test_a_nested_blueprint_may_be_given_url_defaults(web: Web) -> None:
    app = web.app()
    outer = web.Blueprint("outer", "tests.wz")
    inner = web.Blueprint("inner", "tests.wz", url_defaults={"kind": "own"})
    inner.add_url_rule("/", "view", lambda kind: kind)
    outer.register_blueprint(inner, url_defaults={"kind": "given"})
    app.register_blueprint(outer)

    assert web.client(app).get("/").text == "given"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("", {}, id="no name"),
        pytest.param("a.b", {}, id="a dot in the name"),
        pytest.param("a", {"endpoint": "b.c"}, id="a dot in an endpoint"),
    ],
)
def test_names_without_dots(web: Web, name: str, options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"empty|dot|'\.'"):
        web.Blueprint(name, "tests.wz").add_url_rule("/", view_func=lambda: "", **options)


def test_a_blueprint_is_not_registered_on_itself(web: Web) -> None:
    blueprint = web.Blueprint("bp", "tests.wz")
    with pytest.raises(ValueError, match="itself"):
        blueprint.register_blueprint(blueprint)


def test_a_route_that_comes_too_late_is_told(web: Web) -> None:
    blueprint = web.Blueprint("bp", "tests.wz")
    web.app().register_blueprint(blueprint)

    # Flask's is an AssertionError.
    with pytest.raises(AssertionError, match="already"):
        blueprint.add_url_rule("/", "late", lambda: "")


def test_static_and_template_folders(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.txt").write_text("file")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "bp").mkdir()
    (tmp_path / "pages" / "bp" / "a.txt").write_text("page by {{ who }}, {{ url_for('.static', filename='a.txt') }}")
    (tmp_path / "templates").mkdir()
    app = App("test")
    Templates(app, tmp_path / "templates")
    blueprint = Blueprint(
        "bp",
        url_prefix="/bp",
        static_folder=str(tmp_path / "assets"),
        static_url_path="/files",
        template_folder=str(tmp_path / "pages"),
    )
    context_processor(blueprint)(lambda: {"who": "ann"})
    blueprint.add_url_rule("/", "page", lambda: render_template("bp/a.txt"))
    app.register(blueprint)
    client = validated(app)

    assert client.get("/bp/files/a.txt").text == "file"
    assert client.get("/bp/").text == "page by ann, /bp/files/a.txt"


def test_an_import_name_is_a_place_for_folders() -> None:
    assert Path(Blueprint("bp", "wz.app").root_path, "app.py").is_file()
    assert Blueprint("bp").root_path == str(Path.cwd()) or Path(Blueprint("bp").root_path).is_dir()


def test_register_is_flask_s_register_blueprint() -> None:
    assert wz.App.register is wz.App.register_blueprint
