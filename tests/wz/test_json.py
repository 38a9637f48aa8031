"""What an app's JSON writes and reads: beside Flask's, and both of its own ways beside each other."""

from __future__ import annotations

import codecs
import gc
import io
import json as stdlib
import math
import uuid
import weakref
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.datastructures import ImmutableMultiDict

import wz
from wz import App, Request, Response
from wz.json import JSON
from wz.stdlib_json import NoJSON, write
from wz.templates import Templates, render_template_string

from ..client import validated
from .conftest import Web


class Text(str):
    """As bs4's NavigableString and numpy.str_ are; its own text is another."""

    def __str__(self) -> str:
        return "overridden"


class Whole(int):
    def __int__(self) -> int:
        return 99


class Double(float):
    """As numpy.float64 is."""


class Exact(Decimal):
    pass


class Moment(datetime):
    """As pandas.Timestamp and freezegun's FakeDatetime are."""


class Day(date):
    pass


class ID(uuid.UUID):
    """As asyncpg's UUID is."""


class Items(list[Any]):
    pass


class Mapping(dict[str, Any]):
    pass


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class HTML:
    def __html__(self) -> str:
        return "<b>"


@dataclass
class Point:
    x: Any
    y: Any = 0


class Named(msgspec.Struct, rename="camel"):
    first_name: Any


Pair = namedtuple("Pair", "a b")
AT = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)

#: Values that both frameworks write alike.
ALIKE = [
    pytest.param(Text("x"), "x", id="a subclass of str"),
    pytest.param(Whole(4), 4, id="a subclass of int"),
    pytest.param(Double(1.5), 1.5, id="a subclass of float"),
    pytest.param(ID(int=1), "00000000-0000-0000-0000-000000000001", id="a subclass of UUID"),
    pytest.param(Items([1, Items()]), [1, []], id="a subclass of list"),
    pytest.param(Mapping(a=Mapping()), {"a": {}}, id="a subclass of dict"),
    pytest.param(OrderedDict(a=1), {"a": 1}, id="OrderedDict"),
    pytest.param(defaultdict(int, a=1), {"a": 1}, id="defaultdict"),
    pytest.param(Pair(1, Text("b")), [1, "b"], id="namedtuple"),
    pytest.param(Colour.RED, "red", id="StrEnum"),
    pytest.param(Level.HIGH, 3, id="IntEnum"),
    pytest.param(Markup("<b>"), "<b>", id="Markup"),
    pytest.param(HTML(), "<b>", id="an object with __html__"),
    pytest.param(Point(Text("x"), HTML()), {"x": "x", "y": "<b>"}, id="a dataclass"),
    pytest.param({None: 1}, {"null": 1}, id="None as a key"),
    pytest.param({True: 1}, {"true": 1}, id="True as a key"),
    pytest.param({False: {None: 2}}, {"false": {"null": 2}}, id="keys inside"),
    pytest.param({1.5: 1}, {"1.5": 1}, id="a float as a key"),
    pytest.param({Text("k"): 1}, {"k": 1}, id="a subclass of str as a key"),
    pytest.param({Whole(2): 1}, {"2": 1}, id="a subclass of int as a key"),
    pytest.param({Level.HIGH: 1}, {"3": 1}, id="IntEnum as a key"),
    pytest.param("\ud800", "\ud800", id="half of a surrogate pair"),
    pytest.param({"\udc80": ["a\ud800é😀"]}, {"\udc80": ["a\ud800é😀"]}, id="the same in a key, and beside others"),
    pytest.param({None: "\ud800", "a": [Text("\ud801"), None, True]}, None, id="several at once"),
    pytest.param(2**70, 2**70, id="an integer of more than 64 bits"),
    pytest.param("NaN", "NaN", id="a text that looks like NaN"),
    pytest.param(
        {"NaN": '"Infinity\\', "\ud800": "NaN"}, {"NaN": '"Infinity\\', "\ud800": "NaN"}, id="the same in a key"
    ),
    pytest.param({}, {}, id="an empty object"),
    pytest.param(None, None, id="null"),
]


