"""Routes as data: `app.routes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from werkzeug.routing import Rule

from wz import App, Blueprint, Request
from wz.routes import RouteRow
from wz.views import MethodView

if TYPE_CHECKING:
    from nowhere import Unreadable


class Page(msgspec.Struct):
    limit: int = 10


class Item(msgspec.Struct):
    name: str


def row_of(app: App, rule: str) -> RouteRow:
    (row,) = (row for row in app.routes if row.rule == rule)
    return row


def test_each_rule_is_a_row() -> None:
    app = App("test")
    shop = Blueprint("shop", url_prefix="/shop", url_defaults={"lang": "en"})

    @shop.post("/<int(min=1):n>/<path:rest>/<name>", endpoint="order")
    def order(request: Request, n: int, rest: str, name: str, lang: str, body: Item) -> list[Item]:
        return [body]

    app.register(shop)
    (row,) = app.routes

    assert (row.rule, row.endpoint) == ("/shop/<int(min=1):n>/<path:rest>/<name>", "shop.order")
    assert (row.methods, row.blueprint, row.kind) == (("OPTIONS", "POST"), "shop", "view")
    assert (row.host, row.subdomain, row.domain) == (None, "", "")
    assert row.defaults == {"lang": "en"}
    assert {name: value.said for name, value in row.arguments.items()} == {
        "n": "int(min=1)",
        "rest": "path",
        "name": "default",
    }
    assert row.view is order
    assert row.arguments["n"].converter.to_python("7") == 7
    function, parameters, returns = row.handler("POST")
    assert (function, returns) == (order, list[Item])
    assert parameters == {"n": int, "rest": str, "name": str, "lang": str, "body": Item}


def test_a_row_as_json() -> None:
    app = App("test")

    @app.get("/items/<uuid:key>")
    def items(key: str, query: Page) -> list[Item]:
        return []

    (row,) = app.routes
    assert msgspec.json.decode(app.json.dumps(row.as_dict())) == {
        "rule": "/items/<uuid:key>",
        "endpoint": "items",
        "methods": ["GET", "HEAD", "OPTIONS"],
        "host": None,
        "subdomain": "",
        "defaults": {},
        "arguments": {"key": "uuid"},
        "blueprint": None,
        "kind": "view",
        "handlers": {
            "GET": {
                "view": "tests.wz.test_routes.test_a_row_as_json.<locals>.items",
                "arguments": {"query": "tests.wz.test_routes.Page"},
                "returns": "list[tests.wz.test_routes.Item]",
            }
        },
    }


def test_a_method_view_has_a_handler_for_each_method() -> None:
    class Items(MethodView):
        def get(self, query: Page) -> str:
            return ""

        def post(self, body: Item) -> Item:
            return body

    app = App("test")
    app.add_url_rule("/items", view_func=Items.as_view("items"))
    (row,) = app.routes

    assert row.handler("POST").function is Items.post
    assert row.handler("GET").parameters["query"] is Page
    handlers = row.as_dict()["handlers"]
    assert {method: handler["arguments"] for method, handler in handlers.items()} == {
        "GET": {"query": "tests.wz.test_routes.Page"},
        "POST": {"body": "tests.wz.test_routes.Item"},
    }


def test_a_type_that_can_not_be_read_is_shown_as_it_is_written() -> None:
    app = App("test")

    @app.get("/<name>")
    def unreadable(name: str) -> Unreadable:
        return name

    (row,) = app.routes
    assert row.as_dict()["handlers"]["GET"]["returns"] == "Unreadable"
    with pytest.raises(TypeError, match="the type 'Unreadable' can't be read"):
        row.handler("GET")


def test_rows_of_rules_that_no_view_answers() -> None:
    app = App("test")
    app.add_url_rule("/old", "view", lambda: "", redirect_to="new")
    app.add_url_rule("/also", "view", alias=True)
    app.add_url_rule("/live", "view", websocket=True)
    app.url_map.add(Rule("/only", endpoint="built", build_only=True))
    app.add_url_rule("/later", "later")

    assert {row.rule: (row.kind, row.as_dict()["handlers"]) for row in app.routes if row.rule != "/later"} == {
        "/old": ("redirect", {}),
        "/also": ("alias", {}),
        "/live": ("websocket", {}),
        "/only": ("build only", {}),
    }
    assert row_of(app, "/only").methods is None
    assert (row_of(app, "/later").view, row_of(app, "/later").kind) == (None, "view")
    with pytest.raises(TypeError, match="the endpoint 'later' has no view"):
        row_of(app, "/later").handler("GET")


def test_hosts_and_subdomains_and_the_values_in_them() -> None:
    hosts = App("hosts", host_matching=True)
    hosts.add_url_rule("/", "index", lambda site: site, host="<site>.example.com")
    row = row_of(hosts, "/")
    assert (row.host, row.subdomain, row.domain) == ("<site>.example.com", None, "<site>.example.com")
    assert not row.arguments["site"].in_path

    domains = App("domains", subdomain_matching=True, config={"SERVER_NAME": "example.com"})
    domains.add_url_rule("/", "index", lambda: "", subdomain="api")
    row = row_of(domains, "/")
    assert (row.host, row.subdomain, row.domain) == (None, "api", "api")


def test_the_table_is_made_of_the_map_each_time() -> None:
    app = App("test")
    assert list(app.routes) == []

    app.url_map.add(Rule("/x", endpoint="x", methods=["GET"]))
    assert [row.rule for row in app.routes] == ["/x"]
