"""An app's parts as Flask's dicts of lists. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from typing import Any

import pytest

from wz import App, Request
from wz.registries import ViewFunctions

from .conftest import Web


def test_a_view_may_be_replaced_by_one_around_it(web: Web) -> None:
    app = web.app()

    @app.route("/<name>")
    @app.route("/", defaults={"name": "nobody"})
    def hello(name: str) -> str:
        return f"hello {name}"

    def loudly(name: str) -> str:
        return str(inner(name=name)).upper()

    inner: Any = app.view_functions["hello"]
    app.view_functions["hello"] = loudly

    client = web.client(app)
    assert (client.get("/ann").text, client.get("/").text) == ("HELLO ANN", "HELLO NOBODY")
    assert inner is hello
    assert dict(app.view_functions) == {"hello": loudly}


def test_a_rule_may_be_given_its_view_there(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", endpoint="index")
    assert "index" not in app.view_functions

    app.view_functions["index"] = lambda: "here"

    assert web.client(app).get("/").text == "here"
    assert ("index" in app.view_functions, len(app.view_functions), list(app.view_functions)) == (True, 1, ["index"])


def test_a_view_is_not_taken_away() -> None:
    app = App("test")
    app.get("/")(index)

    with pytest.raises(TypeError, match="'index' can't be taken away"):
        del app.view_functions["index"]
    assert repr(app.view_functions).startswith("<ViewFunctions {'index':")
    assert isinstance(app.view_functions, ViewFunctions)
    with pytest.raises(KeyError):
        app.view_functions["nowhere"]


def index() -> str:
    return "index"


def test_hooks_are_added_in_front_and_taken_away(web: Web) -> None:
    app, shop = web.app(), web.Blueprint("shop", "tests.wz", url_prefix="/shop")
    calls: Any = []

    def first() -> None:
        calls.append("first")

    def gone() -> None:
        calls.append("gone")

    app.before_request(lambda: calls.append("second"))
    app.before_request(gone)
    app.before_request_funcs.setdefault(None, []).insert(0, first)
    app.before_request_funcs[None].remove(gone)
    app.after_request_funcs[None].append(lambda response: calls.append("after") or response)
    app.teardown_request_funcs[None].append(lambda error: calls.append("teardown"))
    shop.before_request_funcs[None].append(lambda: calls.append("of shop"))
    for router in (app, shop):
        router.add_url_rule("/", "view", lambda: "here")
    app.register_blueprint(shop)

    web.client(app).get("/")
    assert calls == ["first", "second", "after", "teardown"]
    calls.clear()
    web.client(app).get("/shop/")
    assert calls == ["first", "second", "of shop", "after", "teardown"]
    assert app.before_request_funcs[None][0] is first
    assert first in app.before_request_funcs[None]
    assert app.before_request_funcs[None][:1] == [first]


def test_a_blueprint_s_hooks_are_there_by_its_name(web: Web) -> None:
    app, shop = web.app(), web.Blueprint("shop", "tests.wz")
    calls: list[Any] = []
    shop.before_request(lambda: calls.append("decorated"))
    shop.add_url_rule("/<name>", "view", lambda name: web.module.url_for(".view"))
    app.register_blueprint(shop)

    app.before_request_funcs["shop"].append(lambda: calls.append("added"))
    app.url_value_preprocessors.setdefault("shop", []).append(lambda endpoint, values: calls.append(values["name"]))
    app.url_default_functions.setdefault("shop", []).append(lambda endpoint, values: values.setdefault("name", "x"))

    assert web.client(app).get("/ann").text == "/x"
    assert calls == ["ann", "decorated", "added"]


def test_what_is_put_there_may_take_the_request() -> None:
    app = App("test")
    app.get("/")(index)
    seen: list[str] = []

    def note(request: Request) -> None:
        seen.append(request.path)

    async def later() -> None:
        seen.append("later")

    hooks: Any = app.before_request_funcs[None]
    hooks[:] = [note, later]
    assert list(hooks) == [note, later]
    hooks[1] = index  # answers
    hooks.append(later)
    assert app.test_client().get("/").text == "index"
    assert seen == ["/"]
    del hooks[1]
    app.test_client().get("/")
    assert seen == ["/", "/", "later"]
    assert (list(app.before_request_funcs), len(app.before_request_funcs)) == ([None], 1)
    with pytest.raises(KeyError):
        app.before_request_funcs["nowhere"]


def test_the_other_lists(web: Web) -> None:
    app, shop, more = web.app(), web.Blueprint("shop", "tests.wz"), web.Blueprint("more", "tests.wz")
    torn: list[Any] = []
    app.register_blueprint(more)
    app.register_blueprint(shop)
    app.teardown_appcontext_funcs.append(torn.append)
    app.shell_context_processors.append(dict)

    with app.app_context():
        pass

    assert torn == [None]
    assert app.shell_context_processors == [dict]
    assert list(app.iter_blueprints()) == [more, shop]


def test_context_processors_by_scope(web: Web) -> None:
    app, shop = web.app(), web.Blueprint("shop", "tests.wz", url_prefix="/shop")
    shop.context_processor(lambda: {"name": "of shop"})
    for router in (app, shop):
        router.add_url_rule("/", "view", lambda: web.render_template_string("{{ name }} {{ more }}"))
    app.template_context_processors[None].append(lambda: {"name": "of app", "more": "more"})
    app.register_blueprint(shop)

    client = web.client(app)
    assert (client.get("/").text, client.get("/shop/").text) == ("of app more", "of shop more")
    assert app.template_context_processors["shop"][-1]() == {"name": "of shop"}