@pytest.mark.parametrize(("value", "expected"), ALIKE)
def test_what_flask_takes_is_taken(web: Web, value: Any, expected: Any) -> None:
    app = web.app()
    app.json.sort_keys = False
    app.add_url_rule("/", "view", lambda: web.jsonify(value))
    app.add_url_rule("/inside", "inside", lambda: {"a": [value]})
    if expected is None:
        expected = {"null": "\ud800", "a": ["\ud801", None, True]} if value else None

    assert stdlib.loads(web.client(app).get("/").data) == expected
    assert stdlib.loads(web.client(app).get("/inside").data) == {"a": [expected]}


REFUSED = [
    pytest.param(1j, "complex", id="complex"),
    pytest.param({"a": [object]}, "type", id="a class"),
    pytest.param({1: 2}.keys(), "dict_keys", id="a view of a dict"),
    pytest.param(iter([1]), "list_iterator", id="an iterator"),
    pytest.param(range(3), "range", id="range"),
    pytest.param({frozenset("k"): 1}, "frozenset|tuple", id="a set as a key"),
    pytest.param({(1, 2): 3}, "tuple", id="a tuple as a key"),
    pytest.param({Decimal(1): 3}, "Decimal", id="a decimal as a key"),
    pytest.param(ValueError("x"), "ValueError", id="an exception"),
]


@pytest.mark.parametrize(("value", "named"), REFUSED)
def test_what_flask_refuses_is_refused_and_named(web: Web, value: Any, named: str) -> None:
    app = web.app()
    app.testing = True
    app.add_url_rule("/", "view", lambda: web.jsonify(value))

    with pytest.raises(TypeError, match=named):
        web.client(app).get("/")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(
            {"rows": [1, {"id": 1j}]}, r"type complex at \$\.rows\[1\]\.id has no JSON form: 1j\.", id="in a list"
        ),
        pytest.param({"p": Point(1, (object(),))}, r"type object at \$\.p\.y\[0\] has", id="in a dataclass"),
        pytest.param(Named([1j]), r"type complex at \$\.first_name\[0\]", id="in a Struct"),
        pytest.param({"a": {(1, 2): 1}}, r"type tuple as a key of \$\.a has no JSON form", id="a key"),
        pytest.param({1j}, "type complex has no JSON form", id="in a set, which has no places"),
    ],
)
def test_a_refusal_says_where_the_value_is(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        JSON().encode(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    for ask in (JSON().encode, JSON().dumps, JSON(ensure_ascii=True).dumps):
        with pytest.raises((RecursionError, ValueError)):
            ask(value)


@pytest.mark.parametrize(
    "number",
    ["NaN", "sNaN", "-NaN", "NaN123", "Infinity", "-Infinity"],
)
@pytest.mark.parametrize("cls", [Decimal, Exact])
def test_a_decimal_that_is_no_number_is_null_and_never_invalid_json(cls: type[Decimal], number: str) -> None:
    app = App("test")
    app.add_url_rule("/", "view", lambda: {"a": cls(number), "NaN": ["NaN", Decimal("1.10")]})
    app.add_url_rule("/alone", "alone", lambda: wz.jsonify(cls(number)))

    assert validated(app).get("/").text == '{"a":null,"NaN":["NaN",1.10]}'
    assert validated(app).get("/alone").text == "null"
    app.json = JSON(app, decimal_format="string")
    assert validated(app).get("/").json == {"a": number, "NaN": ["NaN", "1.10"]}


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("cls", [float, Double])
def test_a_float_that_is_no_number_is_null(cls: type[float], number: str) -> None:
    for beside in ("", "\ud800", "NaN"):
        assert stdlib.loads(JSON().encode([cls(number), beside]), parse_constant=pytest.fail) == [None, beside]


#: Ours alone: written by msgspec, also beside what it does not write.
OURS = [
    pytest.param(Exact("1.10"), "1.10", id="a subclass of Decimal"),
    pytest.param(Decimal("1E+400"), "1E+400", id="a large decimal"),
    pytest.param(AT, '"2026-03-01T12:30:15.000250Z"', id="datetime"),
    pytest.param(Moment(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC), '"2026-03-01T12:30:15.000250Z"', id="its subclass"),
    pytest.param(Moment(2026, 3, 1), '"2026-03-01T00:00:00"', id="one without a zone"),
    pytest.param(Day(2026, 3, 1), '"2026-03-01"', id="a subclass of date"),
    pytest.param({AT.date(): 1}, '{"2026-03-01":1}', id="a date as a key"),
    pytest.param({uuid.UUID(int=1): 1}, '{"00000000-0000-0000-0000-000000000001":1}', id="a UUID as a key"),
    pytest.param(b"\x00", '"AA=="', id="bytes"),
    pytest.param(Enum("E", {"A": "a"}).A, '"a"', id="Enum"),  # type: ignore[attr-defined]
    pytest.param(Named("Ann"), '{"firstName":"Ann"}', id="Struct"),
    pytest.param(msgspec.Raw(b'{"a":1}'), '{"a":1}', id="Raw"),
    pytest.param({"b": 1, "a": [1.0, "é", {}]}, '{"b":1,"a":[1.0,"é",{}]}', id="the order of keys"),
]


@pytest.mark.parametrize(("value", "expected"), OURS)
def test_what_msgspec_knows_is_written_so_by_both_ways(value: Any, expected: str) -> None:
    assert JSON().encode(value).decode() == expected
    assert JSON().dumps(value) == expected
    assert JSON().encode(["\ud800", value]).decode() == f'["\\ud800",{expected}]'


#: Whatever both msgspec and the standard library can write.
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.datetimes() | st.uuids()
)
KEYS = st.text() | st.integers()
VALUES = st.recursive(
    SCALARS | st.builds(Text, st.text()) | st.builds(Double, st.floats()) | st.builds(Point, SCALARS, SCALARS),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner) | st.builds(Named, inner),
)


