"""`wz routes`: Flask's table, and everything as JSON."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from .conftest import CommandLine

PROGRAM = """\
from FRAMEWORK import App

def index(): ...
def item(n): ...

app = App("shop", OPTIONS)
app.add_url_rule("/", "index", index, methods=["POST", "GET"])
app.add_url_rule("/<int:n>", "item", item, methods=["DELETE"])
"""


def table(line: CommandLine, program: str, *args: str, options: str = "") -> list[list[str]]:
    """Return the cells of what `routes` prints; Flask's app has a rule for static files unless it is told otherwise."""
    options = ", ".join(filter(None, [options, "" if line.name == "wz" else "static_folder=None"]))
    line.write(app=program.replace("OPTIONS", options))
    result = CliRunner().invoke(line.main, ["--app", "app", "routes", *args])
    assert result.exit_code == 0, result.output
    return [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in result.output.splitlines()]


def test_a_table_by_endpoint(line: CommandLine) -> None:
    assert table(line, PROGRAM) == [
        ["Endpoint", "Methods", "Rule"],
        ["--------", "---------", "--------"],
        ["index", "GET, POST", "/"],
        ["item", "DELETE", "/<int:n>"],
    ]


@pytest.mark.parametrize(
    ("args", "first"),
    [
        (["--sort", "methods"], "item"),
        (["-s", "rule"], "index"),
        (["-s", "domain"], "index"),
        (["-s", "match"], "index"),
        (["-s", "endpoint"], "index"),
    ],
)
def test_it_is_sorted(line: CommandLine, args: list[str], first: str) -> None:
    assert table(line, PROGRAM, *args)[2][0] == first


def test_methods_that_come_by_themselves_are_shown_when_asked_for(line: CommandLine) -> None:
    assert [row[1] for row in table(line, PROGRAM, "--all-methods")[2:]] == [
        "GET, HEAD, OPTIONS, POST",
        "DELETE, OPTIONS",
    ]


@pytest.mark.parametrize(("kind", "title"), [("host", "Host"), ("subdomain", "Subdomain")])
def test_two_rules_of_one_path_have_their_domains_beside_them(line: CommandLine, kind: str, title: str) -> None:
    program = f"{PROGRAM}app.add_url_rule('/', 'api', index, {kind}='api')\n"
    rows = table(line, program, "--sort", "domain", options=f"{kind}_matching=True")

    assert rows[0] == ["Endpoint", "Methods", title, "Rule"]
    assert rows[-1] == ["api", "GET", "api", "/"]
    assert rows[2] == ["index", "GET, POST", "/"]


def test_without_routes_it_says_so(line: CommandLine) -> None:
    (words,) = table(line, "from FRAMEWORK import App\napp = App('shop', OPTIONS)\n")
    assert "routes" in words[0]


TYPED = """\
from decimal import Decimal
import msgspec
from wz import App, Blueprint

app = App("app")
shop = Blueprint("shop", url_prefix="/shop", url_defaults={"price": Decimal(1)})

class Page(msgspec.Struct):
    limit: int = 10

@shop.get("/<int(min=1):n>")
def item(n: int, price: Decimal, query: Page) -> list[int]:
    return [n]

app.register(shop)
"""


def test_json_has_all_that_is_known_of_a_route(line: CommandLine) -> None:
    if line.name == "flask":
        pytest.skip("Flask has a table only")
    line.write(app=TYPED)

    assert json.loads(CliRunner().invoke(line.main, ["--app", "app", "routes", "--json"]).stdout) == [
        {
            "rule": "/shop/<int(min=1):n>",
            "endpoint": "shop.item",
            "methods": ["GET", "HEAD", "OPTIONS"],
            "host": None,
            "subdomain": "",
            "defaults": {"price": "Decimal('1')"},
            "arguments": {"n": "int(min=1)"},
            "blueprint": "shop",
            "kind": "view",
            "handlers": {
                "GET": {
                    "view": "app.item",
                    "arguments": {"price": "decimal.Decimal", "query": "app.Page"},
                    "returns": "list[int]",
                }
            },
        }
    ]
