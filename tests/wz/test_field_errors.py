"""A wrong value is told with all of its errors at once, each with its JSON Pointer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wz import App
from wz.field_errors import LOOKS, MOST, FieldError, errors_of, pointer
from wz.testing import Client

from ..client import validated

Word = Annotated[str, msgspec.Meta(pattern="^[a-z]*$")]
Years = NewType("Years", int)


class Home(msgspec.Struct, forbid_unknown_fields=True):
    street: str
    number: int


class Card(msgspec.Struct, tag="card"):
    digits: Annotated[str, msgspec.Meta(min_length=4)]


class Cash(msgspec.Struct, tag="cash"):
    amount: Decimal


class Point(msgspec.Struct, array_like=True):
    x: int
    y: int


class Person(msgspec.Struct, forbid_unknown_fields=True, rename={"nick": "nick/name", "mail": "e~mail"}):
    name: str
    age: Annotated[Years, msgspec.Meta(ge=0)]
    home: Home | None = None
    tags: list[Word] = []
    sizes: dict[Word, int] = {}
    pair: tuple[int, str] = (0, "")
    paid: Card | Cash | None = None
    at: Point | None = None
    nick: str = ""
    mail: str = ""
    friends: list[Person] = []
    kind: Literal["a", "b"] = "a"


GOOD: dict[str, Any] = {"name": "ann", "age": 3}


def errors(document: Any, type_: Any = Person) -> list[FieldError]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=type_)
    return errors_of(caught.value, body, type_)


def pointers(document: Any, type_: Any = Person) -> list[str]:
    return [error.pointer for error in errors(document, type_)]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"name": 1, "age": "x"}, ["#/name", "#/age"], id="two fields"),
        pytest.param({"name": 1, "age": -1}, ["#/name", "#/age"], id="a type and a limit"),
        pytest.param({"x": 1, "y": 2}, ["#/x", "#/y"], id="unknown fields"),
        pytest.param({"home": {"street": 1}}, ["#/home/street", "#/home/number"], id="in an object, one missing"),
        pytest.param({"home": 1, "tags": 1}, ["#/home", "#/tags"], id="no object, no list"),
        pytest.param({"tags": ["a", 1, "B"]}, ["#/tags/1", "#/tags/2"], id="in a list"),
        pytest.param({"sizes": {"a": "x", "B": 1, "C": "x"}}, ["#/sizes/a", "#/sizes/B", "#/sizes/C"], id="in a dict"),
        pytest.param({"pair": ["x", 1]}, ["#/pair/0", "#/pair/1"], id="in a tuple"),
        pytest.param({"pair": [1, "x", 2]}, ["#/pair"], id="a tuple that is too long"),
        pytest.param({"paid": {"type": "card", "digits": "1"}}, ["#/paid/digits"], id="in the Struct of its tag"),
        pytest.param({"paid": {"type": "x"}, "age": ""}, ["#/age", "#/paid/type"], id="no such tag"),
        pytest.param({"at": [1, "x"]}, ["#/at/1"], id="in a Struct that is an array"),
        pytest.param({"nick/name": 1, "e~mail": 2}, ["#/nick~1name", "#/e~0mail"], id="escaped"),
        pytest.param({"kind": "c"}, ["#/kind"], id="none of the choices"),
        pytest.param(
            {"friends": [{"name": 1, "age": 1}, {"age": 1}, {"name": "x"}]},
            ["#/friends/0/name", "#/friends/1/name", "#/friends/2/age"],
            id="in a type inside itself",
        ),
    ],
)
def test_all_errors_have_their_places(members: dict[str, Any], expected: list[str]) -> None:
    assert pointers(GOOD | members) == expected


def test_each_field_that_is_missing_is_told() -> None:
    assert errors({}) == [
        FieldError("Object missing required field `name`", "#/name"),
        FieldError("Object missing required field `age`", "#/age"),
    ]


@pytest.mark.parametrize("document", [[], 1, None, "x"])
def test_a_body_that_is_no_object_at_all(document: Any) -> None:
    assert pointers(document) == ["#"]


def test_a_field_that_is_there_twice_is_wrong_if_one_of_them_is() -> None:
    assert pointers(b'{"name": 1, "name": "ann", "age": "x"}') == ["#/name", "#/age"]


def test_no_more_are_told_than_somebody_reads() -> None:
    assert len(errors([1] * 1000, list[str])) == MOST


def test_no_more_are_looked_at_than_is_cheap_and_the_first_is_told_anyhow() -> None:
    assert pointers(["x"] * (2 * LOOKS) + [1], list[str]) == [f"#/{2 * LOOKS}"]


def test_a_value_nested_deeply_is_told() -> None:
    document: Any = {"name": 1, "age": "x"}
    for _ in range(200):
        document = GOOD | {"friends": [document]}

    assert pointers(document) == ["#" + "/friends/0" * 200 + "/name"]


def test_a_whole_is_judged_once_its_parts_are_right() -> None:
    Short = Annotated[list[int], msgspec.Meta(max_length=2)]

    assert pointers([1, 2, "x"], Short) == ["#/2"]
    assert pointers([1, 2, 3], Short) == ["#"]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], "#"),
        (["a", 0], "#/a/0"),
        (["a/b", "m~n", "~1"], "#/a~1b/m~0n/~01"),
        (["c%d", "e^f", 'k"l', " ", "ä", ""], "#/c%25d/e%5Ef/k%22l/%20/%C3%A4/"),  # as in RFC 6901, 6
    ],
)
def test_a_pointer_is_the_fragment_of_a_uri(steps: list[str | int], text: str) -> None:
    assert pointer(steps) == text


# What msgspec says is right has no errors, and what it says is wrong has one, at a place that can be put right.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "B", "card", "cash", "1234", "3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "B", "type", "digits"]), inner),
    max_leaves=4,
)
NAMES = ["name", "age", "home", "tags", "sizes", "pair", "paid", "at", "nick/name", "friends", "kind", "unknown"]
GOODS: dict[str, Any] = GOOD | {
    "home": {"street": "x", "number": 1},
    "tags": ["a", "b"],
    "sizes": {"a": 1},
    "pair": [1, ""],
    "paid": {"type": "cash", "amount": 1.5},
    "at": [1, 2],
    "nick/name": "",
    "e~mail": "",
    "friends": [GOOD],
    "kind": "b",
}


@st.composite
def documents(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    document = {k: v for k, v in GOODS.items() if draw(st.integers(0, 3)) or k in ("name", "age")}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=4)):
        document[name] = draw(VALUES)
    if depth < 2 and draw(st.booleans()):
        document["friends"] = [draw(documents(depth + 1)), GOOD]
    if not draw(st.integers(0, 4)):
        document.pop(draw(st.sampled_from(["name", "age"])), None)
    return document


def is_right(document: Any) -> bool:
    try:
        msgspec.json.decode(json.dumps(document).encode(), type=Person)
    except msgspec.ValidationError:
        return False
    return True


def put_right(document: Any, place: str) -> None:
    """Put what is right in place of the value at a pointer; remove one that is unknown."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in unquote(place).split("/")[1:]]
    person, within = document, GOODS
    while len(steps) > 2 and steps[0] == "friends" and steps[2] in {*GOODS, "unknown"}:
        if int(steps[1]) >= len(person["friends"]):
            return  # all friends were replaced
        person, steps = person["friends"][int(steps[1])], steps[2:]
    if steps[0] in within:
        person[steps[0]] = within[steps[0]]
    elif len(steps) == 1:
        del person[steps[0]]


