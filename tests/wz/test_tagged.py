"""What a session's values come back as: beside Flask's serializer, and each reading what the other wrote."""

from __future__ import annotations

import json
import math
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer
from markupsafe import Markup

import wz
from wz import App, Request
from wz.sessions import SecureCookieSessionInterface, Sessions, session_of
from wz.tagged import JSONTag, TagDateTime, TaggedJSONSerializer, TagTuple

from ..client import validated
from .conftest import Web

KEY = "a key that only the tests have"


class Text(str):
    def __str__(self) -> str:
        return "overridden"


class Whole(int):
    pass


class Double(float):
    pass


class Moment(datetime):
    pass


class Items(list[Any]):
    pass


class Mapping(dict[Any, Any]):
    pass


class Raw(bytes):
    pass


class ID(UUID):
    pass


class HTML:
    def __html__(self) -> str:
        return "<b>"


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


Pair = namedtuple("Pair", "a b")
AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)

#: A session's value, and what it comes back as, in both frameworks.
KEPT = [
    pytest.param(Text("x"), "x", id="a subclass of str"),
    pytest.param(Whole(4), 4, id="a subclass of int"),
    pytest.param(Double(1.5), 1.5, id="a subclass of float"),
    pytest.param(Colour.RED, "red", id="StrEnum"),
    pytest.param(Level.HIGH, 3, id="IntEnum"),
    pytest.param(Items([Items()]), [[]], id="a subclass of list"),
    pytest.param(Mapping(a=Mapping()), {"a": {}}, id="a subclass of dict"),
    pytest.param(OrderedDict(a=1), {"a": 1}, id="OrderedDict"),
    pytest.param(Pair(1, Text("b")), (1, "b"), id="namedtuple"),
    pytest.param(Raw(b"\x00\xff"), b"\x00\xff", id="a subclass of bytes"),
    pytest.param(ID(int=7), UUID(int=7), id="a subclass of UUID"),
    pytest.param(Moment(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), id="a subclass of datetime"),
    pytest.param(datetime(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), id="a datetime without a zone"),
    pytest.param(HTML(), Markup("<b>"), id="an object with __html__"),
    pytest.param({None: 1}, {"null": 1}, id="None as a key"),
    pytest.param({True: 1, False: (2,)}, {"true": 1, "false": (2,)}, id="True and False as keys"),
    pytest.param({1: 2, 1.5: 3}, {"1": 2, "1.5": 3}, id="numbers as keys"),
    pytest.param({Text("k"): None}, {"k": None}, id="a subclass of str as a key"),
    pytest.param(math.inf, math.inf, id="infinity"),
    pytest.param([-math.inf, 1.0], [-math.inf, 1.0], id="infinity in a list"),
    pytest.param("\ud800", "\ud800", id="half of a surrogate pair"),
    pytest.param({"\udc80": ("é\ud800😀",)}, {"\udc80": ("é\ud800😀",)}, id="the same in a key and a tuple"),
    pytest.param(2**70, 2**70, id="an integer of more than 64 bits"),
    pytest.param({" t": 1}, {" t": 1}, id="a dict like a tag"),
    pytest.param({" t": {" t__": (1,)}}, {" t": {" t__": (1,)}}, id="one in another"),
    pytest.param({" di": 1}, {" di": 1}, id="a dict like the tag of such dicts"),
    pytest.param({" x": 1, " t": 2}, {" x": 1, " t": 2}, id="a dict with more keys than a tag"),
    pytest.param({" unknown": [1]}, {" unknown": [1]}, id="a dict like an unknown tag"),
    pytest.param("NaN", "NaN", id="a text that looks like NaN"),
    pytest.param("", "", id="an empty text"),
]


def serializers(web: Web) -> Any:
    """Return a new serializer of the framework."""
    return TaggedJSONSerializer() if web.module is wz else flask_tag().TaggedJSONSerializer()


def flask_tag() -> Any:
    return pytest.importorskip("flask.json.tag")