def exact(data: str | bytes) -> Any:
    """Decode with all digits of each number; NaN is an error."""
    return stdlib.loads(data, parse_float=_number, parse_constant=pytest.fail)


def _number(text: str) -> Any:
    """Return what tells two numbers apart: doubles are written with more than one text, `1e16` and `1e+16`."""
    return Decimal(text).normalize() if abs(Decimal(text)) < Decimal("1e999999") else text


@given(VALUES)
def test_both_ways_write_the_same_document(value: Any) -> None:
    quick, slow = JSON().encode(value), write(value, {"ensure_ascii": False})

    assert exact(quick) == exact(slow)
    assert exact(write(value, {})) == exact(slow)
    assert write(value, {}).isascii()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters())
        | st.builds(Text, st.text(st.characters())),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(st.characters()) | st.integers() | st.none() | st.booleans(), inner)
        ),
    )
)
def test_flask_s_json_reads_what_ours_writes_as_its_own(value: Any) -> None:
    provider = pytest.importorskip("flask.json.provider")
    ours = JSON()

    theirs = stdlib.dumps(value, default=provider._default)
    assert stdlib.loads(ours.encode(value)) == stdlib.loads(theirs)
    assert ours.loads(theirs) == ours.loads(theirs.encode()) == stdlib.loads(theirs)


@pytest.mark.parametrize("module", ["numpy", "bs4"])
def test_values_of_real_packages(module: str) -> None:
    package = pytest.importorskip(module)
    values: dict[str, Callable[[], Any]] = {
        "numpy": lambda: (package.float64(1.5), package.str_("x")),
        "bs4": lambda: (1.5, package.BeautifulSoup("<title>x</title>", "html.parser").title.string),
    }
    assert JSON().encode(values[module]()) == b'[1.5,"x"]'


def test_a_multidict_is_written_with_all_its_values(web: Web) -> None:
    """Flask writes the first of each name and drops the others."""
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify(web.request.args))
    flask = {"a": "1", "b": "3"}

    found = web.client(app).get("/?a=1&a=2&b=3").json
    assert found == ({"a": ["1", "2"], "b": ["3"]} if web.module is wz else flask)
    assert stdlib.loads(JSON().dumps(ImmutableMultiDict({"a": "1"}), indent=1)) == {"a": ["1"]}


# Settings, and options of `dumps` and `loads`.


