"""Cross-origin requests: what a browser, which follows the Fetch standard, needs to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wz import App, Blueprint, Problem, Request, Response
from wz.conditional import etag
from wz.cors import CORS
from wz.testing import Client

from ..client import validated

SHOP = "https://shop.example"
NAMES = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary")


def program(origins: str | list[str] = SHOP, **options: Any) -> Client:
    """Return the client of an app with routes of its own and of a blueprint; all that is the app's needs a token."""
    app, prices = App("shop"), Blueprint("prices", url_prefix="/prices")

    @app.before_request
    def check(request: Request) -> None:
        if request.path == "/orders" and "Authorization" not in request.headers:
            raise Problem(401, "no token")

    @app.put("/orders")
    def order() -> tuple[str, int]:
        return "", 201

    @app.get("/orders")
    @etag
    def orders() -> list[int]:
        return [1]

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("as the test wants")

    @app.get("/own")
    def own() -> Response:
        return Response("x", headers={"Access-Control-Allow-Origin": "*", "Vary": "Accept"})

    @prices.post("/<item>")
    def set_price(item: str) -> str:
        return item

    @app.delete("/prices/<item>")
    def forget(item: str) -> str:
        return item

    app.register(prices)
    if options.pop("only_prices", False):
        options["blueprints"] = [prices]
    CORS(app, origins, **options)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return validated(app)


def preflight(client: Client, path: str, origin: str = SHOP, method: str = "PUT", names: str = "authorization") -> Any:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
    return client.options(path, headers={"Origin": origin, **asked})


def told(answer: Any) -> dict[str, str]:
    """Return what an answer says of origins."""
    return {name: value for name, value in answer.headers.items() if name in NAMES or name.startswith("Access-")}


def test_a_preflight_is_answered_before_the_hook_that_wants_a_token() -> None:
    answer = preflight(program(), "/orders", names="authorization,brokerproperties, device_id")

    assert (answer.status_code, answer.data) == (204, b"")
    assert told(answer) == {
        "Access-Control-Allow-Origin": SHOP,
        "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS, PUT",
        "Access-Control-Allow-Headers": "authorization,brokerproperties, device_id",
        "Access-Control-Max-Age": "7200",
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers, Origin",
    }


@pytest.mark.parametrize(
    ("send", "status"),
    [
        pytest.param(lambda client, headers: client.put("/orders", headers=headers), 401, id="refused by a hook"),
        pytest.param(
            lambda client, headers: client.put("/orders", headers={**headers, "Authorization": "x"}), 201, id="done"
        ),
        pytest.param(lambda client, headers: client.get("/nowhere", headers=headers), 404, id="no route"),
        pytest.param(lambda client, headers: client.put("/broken", headers=headers), 405, id="no such method"),
        pytest.param(lambda client, headers: client.get("/broken", headers=headers), 500, id="a fault"),
        pytest.param(lambda client, headers: client.options("/orders", headers=headers), 401, id="no preflight"),
    ],
)
def test_each_answer_is_shown_to_the_page(send: Callable[..., Any], status: int) -> None:
    answer = send(program(expose_headers=["ETag", "Retry-After"]), {"Origin": SHOP})

    assert answer.status_code == status
    assert [answer.headers.get(name) for name in NAMES] == [SHOP, "ETag, Retry-After", "Origin"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_304_is_shown_as_well() -> None:
    client, headers = program(), {"Origin": SHOP, "Authorization": "x"}
    tag = client.get("/orders", headers=headers).headers["ETag"]
    answer = client.get("/orders", headers={**headers, "If-None-Match": tag})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (304, SHOP)


@pytest.mark.parametrize(
    "origin", ["https://shop.example.evil.example", "http://shop.example", "https://shop.example:444", "null", "*", ""]
)
def test_another_origin_changes_nothing(origin: str) -> None:
    """What it gets is what is answered without CORS, but for Vary."""
    client, plain = program(), validated(App("shop"))

    for answer in (preflight(client, "/own", origin), client.get("/nowhere", headers={"Origin": origin})):
        assert told(answer) == {"Vary": "Origin"}
    assert preflight(client, "/nowhere", origin).status_code == preflight(plain, "/nowhere", origin).status_code == 404


def test_what_a_cache_may_keep_says_that_it_depends_on_the_origin() -> None:
    assert program().get("/orders", headers={"Authorization": "x"}).headers["Vary"] == "Origin"
    assert "Vary" not in program("*").get("/orders", headers={"Authorization": "x"}).headers


def test_any_origin_may_be_allowed_without_naming_it() -> None:
    client = program("*")

    assert told(client.get("/nowhere", headers={"Origin": "null"})) == {"Access-Control-Allow-Origin": "*"}
    assert preflight(client, "/orders", "https://a.example").headers["Access-Control-Allow-Origin"] == "*"


def test_null_counts_if_it_is_named() -> None:
    client = program([SHOP, "null"])

    assert client.get("/nowhere", headers={"Origin": "null"}).headers["Access-Control-Allow-Origin"] == "null"


def test_the_routes_of_a_blueprint_alone() -> None:
    client = program(only_prices=True)

    assert preflight(client, "/prices/pen", method="POST").headers["Access-Control-Allow-Methods"] == "POST"
    assert "Access-Control-Allow-Origin" in client.post("/prices/pen", headers={"Origin": SHOP}).headers
    assert told(client.delete("/prices/pen", headers={"Origin": SHOP})) == {}  # the same path, another's route
    assert told(preflight(client, "/own")) == {}
    assert told(client.get("/own")) == {"Access-Control-Allow-Origin": "*", "Vary": "Accept"}  # the view's own
    assert "Access-Control-Allow-Origin" in client.get("/nowhere", headers={"Origin": SHOP}).headers


def test_a_view_keeps_a_header_of_its_own() -> None:
    assert told(program().get("/own", headers={"Origin": SHOP})) == {
        "Access-Control-Allow-Origin": "*",
        "Vary": "Accept, Origin",
    }


def test_headers_that_a_page_may_send() -> None:
    told_headers = "Access-Control-Allow-Headers"

    assert preflight(program(allow_headers=["X-A", "X-B"]), "/orders").headers[told_headers] == "X-A, X-B"
    assert told_headers not in preflight(program(), "/orders", names="a b").headers
    assert told_headers not in preflight(program(), "/orders", names="").headers


def test_a_path_without_routes_lets_the_page_see_its_404() -> None:
    answer = preflight(program(), "/nowhere", method="POST")

    assert (answer.status_code, "Access-Control-Allow-Methods" in answer.headers) == (204, False)


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example/", "https://Shop.example", "shop.example", "https://shop.example/a", "https://", "", "*.a"],
)
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin: write it as a browser does"):
        CORS(App("shop"), [origin])
