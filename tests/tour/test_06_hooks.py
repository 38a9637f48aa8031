"""Step 6: which hooks run, in which order, and what they know; with no hooks the framework does what step 5 did."""

from __future__ import annotations

import inspect
import logging
from importlib import import_module
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import BadRequest, MethodNotAllowed

from wz import App

from . import test_tour
from .answers import answered
from .blocks import held_to_the_pep
from .progress import cases
from .steps import run

ANN = "/boards/points/members/ann"


def fine(request: Any) -> dict[str, Any]:
    return {}


def refused(request: Any) -> int:
    return int("many")


def bug(request: Any) -> float:
    return 1 / 0


class Noted:
    """A program of a few views on the framework, and what its hooks were called with."""

    def __init__(self) -> None:
        self.app: Any = import_module("tiny").App({ValueError: BadRequest})
        self.calls: list[str] = []
        for name in "first", "second":
            self._hooks(name)
        for view in fine, refused, bug:
            self.app.route(f"/{view.__name__}", "GET")(view)
        self.client = held_to_the_pep(self.app)

    def _hooks(self, name: str) -> None:
        def before(request: Any) -> None:
            self.calls.append(f"before {name}")

        def after(request: Any, response: Any) -> Any:
            self.calls.append(f"after {name}: {response.status_code}")
            return response

        def teardown(request: Any, error: Exception | None) -> None:
            self.calls.append(f"teardown {name}: {type(error).__name__}")

        self.app.before(before)
        self.app.after(after)
        self.app.teardown(teardown)


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.mark.parametrize("framework", ["tiny_without_hooks", "tiny"])
def test_the_move_changes_nothing(framework: str) -> None:
    """Step 5's views pass, on the class, every test that they pass on step 5's functions."""
    passed = 0
    for case in cases():
        function = getattr(test_tour, case.function)
        if case.passes("05_errors") and list(inspect.signature(function).parameters) == ["step"]:
            step5 = run("05_errors")
            app = import_module(framework).App(step5["errors"])
            for rule in step5["url_map"].iter_rules():
                (method,) = rule.methods - {"HEAD"}
                app.route(rule.rule, method)(step5["views"][rule.endpoint])
            function(held_to_the_pep(app))
            passed += 1

    assert passed > 10


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        pytest.param("/fine", 200, "NoneType", id="an answer"),
        pytest.param("/nowhere", 404, "NoneType", id="a path that no rule has"),
        pytest.param("/refused", 400, "NoneType", id="an error that was expected"),
        pytest.param("/bug", 500, "ZeroDivisionError", id="a bug"),
    ],
)
def test_every_hook_runs_for_every_answer(noted: Noted, path: str, status: int, error: str) -> None:
    assert noted.client.get(path).status_code == status
    assert noted.calls == [
        "before first",
        "before second",
        f"after second: {status}",
        f"after first: {status}",
        f"teardown second: {error}",
        f"teardown first: {error}",
    ]


def test_a_before_hook_may_answer(noted: Noted) -> None:
    noted.app.before(lambda request: ({"from": "the hook"}, 503))
    noted.app.before(lambda request: noted.calls.append("one too many"))

    response = noted.client.get("/bug")

    assert (response.status_code, response.json) == (503, {"from": "the hook"})
    assert "one too many" not in noted.calls
    assert "after first: 503" in noted.calls


def test_a_before_hook_knows_what_was_matched() -> None:
    app: Any = import_module("tiny").App({})
    seen = []
    app.before(lambda request: seen.append((request.endpoint, request.view_args, request.failure)))

    def top(request: Any, board: str) -> dict[str, Any]:
        return {}

    app.route("/boards/<board>/top", "GET")(top)
    client = held_to_the_pep(app)

    client.get("/boards/points/top")
    client.post("/boards/points/top")

    assert seen[0] == ("top", {"board": "points"}, None)
    assert seen[1][:2] == (None, None)
    assert seen[1][2].code == 405


def test_the_program_s_hooks(caplog: pytest.LogCaptureFixture) -> None:
    names = run("06_hooks")
    client = held_to_the_pep(names["app"])
    with caplog.at_level(logging.INFO, "tour"):
        client.put(ANN, json={"score": 12.5})
        names["closed"].add("points")
        refused = client.put(ANN, json={"score": 20})

    assert refused.status_code == 409
    assert client.get(ANN).json["score"] == 12.5
    assert refused.headers["Cache-Control"] == client.get("/nowhere").headers["Cache-Control"] == "no-store"
    assert [record.getMessage().partition(" took")[0] for record in caplog.records] == ["put", "put"]


def test_an_id_by_two_hooks() -> None:
    test_tour.test_every_answer_has_the_request_s_id(answered("06_hooks", 1))


@pytest.mark.parametrize("careful", [False, True], ids=["as it is", "the answer to exercise 2"])
def test_an_after_hook_that_fails(careful: bool) -> None:
    module = answered("06_hooks", 2).module
    app = module["Careful" if careful else "App"]({})
    calls = []

    def fail(request: Any, response: Any) -> Any:
        calls.append(response.status_code)
        raise ZeroDivisionError

    app.after(fail)
    app.route("/fine", "GET")(fine)
    client = held_to_the_pep(app)
    if careful:
        assert client.get("/fine").status_code == 500
        assert calls == [200]
    else:
        with pytest.raises(ZeroDivisionError):
            client.get("/fine")
        assert calls == [200, 500]


def test_flask_runs_it_twice_too(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("hooks")
    calls = []

    def fail(response: Any) -> Any:
        calls.append(response.status_code)
        raise ZeroDivisionError

    app.after_request(fail)
    app.add_url_rule("/fine", view_func=lambda: {})

    assert app.test_client().get("/fine").status_code == 500
    assert calls == [200, 500]
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("framework", "request_of"), [(Flask, "flask:request"), (App, "wz:request")], ids=["Flask", "wz"]
)
def test_flask_and_wz_match_before_their_hooks_run(framework: Any, request_of: str) -> None:
    module, _, name = request_of.partition(":")
    current = getattr(import_module(module), name)
    app = framework("hooks")
    seen: list[Any] = []
    app.before_request(lambda: seen.append((current.endpoint, current.view_args, type(current.routing_exception))))
    app.add_url_rule("/boards/<board>/top", "top", lambda board: {}, methods=["GET"])

    app.test_client().get("/boards/points/top")
    app.test_client().post("/boards/points/top")

    assert seen == [("top", {"board": "points"}, type(None)), (None, None, MethodNotAllowed)]