@pytest.mark.parametrize(("value", "kept"), KEPT)
@pytest.mark.parametrize("beside", [{}, {"n": 1}], ids=["alone", "beside another"])
def test_a_value_comes_back(web: Web, value: Any, kept: Any, beside: dict[str, Any]) -> None:
    found = serializers(web).loads(serializers(web).dumps({"v": value, **beside}))

    assert found == {"v": kept, **beside}
    assert type(found["v"]) is type(kept)


def test_not_a_number_stays_one(web: Web) -> None:
    found = serializers(web).loads(serializers(web).dumps({"v": math.nan, "in": [Double("nan")]}))

    assert math.isnan(found["v"])
    assert math.isnan(found["in"][0])


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param(1j, id="complex"),
        pytest.param({(1, 2): 3}, id="a tuple as a key"),
        pytest.param({b"a": 3}, id="bytes as a key"),
        pytest.param({UUID(int=1): 3}, id="a UUID as a key"),
        pytest.param({Decimal(1): 3}, id="a decimal as a key"),
    ],
)
def test_what_has_no_json_form_is_refused(web: Web, value: Any) -> None:
    for session in ({"v": value}, value):
        with pytest.raises(TypeError, match=r"object|complex|keys must be"):
            serializers(web).dumps(session)


def test_what_only_msgspec_knows_comes_back_as_it_is_in_json() -> None:
    value = {"d": Decimal("1.10"), "s": {1}, "e": Enum("E", {"A": "a"}).A, "t": date(2026, 3, 1)}  # type: ignore[attr-defined]
    serializer = TaggedJSONSerializer()

    assert serializer.loads(serializer.dumps(value)) == {"d": "1.10", "s": [1], "e": "a", "t": "2026-03-01"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.uuids()
    | st.builds(Markup, st.text())
    | st.builds(Text, st.text())
    | st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.sampled_from([" t", " b", " di", " d", " x", "a", ""]) | st.text(st.characters()) | st.integers(), inner
        )
    ),
    max_leaves=12,
)
SESSIONS = st.dictionaries(st.text(st.characters()) | st.sampled_from([" t", " di"]), VALUES)


@given(SESSIONS)
def test_each_reads_what_the_other_wrote(session: dict[str, Any]) -> None:
    ours, theirs = TaggedJSONSerializer(), flask_tag().TaggedJSONSerializer()
    expected = theirs.loads(theirs.dumps(session))

    assert ours.loads(ours.dumps(session)) == expected
    assert theirs.loads(ours.dumps(session).decode()) == expected
    assert ours.loads(theirs.dumps(session)) == expected
    assert ours.loads(theirs.dumps(session).encode()) == expected


PLAIN = st.recursive(
    st.text() | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from([" t", " b", " di", "a"]) | st.text(), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), PLAIN) | PLAIN)
def test_both_ways_write_the_same_document(session: Any) -> None:
    serializer = TaggedJSONSerializer()

    flat = serializer.dumps(session)
    serializer.register(TagNothing)  # with a tag of one's own the standard library writes all
    assert json.loads(flat) == json.loads(serializer.dumps(session))


class TagNothing(JSONTag):
    key = " nothing"

    def check(self, value: Any) -> bool:
        return False


# Tags of one's own, as Flask documents them.


def order_tag(base: type[Any]) -> Any:
    class TagOrderedDict(base):  # type: ignore[misc]
        __slots__ = ("serializer",)
        key = " od"

        def check(self, value: Any) -> bool:
            return isinstance(value, OrderedDict)

        def to_json(self, value: Any) -> Any:
            return [[key, self.serializer.tag(inner)] for key, inner in value.items()]

        def to_python(self, value: Any) -> Any:
            return OrderedDict(value)

    return TagOrderedDict


def base(web: Web) -> type[Any]:
    return JSONTag if web.module is wz else flask_tag().JSONTag


def test_a_tag_of_one_s_own(web: Web) -> None:
    serializer = serializers(web)
    serializer.register(order_tag(base(web)), index=0)
    value = {"o": OrderedDict([("b", (1,)), ("a", OrderedDict())]), "d": {" od": 1}}

    found = serializer.loads(serializer.dumps(value))
    assert found == value
    assert [type(found["o"]), type(found["o"]["a"]), type(found["d"])] == [OrderedDict, OrderedDict, dict]


