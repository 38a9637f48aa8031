"""A decimal in a text is taken if it is a number of JSON, wherever it comes from."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest

from wz import App, Problem
from wz.decimals import texts_of

ODD = [" 12", "12 ", "12\n", "1_000", "\uff11\uff12", "\u0663", "+5", ".5", "5.", "_1"]
GOOD = ["12", "-0.5", "1e3", "1E-3", "0.10", "-0"]


class Part(msgspec.Struct):
    worth: Decimal
    name: str = ""


class Thing(msgspec.Struct, rename={"low": "min"}):
    name: str = ""
    low: Annotated[Decimal | None, msgspec.Meta(description="a bound")] = None
    parts: list[Part] = []
    weights: dict[str, Decimal] = {}
    part: Part | None = None


@pytest.fixture
def app() -> App:
    app = App(__name__)

    @app.get("/")
    def read(query: Part) -> dict[str, str]:
        return {"worth": str(query.worth)}

    @app.post("/")
    def write(body: Thing) -> Thing:
        return body

    return app


@pytest.mark.parametrize("text", ODD)
def test_another_text_in_a_query_is_refused_by_name(app: App, text: str) -> None:
    answer = app.test_client().get("/", query_string={"worth": text, "name": " a_b "})

    assert (answer.status_code, answer.json["field"]) == (422, "worth")
    assert answer.json["detail"] == "worth must be a number, such as 12, -0.5 or 1e3"


@pytest.mark.parametrize("text", GOOD)
def test_a_number_in_a_query_is_taken(app: App, text: str) -> None:
    assert Decimal(app.test_client().get("/", query_string={"worth": text}).json["worth"]) == Decimal(text)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda text: {"min": text}, "min"),
        (lambda text: {"parts": [{"worth": 1}, {"worth": text}]}, "parts[1].worth"),
        (lambda text: {"part": {"worth": text}}, "part.worth"),
        (lambda text: {"weights": {"a": text}}, "weights"),
    ],
    ids=["optional", "in a list", "in another", "in a dict"],
)
def test_a_string_in_a_body_is_a_number_as_well(app: App, make: Any, field: str) -> None:
    client = app.test_client()

    for text in ODD:
        answer = client.post("/", json={"name": "a", **make(text)})
        assert (answer.status_code, answer.json["field"].partition("[...")[0]) == (422, field), text
    for text in GOOD:
        assert client.post("/", json={"name": " a_1.", **make(text)}).status_code == 200, text
        assert client.post("/", data=f'{{"min": {text}, "name": "\u00fc"}}'.encode(), content_type="application/json")


def test_names_may_have_what_numbers_may_not(app: App) -> None:
    body = {"name": " 1_000. ", "min": None, "parts": [{"worth": 1.5, "name": "\u0663"}], "weights": {"1_0": "2"}}

    assert app.test_client().post("/", json=body).status_code == 200


def test_a_type_without_decimals_is_not_looked_at_again() -> None:
    assert texts_of(dict[str, int]) is None
    assert texts_of(list[Any]) is None


class Tree(msgspec.Struct):
    worth: Decimal
    below: list[Tree] = []


def test_a_type_that_is_inside_of_itself_is_looked_at_on_the_outside() -> None:
    texts = texts_of(Tree)

    assert texts is not None
    texts.check_json(b'{"worth": "1", "below": [{"worth": "2"}]}')
    with pytest.raises(Problem, match="422"):
        texts.check_json(b'{"worth": " 1"}')
