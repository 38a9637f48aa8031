"""Typed forms and headers."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import Annotated, Any

import msgspec
import pytest
from werkzeug.datastructures import FileStorage

from wz import App, Request
from wz.testing import Client

from ..client import validated
from .conftest import Web


class Upload(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    pages: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tags: list[str] = []
    cover: FileStorage | None = None
    files: list[FileStorage] = []


class Conditions(msgspec.Struct, rename={"batch": "X-Batch"}):
    if_match: str
    batch: Annotated[int, msgspec.Meta(ge=1)] = 1
    accept_language: list[Annotated[str, msgspec.Meta(max_length=5)]] = []
    if_unmodified_since: datetime | None = None
    content_type: str | None = None


@pytest.fixture
def client() -> Client:
    app = App("test")

    @app.post("/uploads/<place>")
    def upload(request: Request, place: str, form: Upload) -> dict[str, Any]:
        files = [file.read().decode() for file in form.files]
        cover = form.cover and [form.cover.filename, form.cover.read().decode()]
        return {"title": form.title, "pages": form.pages, "tags": form.tags, "files": files, "cover": cover}

    @app.get("/conditions")
    def conditions(headers: Conditions) -> Conditions:
        return headers

    return validated(app)


def test_a_form_is_read_by_its_struct(client: Client) -> None:
    answer = client.post("/uploads/here", data={"title": "Emma", "pages": "3", "tags": ["a", "b"]})

    assert answer.json == {"title": "Emma", "pages": 3, "tags": ["a", "b"], "files": [], "cover": None}


def test_files_are_fields(client: Client) -> None:
    files = [(BytesIO(text), name) for text, name in ((b"one", "1.txt"), (b"two", "2.txt"))]
    answer = client.post("/uploads/here", data={"title": "x", "files": files, "cover": (BytesIO(b"png"), "c.png")})

    assert answer.json["files"] == ["one", "two"]
    assert answer.json["cover"] == ["c.png", "png"]


def test_what_nobody_filled_in_counts_as_left_out(client: Client) -> None:
    data = {"title": "", "pages": "", "tags": "", "files": (BytesIO(), ""), "cover": (BytesIO(), "")}
    answer = client.post("/uploads/here", data=data, content_type="multipart/form-data")

    assert answer.json == {"title": "", "pages": None, "tags": [""], "files": [], "cover": None}


def test_all_errors_of_a_form_are_told(client: Client) -> None:
    data = {"pages": "0", "files": "no file", "cover": [(BytesIO(b""), "a"), (BytesIO(b""), "b")], "x": "1"}
    answer = client.post("/uploads/here", data=data, content_type="multipart/form-data")

    assert (answer.status_code, answer.json["field"]) == (422, "pages")
    assert answer.json["errors"] == [
        {"detail": "Expected `int` >= 1", "pointer": "#/pages"},
        {"detail": "Expected `FileStorage`, got `str`", "pointer": "#/files/0"},
        {"detail": "Object contains unknown field `x`", "pointer": "#/x"},
        {"detail": "Expected one value, got 2", "pointer": "#/cover"},
        {"detail": "Object missing required field `title`", "pointer": "#/title"},
    ]


def test_a_text_is_no_file_and_a_file_no_text(client: Client) -> None:
    answer = client.post("/uploads/here", data={"title": (BytesIO(b"x"), "x.txt")})

    assert answer.json["errors"] == [{"detail": "Expected `str`, got `FileStorage`", "pointer": "#/title"}]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_what_is_no_form_is_415(client: Client, content_type: str | None) -> None:
    answer = client.post("/uploads/here", data=b"title=x", content_type=content_type)

    assert answer.status_code == 415
    assert "application/x-www-form-urlencoded or as multipart/form-data" in answer.json["detail"]


def test_headers_are_read_by_a_struct(client: Client) -> None:
    answer = client.get(
        "/conditions",
        headers={
            "If-Match": '"a"',
            "x-BATCH": "7",
            "Accept-Language": 'de, "en"',
            "If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT",
            "X-Other": "1",
        },
        content_type="text/plain",
    )

    assert answer.json == {
        "if_match": '"a"',
        "X-Batch": 7,
        "accept_language": ["de", "en"],
        "if_unmodified_since": datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).isoformat().replace("+00:00", "Z"),
        "content_type": "text/plain",
    }


def test_all_errors_of_headers_are_told_by_the_headers_names(client: Client) -> None:
    headers = {"X-Batch": "x", "Accept-Language": "de,deutsch", "If-Unmodified-Since": "today"}
    answer = client.get("/conditions", headers=headers)

    assert answer.status_code == 422
    assert answer.json["field"] == "X-Batch"
    assert answer.json["detail"] == "X-Batch: Expected `int`, got `str`"
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "#/X-Batch",
        "#/Accept-Language/1",
        "#/If-Unmodified-Since",
        "#/If-Match",
    ]


def test_other_parameters_of_these_names_are_what_they_were(web: Web) -> None:
    app = web.app()

    @app.route("/<form>/<headers>")
    def view(form: str, headers: str, query: str = "q") -> str:
        return f"{form} {headers} {query}"

    assert web.client(app).get("/a/b").text == "a b q"
