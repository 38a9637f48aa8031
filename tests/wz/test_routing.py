"""What a router keeps: its hooks, in the order of their phases, and its routes as they were written."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import Any

import pytest
from werkzeug.routing import Rule

from wz import App, Blueprint
from wz.routing import Hooks, Phase, Router, RuleSpec
from wz.sessions import Sessions
from wz.signals import Signals

from ..client import validated
from .conftest import Web


def nothing() -> None: ...


@pytest.mark.parametrize("order", list(permutations(Phase)))
def test_hooks_are_in_the_order_of_their_phases(order: tuple[Phase, ...]) -> None:
    hooks = Hooks()
    for number in (1, 2):
        for phase in order:
            hooks.add(partial(lambda *said: said, phase.name, number), phase)

    assert [hook() for hook in hooks] == [(phase.name, number) for phase in Phase for number in (1, 2)]


def test_a_route_runs_hooks_that_are_added_after_it() -> None:
    said: list[str] = []

    def add_hooks(router: Router, place: str) -> None:
        def after(response: Any) -> Any:
            said.append(f"after {place}")
            return response

        router.url_value_preprocessor(lambda *_: said.append(f"value {place}"))
        router.before_request(lambda: said.append(f"before {place}"))
        router.after_request(after)
        router.teardown_request(lambda error: said.append(f"teardown {place}"))

    app, outer, inner = App("test"), Blueprint("outer"), Blueprint("inner")
    inner.add_url_rule("/", "index", lambda: "")
    for router, name in ((inner, "inner"), (outer, "outer")):
        add_hooks(router, f"{name} first")
        add_hooks(router, f"{name} last")
    outer.register_blueprint(inner)
    app.register(outer)
    add_hooks(app, "test first")
    add_hooks(app, "test last")

    validated(app).get("/")

    places = [f"{router} {name}" for router in ("test", "outer", "inner") for name in ("first", "last")]
    kinds = [f"{kind} {place}" for kind in ("value", "before") for place in places]
    assert said == [*kinds, *(f"{kind} {place}" for kind in ("after", "teardown") for place in reversed(places))]


@pytest.mark.parametrize("phase", [7, 0, "OUTER", None])
def test_what_is_no_phase_is_told_with_the_phases(phase: Any) -> None:
    with pytest.raises(TypeError, match=r"one of Phase\.OUTERMOST, Phase\.OUTER, Phase\.USUAL, not"):
        Hooks().add(nothing, phase)


def test_a_route_may_be_written_with_any_iterable_of_methods() -> None:
    app = App("test")
    app.add_rule(RuleSpec("/", "index", lambda: "hello", ["GET"], None, {}))

    assert validated(app).get("/").text == "hello"
    assert RuleSpec("/", "index", None, ["GET"], None, {}) == RuleSpec("/", "index", None, {"GET"}, None, {})
    with pytest.raises(TypeError, match="methods must be a list of strings"):
        RuleSpec("/", "index", None, "GET", None, {})


def test_one_text_is_no_list_of_methods(web: Web) -> None:
    def view() -> str:
        return ""

    with pytest.raises(TypeError, match="list of strings"):
        web.app().add_url_rule("/", view_func=view, methods="GET")
    view.methods = "GET"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="list of strings"):
        web.app().add_url_rule("/", view_func=view)


def test_a_rule_that_the_map_refuses_leaves_no_endpoint() -> None:
    app = App("test")
    app.add_url_rule("/there", "there", nothing)
    for endpoint in ("new", "there"):
        with pytest.raises(LookupError, match="nonsense"):
            app.add_url_rule("/<nonsense:x>", endpoint, nothing)

    assert "new" not in app.endpoints
    assert app.view_functions["there"] is nothing


@pytest.mark.parametrize("first", [Sessions, Signals])
def test_signals_are_outside_of_sessions_and_both_of_the_program_s_hooks(first: type[Sessions] | type[Signals]) -> None:
    app = App("test", config={"SECRET_KEY": "key"})
    app.after_request(lambda response: response)
    for extension in (Sessions, Signals) if first is Sessions else (Signals, Sessions):
        extension(app)

    kinds = [getattr(hook, "__self__", app) for hook in app.after_hooks]
    assert kinds == [app.extensions["signals"], app.extensions["sessions"], app]


def test_a_blueprint_keeps_its_routes_as_they_were_written() -> None:
    blueprint = Blueprint("shop", url_prefix="/shop")
    blueprint.add_url_rule("/<item>", "item", nothing, methods=["put"], strict_slashes=False)

    assert blueprint.rules == [
        RuleSpec("/<item>", "item", nothing, frozenset({"PUT"}), None, {"strict_slashes": False})
    ]
    for name in ("a", "b"):
        App("test").register(blueprint, name=name)
    assert blueprint.rules[0].rule == "/<item>"


def test_a_rule_is_werkzeug_s_and_carries_nothing_of_ours() -> None:
    app = App("test")
    app.add_url_rule("/", "index", lambda: "hello")
    app.url_map.update()
    (rule,) = app.url_map.iter_rules()
    expected = Rule("/", endpoint="index", methods=["GET", "OPTIONS"])
    app.url_map.add(expected)

    assert type(rule) is Rule
    assert vars(rule).keys() == vars(expected).keys()


def test_each_rule_of_an_endpoint_says_for_itself_who_answers_options() -> None:
    app = App("test")
    app.add_url_rule("/app", "view", view := lambda: "view", methods=["GET"])
    app.add_url_rule("/view", "view", view, methods=["GET", "OPTIONS"])
    client = validated(app)

    assert (client.options("/app").text, client.options("/app").headers["Allow"]) == ("", "GET, HEAD, OPTIONS")
    assert client.options("/view").text == "view"
