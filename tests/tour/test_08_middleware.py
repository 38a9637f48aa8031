"""Step 8: the same layers around applications that know nothing of them, and the order in which they are passed."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from .blocks import held_to_the_pep, run_block
from .steps import run

PAGE = "08_middleware"
TOP = "/boards/points/top"
FROM = {"REMOTE_ADDR": "127.0.0.1"}  # what the server says: the other end of the connection


@pytest.fixture
def layers() -> dict[str, Any]:
    return run("08_middleware")


@pytest.mark.parametrize("step", ["01_function", "05_errors", "06_hooks", "12_wz", "in_flask"])
def test_the_layers_wrap_any_application(layers: dict[str, Any], step: str) -> None:
    response = held_to_the_pep(layers["onion"](run(step)["app"])).get(TOP)

    assert response.json == {"board": "points", "members": []}
    assert response.headers["X-Request-ID"]
    assert response.headers["Server-Timing"].startswith("app;dur=")


def test_the_outermost_sees_the_request_first_and_the_answer_last(layers: dict[str, Any]) -> None:
    calls = []

    def noting(app: Any, name: str) -> Any:
        def layer(environ: dict[str, Any], start_response: Any) -> Any:
            def start(*args: Any) -> Any:
                calls.append(f"{name}: out")
                return start_response(*args)

            calls.append(f"{name}: in")
            return app(environ, start)

        return layer

    held_to_the_pep(noting(noting(run("05_errors")["app"], "inner"), "outer")).get(TOP)

    assert calls == ["outer: in", "inner: in", "inner: out", "outer: out"]


def test_a_refusal_of_a_layer_has_an_id(layers: dict[str, Any]) -> None:
    limited = run_block(PAGE, "def limited")["limited"]
    app = run("05_errors")
    client = held_to_the_pep(layers["onion"](limited(app["app"], 20)))

    refused = client.put("/boards/points/members/ann", json={"score": 12.5, "why": "because"})
    assert refused.status_code == 413
    assert refused.headers["X-Request-ID"]
    assert client.put("/boards/points/members/ann", json={"score": 12.5}).status_code == 200


@pytest.mark.parametrize(
    ("outermost", "address"), [("access_log", "127.0.0.1"), ("forwarded", "192.0.2.7")], ids=["outside", "inside"]
)
def test_what_a_layer_sees_depends_on_its_place(layers: dict[str, Any], outermost: str, address: str) -> None:
    lines: list[str] = []
    access_log = run_block(PAGE, "def access_log")["access_log"]
    app = layers["inside"]["app"]
    if outermost == "access_log":
        app = access_log(layers["forwarded"](app), lines.append)
    else:
        app = layers["forwarded"](access_log(app, lines.append))

    held_to_the_pep(app).get(TOP, headers={"X-Forwarded-For": "192.0.2.7"}, environ_overrides=FROM)

    assert lines == [f"{address} GET {TOP} 200"]


def test_without_a_proxy_the_layer_believes_the_client(layers: dict[str, Any]) -> None:
    """The reason for which nginx sets each of these headers itself."""
    lines: list[str] = []
    access_log = run_block(PAGE, "def access_log")["access_log"]
    app = layers["forwarded"](access_log(layers["inside"]["app"], lines.append))

    held_to_the_pep(app).get(TOP, headers={"X-Forwarded-For": "anybody"}, environ_overrides=FROM)

    assert lines == [f"anybody GET {TOP} 200"]


@pytest.mark.parametrize(("proxies", "address"), [(1, "192.0.2.7"), (2, "anybody")])
def test_with_too_many_proxies_the_client_s_word_is_taken(proxies: int, address: str) -> None:
    lines: list[str] = []
    access_log = run_block(PAGE, "def access_log")["access_log"]
    app = ProxyFix(access_log(run("05_errors")["app"], lines.append), x_for=proxies)

    appended = {"X-Forwarded-For": "anybody, 192.0.2.7"}  # by the one proxy that there is
    held_to_the_pep(app).get(TOP, headers=appended, environ_overrides=FROM)

    assert lines == [f"{address} GET {TOP} 200"]