def test_a_tag_may_be_for_a_plain_type_and_have_any_key(web: Web) -> None:
    class TagFlag(base(web)):  # type: ignore[misc]
        key = "flag"

        def check(self, value: Any) -> bool:
            return value is True or value == "yes"

        def to_json(self, value: Any) -> Any:
            return 1

        def to_python(self, value: Any) -> Any:
            return Whole(value)

    serializer = serializers(web)
    serializer.register(TagFlag)

    found = serializer.loads(serializer.dumps({"a": True, "b": "yes", "c": 1}))
    assert [type(value) for value in found.values()] == [Whole, Whole, int]


def test_a_tag_s_key_is_taken_unless_it_is_forced(web: Web) -> None:
    class TagMoment(base(web)):  # type: ignore[misc]
        key = " d"

        def check(self, value: Any) -> bool:
            return isinstance(value, datetime)

        def to_json(self, value: Any) -> Any:
            return value.isoformat()

        def to_python(self, value: Any) -> Any:
            return datetime.fromisoformat(value)

    serializer = serializers(web)
    with pytest.raises(KeyError, match=r"' d'"):
        serializer.register(TagMoment)
    serializer.register(TagMoment, force=True, index=0)

    exact = AT.replace(microsecond=250)
    assert serializer.loads(serializer.dumps({"at": exact})) == {"at": exact}


def test_a_serializer_s_own_tags_may_be_fewer() -> None:
    class Small(TaggedJSONSerializer):
        default_tags: ClassVar = [TagTuple, TagDateTime]

    assert Small().loads(Small().dumps({"a": 1})) == {"a": 1}
    assert Small().loads(Small().dumps((1,))) == (1,)


def test_an_app_s_sessions_may_have_a_tag_of_their_own() -> None:
    class Interface(SecureCookieSessionInterface):
        serializer = TaggedJSONSerializer()

    Interface.serializer.register(order_tag(JSONTag), index=0)
    app = App("test", config={"SECRET_KEY": KEY})
    Sessions(app, Interface())

    @app.get("/write")
    def write(request: Request) -> str:
        session_of(request)["o"] = OrderedDict(b=1, a=2)
        return ""

    @app.get("/read")
    def read(request: Request) -> str:
        return type(session_of(request)["o"]).__name__

    client = validated(app)
    client.get("/write")
    assert client.get("/read").text == "OrderedDict"


#: Signed with the right key, and yet not to be read.
UNREADABLE = [
    pytest.param({" u": "no UUID"}, id="no UUID"),
    pytest.param({"id": {" u": 5}}, id="a number as a UUID"),
    pytest.param({"raw": {" b": "é"}}, id="bytes that are not in base64"),
    pytest.param({"raw": {" b": None}}, id="no bytes"),
    pytest.param({"pair": {" t": 1}}, id="a number as a tuple"),
    pytest.param({"like": {" di": [1]}}, id="a list as a dict"),
    pytest.param({"at": {" d": 5}}, id="a number as a date"),
]


@pytest.mark.parametrize("data", UNREADABLE)
def test_a_signed_session_whose_tag_cannot_be_read_is_empty(data: Any) -> None:
    app = App("test", config={"SECRET_KEY": KEY})
    Sessions(app)
    app.get("/")(lambda request: dict(session_of(request)))
    client = validated(app)
    options = {"key_derivation": "hmac"}
    client.set_cookie("session", URLSafeTimedSerializer(KEY, salt="cookie-session", signer_kwargs=options).dumps(data))

    answer = client.get("/")
    assert (answer.status_code, answer.json) == (200, {})
    with pytest.raises(ValueError, match="can't be read"):
        TaggedJSONSerializer().loads(json.dumps(data))


@pytest.mark.parametrize("text", [b"", b"{", b'"\xff"', b"[" * 100_000 + b"]" * 100_000])
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="can't be read"):
        TaggedJSONSerializer().loads(text)