OPTIONS: list[Any] = [
    pytest.param({"indent": 2}, id="indent"),
    pytest.param({"indent": "\t"}, id="a text as the indent"),
    pytest.param({"sort_keys": True}, id="sort_keys"),
    pytest.param({"ensure_ascii": True}, id="ensure_ascii"),
    pytest.param({"ensure_ascii": False}, id="not ensure_ascii"),
    pytest.param({"separators": (", ", " : ")}, id="separators"),
    pytest.param({"default": repr}, id="default"),
    pytest.param({"indent": 1, "sort_keys": True, "ensure_ascii": True, "check_circular": False}, id="several"),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_options_of_dumps_are_the_standard_library_s(web: Web, options: dict[str, Any]) -> None:
    value = {
        "b": [1, {"é": None}],
        "a": {
            1,
        }
        if "default" in options
        else "😀",
    }
    app = web.app()
    app.json.sort_keys = app.json.ensure_ascii = False

    expected = stdlib.dumps(value, **{"ensure_ascii": False, "separators": None, **options})
    if web.module is wz and not {"indent", "separators"} & options.keys():
        expected = stdlib.dumps(value, **{"ensure_ascii": False, "separators": (",", ":"), **options})
    assert app.json.dumps(value, **options) == expected
    file = io.StringIO()
    app.json.dump(value, file, **options)
    assert file.getvalue() == expected
    with app.app_context():
        assert json_module(web).dumps(value, **options) == expected


def json_module(web: Web) -> Any:
    return wz.json if web.module is wz else web.json


def test_skipkeys_and_allow_nan_work_too() -> None:
    assert JSON().dumps({(1,): 1, "a": 2}, skipkeys=True) == '{"a":2}'
    with pytest.raises(ValueError, match="Out of range float"):
        JSON().dumps([math.nan], allow_nan=False)


def test_an_option_that_does_not_exist_is_named(web: Web) -> None:
    app = web.app()

    with pytest.raises(TypeError, match="sorted_keys"):
        app.json.dumps({}, sorted_keys=True)
    with pytest.raises(TypeError, match="parse_floats"):
        app.json.loads("{}", parse_floats=Decimal)


def test_the_options_of_loads_are_the_standard_library_s(web: Web) -> None:
    app = web.app()

    assert app.json.loads(b"[1.10]", parse_float=Decimal) == [Decimal("1.10")]
    assert app.json.loads('{"a": 1}', object_pairs_hook=list) == [("a", 1)]
    assert app.json.load(io.BytesIO(b"[1]")) == app.json.load(io.StringIO("[1]")) == [1]
    with app.app_context():
        assert json_module(web).loads("[NaN]", parse_constant=str) == ["NaN"]
        assert json_module(web).load(io.StringIO("[1]")) == [1]


def test_the_module_s_functions_work_outside_of_an_app(web: Web) -> None:
    json = json_module(web)

    assert json.loads(json.dumps({"a": [Markup("<b>")]})) == {"a": ["<b>"]}
    file = io.StringIO()
    json.dump([uuid.UUID(int=1)], file)
    assert json.loads(file.getvalue()) == ["00000000-0000-0000-0000-000000000001"]


def test_settings_may_be_set_at_any_time(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: {"b": "é", "a": {"d": 1, "c": 2}})
    client = web.client(app)

    app.json.sort_keys = True
    app.json.ensure_ascii = False
    assert client.get("/").text.strip() == '{"a":{"c":2,"d":1},"b":"é"}'
    app.json.ensure_ascii = True
    assert client.get("/").text.strip() == '{"a":{"c":2,"d":1},"b":"\\u00e9"}'
    app.json.sort_keys = False
    assert client.get("/").text.strip() == '{"b":"\\u00e9","a":{"d":1,"c":2}}'
    app.json.mimetype = "application/vnd.api+json"
    answer = client.get("/")
    assert answer.content_type == "application/vnd.api+json"
    app.json.compact = False
    app.json.ensure_ascii = False
    assert client.get("/").text.strip() == stdlib.dumps({"b": "é", "a": {"d": 1, "c": 2}}, indent=2, ensure_ascii=False)


def test_settings_may_be_given(web: Web) -> None:
    assert (
        JSON(sort_keys=True).encode({"b": 1, "a": 2, "c": {2: "b", 1: "a"}}) == b'{"a":2,"b":1,"c":{"1":"a","2":"b"}}'
    )
    with pytest.raises(TypeError, match="no setting sort_key; it has compact, default, ensure_ascii"):
        JSON(sort_key=True)
    with pytest.raises(TypeError, match="one of the two"):
        JSON(enc_hook=repr, default=repr)


@pytest.mark.parametrize("debug", [False, True])
def test_compact_none_indents_in_debug_mode(web: Web, debug: bool) -> None:
    app = web.app()
    app.debug = debug
    app.json.compact = None
    app.add_url_rule("/", "view", lambda: web.jsonify(a=1))

    assert web.client(app).get("/").text.strip() == ('{\n  "a": 1\n}' if debug else '{"a":1}')


def test_jsonify_of_nothing_is_null(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify())

    assert web.client(app).get("/").text.strip() == "null"


def test_one_app_s_settings_are_not_another_s() -> None:
    one, other = App("one"), App("other")
    one.json.sort_keys = True

    assert (one.json.dumps({"b": 1, "a": 2}), other.json.dumps({"b": 1, "a": 2})) == ('{"a":2,"b":1}', '{"b":1,"a":2}')


def test_tojson_may_indent(web: Web) -> None:
    app = web.app()
    app.json.sort_keys = app.json.ensure_ascii = False
    page = "{{ {'b': '<é', 'a': 1}|tojson(indent=2) }}"

    with app.app_context():
        if web.module is wz:
            Templates(app)
            text = render_template_string(page)
        else:
            text = web.render_template_string(page)
    keys = '{\n  "b": "\\u003cé",\n  "a": 1\n}', '{\n  "a": 1,\n  "b": "\\u003cé"\n}'
    assert text == keys[web.module is not wz]  # Jinja has Flask sort them, whatever the setting


# Classes of one's own, as Flask documents them.


def base(web: Web) -> type[Any]:
    """Flask's DefaultJSONProvider, or wz's JSON."""
    return (
        JSON
        if web.module is wz
        else cast("type[Any]", __import__("flask.json.provider").json.provider.DefaultJSONProvider)
    )


def with_default(base: type[Any]) -> Any:
    class Provider(base):  # type: ignore[misc]
        sort_keys = False

        @staticmethod
        def default(obj: Any) -> Any:
            if isinstance(obj, datetime):
                return obj.timestamp()
            if isinstance(obj, set):
                return sorted(obj)
            return base.default(obj)

    return Provider


def with_a_method(base: type[Any]) -> Any:
    class Provider(base):  # type: ignore[misc]
        sort_keys = False

        def default(self, obj: Any) -> Any:
            match obj:
                case datetime():
                    return obj.timestamp()
                case set():
                    return sorted(obj)
            return super().default(obj)

    return Provider


@pytest.mark.parametrize("make", [with_default, with_a_method])
def test_a_default_is_asked_for_what_is_inside_of_others(web: Web, make: Callable[[type[Any]], Any]) -> None:
    app = web.app()
    app.json = make(base(web))(app)
    app.add_url_rule("/", "view", lambda: {"p": Point(AT, {Point(1, AT).x}), "in": [Point(Point(AT))]})

    at = AT.timestamp()
    assert web.client(app).get("/").json == {"p": {"x": at, "y": [1]}, "in": [{"x": {"x": at, "y": 0}, "y": 0}]}
    if web.module is wz:
        assert app.json.loads(app.json.encode([Named(AT), {AT}])) == [{"firstName": at}, [at]]


@pytest.mark.parametrize("make", [with_default, with_a_method])
def test_a_default_is_asked_for_all_that_the_standard_library_does_not_know(
    web: Web, make: Callable[[type[Any]], Any]
) -> None:
    app = web.app()
    app.json = make(base(web))(app)
    value = {"t": [AT], "s": {2, 1}, "u": uuid.UUID(int=1), "h": HTML(), "n": {None: 1}, "p": Point(1, 2)}
    app.add_url_rule("/", "view", lambda: value)
    app.add_url_rule("/bad", "bad", lambda: {"z": 1j})
    app.testing = True

    assert web.client(app).get("/").json == {
        "t": [AT.timestamp()],
        "s": [1, 2],
        "u": "00000000-0000-0000-0000-000000000001",
        "h": "<b>",
        "n": {"null": 1},
        "p": {"x": 1, "y": 2},
    }
    with pytest.raises(TypeError, match="complex"):
        web.client(app).get("/bad")


def test_a_default_may_be_assigned(web: Web) -> None:
    app = web.app()
    app.json.default = lambda obj: f"a {type(obj).__name__}"
    app.add_url_rule("/", "view", lambda: {"d": Decimal(1), "t": AT, "c": 1j})

    assert web.client(app).get("/").json == {"d": "a Decimal", "t": "a datetime", "c": "a complex"}


def test_a_default_that_leaves_decimals_to_ours_has_all_their_digits() -> None:
    provider = with_default(JSON)()

    value = [Decimal("1.10"), Decimal("1E+400"), Decimal("NaN"), Exact("-0"), math.inf, AT]
    assert provider.encode(value) == f"[1.10,1E+400,null,-0,null,{AT.timestamp()}]".encode()
    assert provider.dumps([Decimal("1.10")], indent=0) == "[\n1.10\n]"


def test_an_enc_hook_is_asked_for_what_msgspec_does_not_know_in_both_ways() -> None:
    provider = JSON(enc_hook=lambda obj: {"re": obj.real, "im": obj.imag})

    assert provider.encode([1j, Text("x")]) == b'[{"re":0.0,"im":1.0},"x"]'
    assert provider.encode([1j, "\ud800"]) == b'[{"re":0.0,"im":1.0},"\\ud800"]'


def test_another_library_may_write_and_read(web: Web) -> None:
    class Provider(base(web)):  # type: ignore[misc]
        def dumps(self, obj: Any, **options: Any) -> str:
            return f"[{stdlib.dumps(obj)}]"

        def loads(self, s: str | bytes, **options: Any) -> Any:
            return {"loaded": stdlib.loads(s)}

    app = web.app()
    app.json = Provider(app)
    app.add_url_rule("/", "view", lambda: {"a": 1})
    app.add_url_rule("/ify", "ify", lambda: web.jsonify(1))
    app.add_url_rule("/read", "read", lambda: repr(web.request.get_json()), methods=["POST"])
    client = web.client(app)

    assert client.get("/").text.strip() == '[{"a": 1}]'
    assert client.get("/ify").text.strip() == "[1]"
    assert client.post("/read", data="5", content_type="application/json").text == "{'loaded': 5}"
    assert app.test_client().post("/read", json=5).text == "{'loaded': [5]}"


def test_a_response_of_one_s_own_answers_for_dicts_too(web: Web) -> None:
    class Provider(base(web)):  # type: ignore[misc]
        def response(self, *args: Any, **kwargs: Any) -> Any:
            answer = super().response({"data": args[0] if args else kwargs})
            answer.headers["X-Wrapped"] = "1"
            return answer

    app = web.app()
    app.json = Provider(app)
    app.add_url_rule("/", "view", lambda: {"a": 1})
    app.add_url_rule("/list", "list", lambda: ([1], 201))
    app.add_url_rule("/ify", "ify", lambda: web.jsonify(a=1))

    for path, status, data in (("/", 200, {"a": 1}), ("/list", 201, [1]), ("/ify", 200, {"a": 1})):
        answer = web.client(app).get(path)
        assert (answer.status_code, answer.json, answer.headers["X-Wrapped"]) == (status, {"data": data}, "1")


def test_an_app_class_may_name_its_provider(web: Web) -> None:
    provider = with_default(base(web))

    class Mine(cast("type[Any]", App if web.module is wz else web.Flask)):  # type: ignore[misc]
        json_provider_class = provider

    assert isinstance(Mine("tests.wz").json, provider)


def test_responses_are_of_the_app_s_class(web: Web) -> None:
    class Mine(cast("type[Any]", web.Response)):  # type: ignore[misc]
        pass

    app = web.app()
    app.response_class = Mine

    answer = app.json.response(a=1)  # no app is current
    assert (type(answer), answer.mimetype, answer.json) == (Mine, "application/json", {"a": 1})
    with pytest.raises(TypeError, match="not both"):
        app.json.response(1, a=1)


def test_a_json_without_an_app_answers_for_the_current_one() -> None:
    app = App("test")
    app.json = JSON(compact=False)
    app.add_url_rule("/", "view", lambda: [1])

    assert validated(app).get("/").text == "[\n  1\n]"
    assert type(JSON().response(1)) is Response


def test_an_app_is_not_kept_by_its_json() -> None:
    provider, gone = kept()

    gc.collect()
    assert gone() is None
    assert provider.response(1).data == b"1"


def kept() -> tuple[JSON, weakref.ref[App]]:
    app = App("test")
    return app.json, weakref.ref(app)


# Bodies.


BODIES = [
    pytest.param(b'{"a": 1}', {"a": 1}, id="UTF-8"),
    pytest.param(codecs.BOM_UTF8 + b'"\xc3\xa9"', "é", id="a byte order mark"),
    pytest.param('"é"'.encode("utf-16"), "é", id="UTF-16"),
    pytest.param('"é"'.encode("utf-16-be"), "é", id="UTF-16 without a mark"),
    pytest.param('["é"]'.encode("utf-32"), ["é"], id="UTF-32"),
    pytest.param(rb'"\ud800"', "\ud800", id="half of a surrogate pair"),
    pytest.param(b"1" * 600, int("1" * 600), id="a long integer"),
    pytest.param(b"1e-999", 0.0, id="a number too small"),
    pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="a key twice"),
]


