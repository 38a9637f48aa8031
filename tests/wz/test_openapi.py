from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest
import schemathesis
from werkzeug.datastructures import FileStorage

from wz import App, Blueprint, Request, Response
from wz.conditional import etag
from wz.openapi import Content, OpenAPI, operation
from wz.static import Static

from ..client import validated

if TYPE_CHECKING:
    from nowhere import Missing


class Order(StrEnum):
    ASC = "asc"
    DESC = "desc"


class Price(msgspec.Struct):
    amount: Decimal


class Item(msgspec.Struct):
    """One thing on the list."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    price: Price
    tags: list[str] = []


class Page(msgspec.Struct, rename={"first": "from"}):
    first: Annotated[int, msgspec.Meta(ge=0, description="Counts from 0")]
    order: Order = Order.ASC


def document(app: App, **options: Any) -> dict[str, Any]:
    """Serve the app's document, and return it once schemathesis has found it valid."""
    OpenAPI(app, title="test", **options)
    answer = validated(app).get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found = dict(answer.json or {})
    schemathesis.openapi.from_dict(found).validate()
    return found


def only_operation(app: App, **options: Any) -> dict[str, Any]:
    (path,) = document(app, **options)["paths"].values()
    (found,) = path.values()
    return dict(found)


@pytest.mark.parametrize(
    ("rule", "schema"),
    [
        pytest.param("<v>", {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}, id="string"),
        pytest.param(
            "<string(minlength=2, maxlength=4):v>",
            {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[^/]+$"},
            id="string of some length",
        ),
        pytest.param(
            "<string(length=2):v>",
            {"type": "string", "minLength": 2, "maxLength": 2, "pattern": "^[^/]+$"},
            id="string of one length",
        ),
        pytest.param("<path:v>", {"type": "string", "minLength": 1}, id="path"),
        pytest.param("<int:v>", {"type": "integer", "minimum": 0}, id="int"),
        pytest.param("<int(min=3, max=9):v>", {"type": "integer", "minimum": 3, "maximum": 9}, id="int in a range"),
        pytest.param("<int(signed=True):v>", {"type": "integer"}, id="signed int"),
        pytest.param("<float:v>", {"type": "number", "minimum": 0}, id="float"),
        pytest.param("<uuid:v>", {"type": "string", "format": "uuid"}, id="uuid"),
        pytest.param("<any(b, a, 'c d'):v>", {"type": "string", "enum": ["a", "b", "c d"]}, id="any"),
    ],
)
def test_a_converter_says_what_a_url_value_is(rule: str, schema: dict[str, Any]) -> None:
    app = App("test")
    app.add_url_rule(f"/a/{rule}/b", "view", lambda v: "")

    found = document(app)["paths"]["/a/{v}/b"]["get"]

    assert found["parameters"] == [{"name": "v", "in": "path", "required": True, "schema": schema}]
    assert list(found["responses"]) == ["200", "404"]


def test_an_annotated_url_value_says_more_than_its_converter() -> None:
    app = App("test")

    @app.get("/<code>")
    def view(code: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", description="An ISO code")]) -> str:
        return code

    assert only_operation(app)["parameters"] == [
        {
            "name": "code",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[a-z]+$", "description": "An ISO code"},
            "description": "An ISO code",
        }
    ]


def test_a_docstring_is_summary_and_description() -> None:
    app = App("test")
    items = Blueprint("items", url_prefix="/items")

    @items.get("/")
    def listing() -> str:
        """List the items.

        Newest first.
        """
        return ""

    app.register(items)
    found = only_operation(app)

    assert (found["summary"], found["description"]) == ("List the items.", "Newest first.")
    assert (found["operationId"], found["tags"]) == ("items.listing", ["items"])


def test_operation_ids_are_unique() -> None:
    app = App("test")
    app.add_url_rule("/a", "view", view := lambda: "", methods=["GET", "POST"])
    app.add_url_rule("/b", "view", view, methods=["POST"])

    ids = [one["operationId"] for path in document(app)["paths"].values() for one in path.values()]

    assert ids == ["view", "view.post", "view.post2"]


class Upload(msgspec.Struct):
    title: str
    cover: FileStorage | None = None


class Scan(msgspec.Struct):
    pages: list[FileStorage]
    first: FileStorage


class Conditions(msgspec.Struct):
    if_match: str
    x_batch: Annotated[int, msgspec.Meta(ge=1, description="Rows at once")] = 5


FILE = {"type": "string", "format": "binary"}


def test_a_304_has_no_body() -> None:
    app = App("test")

    @app.get("/")
    @etag
    def view() -> tuple[Item, dict[str, str]]:
        raise NotImplementedError

    operation = only_operation(app)

    assert operation["responses"]["304"] == {"description": "the client has this answer already"}
    assert operation["responses"]["200"]["content"].keys() == {"application/json"}
    assert [parameter["name"] for parameter in operation["parameters"]] == ["If-None-Match"]


def test_a_form_struct_is_the_request_body_in_both_media_types() -> None:
    app = App("test", config={"MAX_CONTENT_LENGTH": 1000})

    @app.post("/")
    def view(form: Upload) -> str:
        return ""

    found = document(app)
    operation = found["paths"]["/"]["post"]

    body = {"schema": {"$ref": "#/components/schemas/Upload"}}
    assert operation["requestBody"] == {
        "required": True,
        "content": {"application/x-www-form-urlencoded": body, "multipart/form-data": body},
    }
    properties = found["components"]["schemas"]["Upload"]["properties"]
    assert properties["cover"]["anyOf"] == [FILE, {"type": "null"}]
    assert {"413", "415", "422"} < operation["responses"].keys()
    assert "400" not in operation["responses"]


def test_a_form_with_a_file_that_must_be_there_is_multipart() -> None:
    app = App("test")

    @app.post("/")
    def view(form: Scan) -> str:
        return ""

    found = document(app)

    assert found["paths"]["/"]["post"]["requestBody"]["content"].keys() == {"multipart/form-data"}
    assert found["components"]["schemas"]["Scan"]["properties"]["pages"] == {"type": "array", "items": FILE}


def test_a_headers_struct_is_header_parameters() -> None:
    app = App("test")

    @app.put("/")
    def view(headers: Conditions) -> str:
        return ""

    operation = only_operation(app)

    assert operation["parameters"] == [
        {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}},
        {
            "name": "X-Batch",
            "in": "header",
            "required": False,
            "description": "Rows at once",
            "schema": {"type": "integer", "minimum": 1, "description": "Rows at once", "default": 5},
        },
    ]
    assert "422" in operation["responses"]
    assert "requestBody" not in operation


def test_a_query_struct_is_parameters() -> None:
    app = App("test")

    @app.get("/")
    def view(query: Page) -> str:
        return ""

    found = document(app)

    assert found["paths"]["/"]["get"]["parameters"] == [
        {
            "name": "from",
            "in": "query",
            "required": True,
            "schema": {"type": "integer", "minimum": 0, "description": "Counts from 0"},
            "description": "Counts from 0",
        },
        {
            "name": "order",
            "in": "query",
            "required": False,
            "schema": {"$ref": "#/components/schemas/Order", "default": "asc"},
        },
    ]
    assert found["components"]["schemas"]["Order"]["enum"] == ["asc", "desc"]
    assert list(found["paths"]["/"]["get"]["responses"]) == ["200", "422"]


def test_a_body_struct_is_the_request_body() -> None:
    app = App("test", config={"MAX_CONTENT_LENGTH": 1000})

    @app.post("/<shop>")
    def create(request: Request, shop: str, body: Item) -> tuple[Item, Literal[201]]:
        return body, 201

    found = only_operation(app)

    reference = {"schema": {"$ref": "#/components/schemas/ItemInput"}}
    assert found["requestBody"] == {"content": {"application/json": reference}, "required": True}
    assert list(found["responses"]) == ["201", "400", "404", "413", "415", "422"]


def test_a_decimal_is_a_number_and_may_be_sent_as_a_string() -> None:
    app = App("test")

    @app.put("/")
    def view(body: Item) -> Item:
        return body

    schemas = document(app)["components"]["schemas"]

    assert schemas["Price"]["properties"]["amount"] == {"type": "number"}
    assert schemas["PriceInput"]["properties"]["amount"]["type"] == ["number", "string"]
    assert schemas["Item"]["properties"]["price"] == {"$ref": "#/components/schemas/Price"}
    assert schemas["ItemInput"]["properties"]["price"] == {"$ref": "#/components/schemas/PriceInput"}
    assert schemas["Item"]["description"] == "One thing on the list."


@pytest.mark.parametrize(
    ("annotation", "content"),
    [
        pytest.param(str, {"text/html": {"schema": {"type": "string"}}}, id="str"),
        pytest.param(Iterator[bytes], {"text/html": {"schema": {"type": "string"}}}, id="a stream"),
        pytest.param(
            dict[str, int],
            {"application/json": {"schema": {"type": "object", "additionalProperties": {"type": "integer"}}}},
            id="dict",
        ),
        pytest.param(
            list[Price],
            {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Price"}}}},
            id="list of Structs",
        ),
        pytest.param(Price, {"application/json": {"schema": {"$ref": "#/components/schemas/Price"}}}, id="Struct"),
        pytest.param(
            Price | Response,
            {"application/json": {"schema": {"$ref": "#/components/schemas/Price"}}},
            id="Struct or Response",
        ),
        pytest.param(
            Price | Item | Response,
            {
                "application/json": {
                    "schema": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Price", "Item")]}
                }
            },
            id="one of two Structs, or Response",
        ),
        pytest.param(Response, None, id="Response"),
        pytest.param(Any, None, id="Any"),
    ],
)
def test_the_return_annotation_is_the_answer(annotation: Any, content: dict[str, Any] | None) -> None:
    app = App("test")

    def view() -> Any: ...

    view.__annotations__["return"] = annotation
    app.add_url_rule("/", view_func=view)

    (answer,) = only_operation(app)["responses"].values()

    assert answer == {"description": "OK"} | ({"content": content} if content else {})


def test_an_operation_says_what_its_signature_can_not() -> None:
    app = App("test")

    @app.post("/")
    @operation(
        body={"text/csv": str, "*/*": bytes},
        headers={"X-Unit": Literal["g", "kg"]},
        responses={
            204: Content("stored", headers={"X-Weight": "what it weighs"}),
            206: Content("part of it", str, "text/csv"),
            409: "it is there already",
        },
    )
    def view(request: Request) -> Response:
        return Response(status=204)

    found = only_operation(app)

    assert found["requestBody"] == {"content": {"text/csv": {"schema": {"type": "string"}}, "*/*": {}}}
    assert found["parameters"] == [{"name": "X-Unit", "in": "header", "schema": {"enum": ["g", "kg"]}}]
    assert found["responses"] == {
        "204": {
            "description": "stored",
            "headers": {"X-Weight": {"description": "what it weighs", "schema": {"type": "string"}}},
        },
        "206": {"description": "part of it", "content": {"text/csv": {"schema": {"type": "string"}}}},
        "409": {
            "description": "it is there already",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        },
    }


def test_an_app_may_say_what_its_decimals_are_in_answers() -> None:
    app = App("test")

    @app.put("/")
    def view(body: Price) -> Item:
        return Item("", body)

    schemas = document(app, decimal={"type": ["number", "string"]})["components"]["schemas"]

    assert schemas["Price"]["properties"]["amount"] == {"type": ["number", "string"]}
    assert schemas["PriceInput"]["properties"]["amount"]["pattern"]


def test_what_a_hook_says_holds_for_all_that_it_runs_before() -> None:
    app = App("test")
    inner = Blueprint("inner", url_prefix="/inner")

    @inner.before_request
    @operation(security="key", roles=lambda method, view: [method, view.__name__], responses={401: "no key"})
    def check(request: Request) -> None: ...

    def view() -> str:
        return ""

    inner.add_url_rule("/", "view", view)
    app.add_url_rule("/", "open", lambda: "")
    app.register(inner)
    found = document(app, security_schemes={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}})

    assert found["paths"]["/inner/"]["get"]["security"] == [{"key": ["GET", "view"]}]
    assert list(found["paths"]["/inner/"]["get"]["responses"]) == ["200", "401"]
    assert "security" not in found["paths"]["/"]["get"]
    assert list(found["paths"]["/"]["get"]["responses"]) == ["200"]


def test_only_what_a_client_may_ask_for_is_documented() -> None:
    app = App("test")
    app.add_url_rule("/hidden", "hidden", operation(hidden=True)(lambda: ""))
    app.add_url_rule("/build", "build", lambda: "", build_only=True)
    app.add_url_rule("/shown", "shown", lambda: "", methods=["GET", "POST"])

    assert {path: list(methods) for path, methods in document(app)["paths"].items()} == {"/shown": ["get", "post"]}


def test_files_are_not_documented_and_a_view_called_static_is(tmp_path: Path) -> None:
    app = App("test")
    Static(app, tmp_path, "/files", endpoint="files")
    app.add_url_rule("/static", "static", lambda: "")

    assert list(document(app)["paths"]) == ["/static"]


def test_routes_may_be_added_after_the_document_is_installed() -> None:
    app = App("test")
    OpenAPI(app, title="test")
    app.add_url_rule("/late", "late", lambda: "")

    assert list(validated(app).get("/openapi.json").json["paths"]) == ["/late"]


def test_the_document_is_revalidated_by_its_etag() -> None:
    app = App("test")
    OpenAPI(app, title="test")
    client = validated(app)
    etag = client.get("/openapi.json").headers["ETag"]

    answer = client.get("/openapi.json", headers={"If-None-Match": etag})

    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)