@given(documents())
def test_each_error_is_one_and_without_them_the_value_is_right(document: dict[str, Any]) -> None:
    if is_right(document):
        return
    places = pointers(document)

    assert len(places) == len(set(places))
    for _ in range(3):  # what concerns a whole is found in a second round
        for place in places:
            put_right(document, place)
        if is_right(document):
            return
        places = pointers(document)
    pytest.fail(f"still wrong: {places}")


class Query(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 10
    ids: list[int] = []


@pytest.fixture
def client() -> Client:
    app = App("test")

    @app.post("/")
    def create(body: Person, query: Query) -> dict[str, Any]:
        return {}

    return validated(app)


def test_a_wrong_body_is_answered_with_all_of_its_errors(client: Client) -> None:
    answer = client.post("/", json={"name": 1, "home": {"street": 1, "number": 1}})

    assert answer.status_code == 422
    assert answer.json == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "name: Expected `str`, got `int`",
        "field": "name",
        "errors": [
            {"detail": "Expected `str`, got `int`", "pointer": "#/name"},
            {"detail": "Expected `str`, got `int`", "pointer": "#/home/street"},
            {"detail": "Object missing required field `age`", "pointer": "#/age"},
        ],
    }


def test_a_wrong_query_string_is_answered_with_all_of_its_errors(client: Client) -> None:
    answer = client.post("/?limit=1&limit=2&ids=1&ids=x&y=1", json=GOOD)

    assert (answer.status_code, answer.json["field"]) == (422, "limit")
    assert answer.json["detail"] == "limit: Expected one value, got 2"
    assert answer.json["errors"] == [
        {"detail": "Expected one value, got 2", "pointer": "#/limit"},
        {"detail": "Expected `int`, got `str`", "pointer": "#/ids/1"},
        {"detail": "Object contains unknown field `y`", "pointer": "#/y"},
    ]