@pytest.mark.parametrize(("body", "value"), BODIES)
def test_a_body_that_flask_takes_is_taken(web: Web, body: bytes, value: Any) -> None:
    found = []
    app = web.app()

    @app.post("/")
    def view() -> str:
        found.append(web.request.get_json())
        return ""

    assert web.client(app).post("/", data=body, content_type="application/json").status_code == 200
    assert found == [value]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"[NaN]", "NaN is not in JSON (RFC 8259): send null, or a text", id="NaN"),
        pytest.param(b"-Infinity", "-Infinity is not in JSON", id="infinity"),
        pytest.param(b"[1e400]", "no float holds the number 1e400", id="a number beyond a double"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply", id="deep"),
        pytest.param(
            codecs.BOM_UTF8 + b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply", id="deep after a mark"
        ),
        pytest.param(b'{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)", id="malformed"),
        pytest.param(b"", "Expecting value: line 1 column 1 (char 0)", id="empty"),
        pytest.param(b'"\xff"', "invalid start byte", id="not UTF-8"),
        pytest.param(b"1" * 5000, "4300 digits", id="an integer of more digits than Python reads"),
    ],
)
def test_a_body_that_is_not_json_is_a_400_that_says_why(body: bytes, message: str) -> None:
    app = App("test")
    app.add_url_rule("/", "view", lambda request: repr(request.get_json()), methods=["POST"])

    answer = validated(app).post("/", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert message in answer.json["detail"]


class Body(msgspec.Struct):
    a: str


def typed(body: Body, request: Request) -> str:
    return ascii(body.a)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_typed_body_may_be_in_the_same_encodings(encoding: str) -> None:
    app = App("test")
    app.add_url_rule("/", "view", typed, methods=["POST"])
    client = validated(app)

    def post(text: str) -> Any:
        return client.post("/", data=text.encode(encoding), content_type="application/json")

    assert post('{"a": "é"}').text == "'\\xe9'"
    wrong = post('{"a": 1}')
    assert (wrong.status_code, wrong.json["field"]) == (422, "a")
    assert post('{"a": "x"').status_code == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(rb'{"a": "\ud800"}', "a text has half of a surrogate pair", id="half of a surrogate pair"),
        pytest.param(b'{"a": NaN}', "NaN is not in JSON", id="NaN"),
        pytest.param(b'{"a" 1}', "line 1 column 6", id="malformed"),
        pytest.param(b"\xff\xfe\x00", "the body is not JSON", id="cut UTF-16"),
        pytest.param(b'{"b":' + b"[" * 5000, "the body is not JSON", id="deep"),
    ],
)
def test_a_typed_body_that_is_not_json_is_a_400_that_says_why(body: bytes, message: str) -> None:
    app = App("test")
    app.add_url_rule("/", "view", typed, methods=["POST"])

    answer = validated(app).post("/", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert message in answer.json["detail"]


def test_no_json_is_a_type_error() -> None:
    """As the standard library raises it, so that a program that moves over catches it."""
    assert issubclass(NoJSON, TypeError)
