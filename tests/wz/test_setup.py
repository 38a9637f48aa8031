"""Set-up ends with the first request, that of a blueprint when it is registered. Tests with `web` run on Flask too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.routing import Rule

from wz import App, Blueprint
from wz.setup import SetupError
from wz.signals import Signals

from ..client import validated
from .conftest import Web


def hook(*args: Any) -> None: ...


OF_BOTH: dict[str, Callable[[Any], Any]] = {
    "route": lambda router: router.route("/late")(hook),
    "get": lambda router: router.get("/late")(hook),
    "add_url_rule": lambda router: router.add_url_rule("/late", "late", hook),
    "endpoint": lambda router: router.endpoint("late")(hook),
    "before_request": lambda router: router.before_request(hook),
    "after_request": lambda router: router.after_request(hook),
    "teardown_request": lambda router: router.teardown_request(hook),
    "url_value_preprocessor": lambda router: router.url_value_preprocessor(hook),
    "url_defaults": lambda router: router.url_defaults(hook),
    "errorhandler": lambda router: router.errorhandler(404)(hook),
    "register_error_handler": lambda router: router.register_error_handler(404, hook),
}
OF_AN_APP = OF_BOTH | {
    "teardown_appcontext": lambda app: app.teardown_appcontext(hook),
    "shell_context_processor": lambda app: app.shell_context_processor(hook),
}
OF_A_BLUEPRINT = OF_BOTH | {
    "before_app_request": lambda blueprint: blueprint.before_app_request(hook),
    "after_app_request": lambda blueprint: blueprint.after_app_request(hook),
    "teardown_app_request": lambda blueprint: blueprint.teardown_app_request(hook),
    "app_url_value_preprocessor": lambda blueprint: blueprint.app_url_value_preprocessor(hook),
    "app_url_defaults": lambda blueprint: blueprint.app_url_defaults(hook),
    "app_errorhandler": lambda blueprint: blueprint.app_errorhandler(404)(hook),
    "record": lambda blueprint: blueprint.record(hook),
    "record_once": lambda blueprint: blueprint.record_once(hook),
}


@pytest.mark.parametrize("method", OF_AN_APP)
def test_nothing_is_added_to_an_app_after_its_first_request(web: Web, method: str) -> None:
    app = web.app()
    app.add_url_rule("/", "index", lambda: "")
    web.client(app).get("/")

    with pytest.raises(AssertionError, match=r"setup method|comes too late"):
        OF_AN_APP[method](app)


@pytest.mark.parametrize("method", OF_A_BLUEPRINT)
def test_nothing_is_added_to_a_blueprint_after_its_registration(web: Web, method: str) -> None:
    app, blueprint = web.app(), web.Blueprint("shop", "tests.wz")
    app.register_blueprint(blueprint)

    with pytest.raises(AssertionError, match=r"setup method|comes too late"):
        OF_A_BLUEPRINT[method](blueprint)


def test_an_endpoint_has_one_view(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", "same", lambda: "")

    with pytest.raises(AssertionError, match="same"):
        app.add_url_rule("/b", "same", lambda: "")


def test_no_blueprint_is_registered_late(web: Web) -> None:
    app, inner, outer = web.app(), web.Blueprint("inner", "tests.wz"), web.Blueprint("outer", "tests.wz")
    app.register_blueprint(outer)
    web.client(app).get("/")

    for router in (app, outer):
        with pytest.raises(AssertionError, match=r"setup method|comes too late"):
            router.register_blueprint(inner)


def test_a_blueprint_may_be_registered_again_and_an_app_set_up_until_it_answers(web: Web) -> None:
    first, second, blueprint = web.app(), web.app(), web.Blueprint("shop", "tests.wz")
    blueprint.add_url_rule("/", "index", lambda: "shop")
    first.register_blueprint(blueprint)
    web.client(first).get("/")

    second.register_blueprint(blueprint, url_prefix="/a")
    with second.test_request_context("/a/"), second.app_context():
        second.register_blueprint(blueprint, url_prefix="/b", name="again")

    assert web.client(second).get("/b/").text == "shop"


def test_rules_may_still_be_added_to_the_map(web: Web) -> None:
    app = web.app()
    app.endpoint("late")(lambda: "late")
    client = web.client(app)
    assert client.get("/late").status_code == 404

    app.url_map.add(Rule("/late", endpoint="late"))
    assert client.get("/late").text == "late"


def test_the_error_says_what_comes_too_late_and_where_it_belongs() -> None:
    app, blueprint = App("shop"), Blueprint("boards")
    app.register(blueprint)
    validated(app).get("/")

    with pytest.raises(AssertionError) as told:
        app.before_request(hook)
    assert str(told.value) == (
        "before_request(hook) comes too late: the app 'shop' has had a request. Do it where the app is made, or not "
        "all workers would have it"
    )
    with pytest.raises(AssertionError, match=r"^add_url_rule\('/late'\) comes too late: the app 'shop'"):
        app.get("/late")(hook)
    with pytest.raises(AssertionError, match=r"^register\('boards'\) comes too late"):
        app.register(blueprint, name="again")
    with pytest.raises(AssertionError, match=r"^add_url_rule\('/late'\) comes too late: the blueprint 'boards' "):
        blueprint.get("/late")(hook)


def test_a_part_that_has_hooks_comes_too_late_as_well() -> None:
    app = App("shop")
    validated(app).get("/")

    with pytest.raises(SetupError, match=r"^Signals\(app\) comes too late: the app 'shop' has had a request"):
        Signals(app)


@pytest.mark.parametrize("router", [App("shop"), Blueprint("boards")])
def test_a_decorator_without_its_parentheses_is_told(router: Any) -> None:
    for decorator in (router.route, router.get, router.post):
        with pytest.raises(
            TypeError, match=r"the decorator of <function hook.*> takes its rule, as in @app.route\('/'\)"
        ):
            decorator(hook)
    with pytest.raises(TypeError, match=r"hook.* is neither a status code nor an exception class"):
        router.errorhandler(hook)
