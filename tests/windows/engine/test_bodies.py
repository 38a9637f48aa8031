"""What is read from a body, and what is said of one that has no records."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.windows.engine.bodies import InputError, json_records, read_body
from pipeline.windows.language.values import DEEPEST

BOM = b"\xef\xbb\xbf"


def nested(levels: int) -> bytes:
    """Return JSON with so many levels, the outermost object among them: arrays of one item inside of each other."""
    return b'{"a":%s1%s}' % (b"[" * (levels - 1), b"]" * (levels - 1))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"7", id="a number"),
        pytest.param(b'[{"a": 1}, 7]', id="an array with a number"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b'{"a": 1e999}', id="a number that is too large"),
        pytest.param(nested(DEEPEST + 1), id="too deep"),
        pytest.param(nested(100_000), id="much too deep"),
        pytest.param(b'{"a": 9223372036854775808}', id="an integer beyond 64 bits"),
    ],
)
def test_a_body_without_records_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        json_records(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(nested(DEEPEST), id="as deep as may be"),
        pytest.param(b"[%s]" % b",".join([b'{"a":[[1],{}]}'] * 500), id="wide"),
        pytest.param(msgspec.json.encode({"a": "[{" * 500}), id="brackets in text"),
    ],
)
def test_what_is_one(body: bytes) -> None:
    assert json_records(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(BOM + b'{"a": 1}', [{"a": 1}], id="byte-order mark"),
        pytest.param(BOM + b'[{"a": 1}]', [{"a": 1}], id="byte-order mark and an array"),
        pytest.param(b'{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}], id="lines"),
        pytest.param(b'{"a": 1}\r\n\r\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}], id="Windows"),
        pytest.param(BOM + b'\n{"a": "\\n"}\n {"a": 2}', [{"a": "\n"}, {"a": 2}], id="blanks, and a break in text"),
        pytest.param(b"\n".join([b'{"a":[]}'] * 1000), [{"a": []}] * 1000, id="many"),
        pytest.param(b"\n".join([nested(DEEPEST)] * 2), 2, id="each as deep as may be"),
        pytest.param(b'\n{\n"a": 1\n}\n', [{"a": 1}], id="one over several lines"),
        pytest.param(b"[]", [], id="an empty array"),
    ],
)
def test_json_may_be_one_object_an_array_or_objects_one_a_line(body: bytes, expected: Any) -> None:
    records = json_records(body)
    assert (len(records) if isinstance(expected, int) else records) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1}\n{"a": }', "line 2 of the body is not JSON: JSON is malformed"),
        (b'{"a": 1}\n\n7', "line 3 of the body is not a JSON object"),
        (b'{"a": 1}\n[{"a": 2}]', "line 2 of the body is not a JSON object"),
        (b'{"a": 1}\n{"a": 9223372036854775808}', "line 2 of the body is nested too deeply, or has an integer of more"),
        (b'{"a": 1}{"a": 2}', "the body is not JSON: JSON is malformed: trailing characters"),
        (b'{\n"a": 1,\n}', "the body is not JSON: JSON is malformed"),
        (b" \n ", "the body is not JSON: Input data was truncated"),
        (BOM + BOM + b"{}", "the body is not JSON"),
    ],
)
def test_of_lines_all_are_taken_or_none_and_the_first_that_is_wrong_is_named(body: bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        json_records(body)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("body", "delimiter", "expected"),
    [
        pytest.param(b"a,b\r\n1,x\r\n2,\r\n", ",", [{"a": "1", "b": "x"}, {"a": "2", "b": ""}], id="comma"),
        pytest.param(BOM + 'a;ö\n"1;""2""\n3";x'.encode(), ";", [{"a": '1;"2"\n3', "ö": "x"}], id="quotes"),
        pytest.param(b"a\tb\n\n1", "\t", [{"a": "1"}], id="a short line, and an empty one"),
        pytest.param(b"a|b\n1|2", "|", [{"a": "1", "b": "2"}], id="bar"),
        pytest.param(b"a b\n1 2", " ", [{"a": "1", "b": "2"}], id="space"),
        pytest.param(b"a,b", ",", [], id="names alone"),
        pytest.param(b"", ",", [], id="nothing"),
    ],
)
def test_the_first_line_of_csv_has_the_names_and_values_are_text(body: bytes, delimiter: Any, expected: Any) -> None:
    assert read_body("csv", delimiter)(body) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a,b\n1,2\n1,2,3", "line 3 of the body: it has 3 values, the first line 2 names"),
        (b'a\n1\n"x', "line 3 of the body: it is not CSV: unexpected end of data"),
        (b"a,b,A\n1,2,3", "line 1 is to name the columns, but has a name twice: a, b, A"),
        (b"a\n\xff", "the body is not UTF-8: "),
    ],
)
def test_csv_that_can_not_be_read_is_named_by_its_line(body: bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_body("csv", ",")(body)
    assert str(raised.value).startswith(message)