def test_a_return_type_that_can_not_be_read_is_told() -> None:
    app = App("test")

    @app.get("/")
    def view() -> Missing: ...

    with pytest.raises(TypeError, match=r"view: the type 'Missing' can't be read: .*TYPE_CHECKING"):
        _ = OpenAPI(app, title="test").document


def test_the_docs_page_takes_everything_from_this_server() -> None:
    app = App("test")
    OpenAPI(app, title="<test>")
    client = validated(app)

    page = client.get("/docs")

    assert "&lt;test&gt;" in page.text
    assert "http" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    for name, mimetype in {
        "swagger-ui.css": "text/css",
        "swagger-ui-bundle.js": "text/javascript",
        "start.js": "text/javascript",
        "favicon-32x32.png": "image/png",
    }.items():
        assert f"/docs/{name}" in page.text
        assert client.get(f"/docs/{name}").mimetype == mimetype
    assert client.get("/docs/index.html").status_code == 404


def test_below_another_root_the_page_finds_its_files() -> None:
    app = App("test")
    OpenAPI(app, title="test", url="/api/openapi.json", docs_url="/api/docs/")

    page = validated(app).get("/api/docs/", base_url="http://localhost/mounted").text

    assert 'data-document="/mounted/api/openapi.json"' in page
    assert 'src="/mounted/api/docs/start.js"' in page


def test_without_swagger_ui_the_page_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "swagger_ui_bundle", None)
    app = App("test")
    OpenAPI(app, title="test")

    answer = validated(app).get("/docs")

    assert answer.status_code == 404
    assert "pip install swagger-ui-bundle-v2" in answer.json["detail"]


def test_the_page_can_be_left_out() -> None:
    app = App("test")
    OpenAPI(app, title="test", docs_url=None)

    assert validated(app).get("/docs").status_code == 404


def test_it_is_loaded_only_by_its_name() -> None:
    code = "import sys, wz; wz.App('x'); print(*[m for m in sys.modules if m.startswith('wz.openapi')])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b""
