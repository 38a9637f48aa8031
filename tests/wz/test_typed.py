from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest

from wz import App, Request
from wz.testing import Client

from ..client import validated

if TYPE_CHECKING:
    from nowhere import Missing


class Inner(msgspec.Struct):
    n: int


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner
    tags: list[str] = []
    sizes: dict[Name, int] = {}


Name = Annotated[str, msgspec.Meta(pattern="^[a-z]*$")]


class Query(msgspec.Struct, forbid_unknown_fields=True, rename={"names": "name"}):
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10
    order: Literal["asc", "desc"] = "asc"
    names: Annotated[list[Name], msgspec.Meta(max_length=2)] = []
    ids: list[int] = []


@pytest.fixture
def client() -> Client:
    app = App("test")

    @app.post("/<kind>")
    def create(request: Request, kind: str, body: Body, query: Query) -> dict[str, Any]:
        return {"method": request.method, "kind": kind, "n": body.inner.n, "limit": query.limit}

    @app.get("/lists")
    def lists(query: Query) -> dict[str, Any]:
        return {"names": query.names, "ids": query.ids}

    return validated(app)


GOOD = b'{"name": "a", "inner": {"n": 1}}'
JSON = "application/json"


def test_a_signature_says_what_the_view_gets(client: Client) -> None:
    answer = client.post("/thing?limit=3", data=GOOD, content_type=JSON)

    assert answer.json == {"method": "POST", "kind": "thing", "n": 1, "limit": 3}


def test_any_json_media_type_will_do(client: Client) -> None:
    assert client.post("/x", data=GOOD, content_type="application/merge-patch+json; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status", "field"),
    [
        pytest.param(GOOD, "text/plain", 415, None, id="another media type"),
        pytest.param(GOOD, None, 415, None, id="no media type"),
        pytest.param(b"", JSON, 400, None, id="empty"),
        pytest.param(b"{", JSON, 400, None, id="cut off"),
        pytest.param(b'{"name": "", "inner": {"n": 1, "x": ' + b"[" * 100_000, JSON, 400, None, id="nested deeply"),
        pytest.param(b'{"name": "\xff", "inner": {"n": 1}}', JSON, 400, None, id="not UTF-8"),
        pytest.param(b'{"name": 1, "x": ', JSON, 400, None, id="cut off after a wrong value"),
        pytest.param(b'{"name": 1} x', JSON, 400, None, id="more after a wrong value"),
        pytest.param(b'{"name": 1, "x": [1 2]}', JSON, 400, None, id="broken after a wrong value"),
        pytest.param(b'{"name": 1, "inner": NaN}', JSON, 400, None, id="NaN after a wrong value"),
        pytest.param(b'{"name": 1, "x": "\xff"}', JSON, 400, None, id="not UTF-8 after a wrong value"),
        pytest.param(b'{"name": 1, "x": ' + b"[" * 100_000, JSON, 400, None, id="nested deeply after a wrong value"),
        pytest.param(
            b'{"name": 1, "tags": ["\\ud800"]}', JSON, 400, None, id="half of a surrogate pair after a wrong value"
        ),
        pytest.param(b"[]", JSON, 422, None, id="no object"),
        pytest.param(b'{"inner": {"n": 1}}', JSON, 422, "name", id="a missing field"),
        pytest.param(b'{"name": 1, "inner": {"n": 1}}', JSON, 422, "name", id="a wrong type"),
        pytest.param(b'{"name": "", "inner": {"n": "1"}}', JSON, 422, "inner.n", id="a wrong type inside"),
        pytest.param(b'{"name": "", "inner": {}}', JSON, 422, "inner.n", id="a missing field inside"),
        pytest.param(b'{"name": "", "inner": {"n": 1}, "tags": [1]}', JSON, 422, "tags[0]", id="inside a list"),
        pytest.param(b'{"name": "", "inner": {"n": 1}, "sizes": {"A": 1}}', JSON, 422, "sizes", id="a wrong key"),
        pytest.param(b'{"name": "", "inner": {"n": 1}, "sizes": {"a": ""}}', JSON, 422, "sizes.a", id="beside a key"),
        pytest.param(b'{"name": "", "inner": {"n": 1}, "x": 1}', JSON, 422, "x", id="an unknown field"),
    ],
)
def test_a_wrong_body_is_told_so(
    client: Client, body: bytes, content_type: str | None, status: int, field: str | None
) -> None:
    answer = client.post("/x", data=body, content_type=content_type)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json.get("field") == field
    assert answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "lists"),
    [
        pytest.param("", {"names": [], "ids": []}, id="none"),
        pytest.param("name=a", {"names": ["a"], "ids": []}, id="one"),
        pytest.param("ids=2&name=a&ids=1&name=", {"names": ["a", ""], "ids": [2, 1]}, id="in their order"),
    ],
)
def test_a_list_takes_all_values_of_a_name(client: Client, query: str, lists: dict[str, Any]) -> None:
    assert client.get(f"/lists?{query}").json == lists


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=x", "limit"),
        ("limit=0", "limit"),
        ("limit=1&limit=2", "limit"),
        ("order=up", "order"),
        ("x=1", "x"),
        ("x=1&x=2", "x"),
        ("name=a&name=B", "name[1]"),
        ("name=a&name=b&name=c", "name"),
        ("ids=1&ids=x", "ids[1]"),
    ],
)
def test_a_wrong_query_is_told_so(client: Client, query: str, field: str) -> None:
    answer = client.post(f"/x?{query}", data=GOOD, content_type=JSON)

    assert (answer.status_code, answer.json["field"]) == (422, field)


def test_a_type_that_cannot_be_read_is_said_at_registration() -> None:
    app = App("test")

    with pytest.raises(TypeError, match="the type 'Missing' can't be read"):

        @app.post("/")
        def view(body: Missing) -> str:
            return ""


class Handler:
    def __call__(self, mark: str, body: Inner) -> str:
        return f"{mark}{body.n}"


@pytest.mark.parametrize("view", [partial(Handler().__call__, "a"), partial(Handler(), mark="a"), Handler()])
def test_a_partial_and_an_object_have_typed_arguments_as_well(view: Any) -> None:
    app = App("test")
    app.add_url_rule("/", "view", view, methods=["POST"], defaults={"mark": "a"} if isinstance(view, Handler) else None)

    assert validated(app).post("/", json={"n": 4}).text == "a4"
    assert validated(app).post("/", json={}).status_code == 422


class Named(msgspec.Struct):
    name: str = ""


@pytest.mark.parametrize(
    ("query", "field"),
    [("name=%FF", "name"), ("name=a&other=%C3%28", "other"), ("%FE=1", "\ufffd"), ("name=a+%80", "name")],
)
def test_a_query_with_bytes_that_are_no_text_is_refused(query: str, field: str) -> None:
    app = App("test")

    @app.get("/")
    def view(query: Named) -> dict[str, str]:
        return {"name": query.name}

    client = app.test_client()
    answer = client.get(f"/?{query}")

    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert client.get("/?name=%C3%A9+%EF%BF%BD").json == {"name": "é \ufffd"}
