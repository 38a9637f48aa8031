"""Tables as text: what is read, and where a text that can't be read goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.reference.text import InvalidReference, records_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("[]", [], id="no rows"),
        pytest.param(' [ {"a": 1} ,\n{"a": "ä"},{"a": 1}]', [{"a": 1}, {"a": "ä"}, {"a": 1}], id="an array"),
        pytest.param('\ufeff{"a": 1}\n\n{"b": [2]}', [{"a": 1}, {"b": [2]}], id="an object a line"),
    ],
)
def test_json(text: str, expected: list[Any]) -> None:
    assert records_of(text.encode(), is_csv=False) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a,b\n", [], id="names alone"),
        pytest.param('\ufeffa,b\r\n1,"x,\ny"\r\n\r\n2\r\n', [{"a": "1", "b": "x,\ny"}, {"a": "2"}], id="values"),
    ],
)
def test_csv(text: str, expected: list[Any]) -> None:
    assert records_of(text.encode(), is_csv=True) == expected


@pytest.mark.parametrize(
    ("text", "is_csv", "line", "column"),
    [
        pytest.param(b'{"a": 1}\n{"a": \xff}', False, 2, 7, id="bytes"),
        pytest.param('[{"ä": 1},\n {"a": 1 "b"}]'.encode(), False, 2, 10, id="no comma"),
        pytest.param(b'[{"a": 1},\n {"a": 1}', False, 2, 10, id="no end"),
        pytest.param(b'[{"a": 1},\n   3]', False, 2, 4, id="a number in an array"),
        pytest.param(b'{"a": 1}\n\n[]\n', False, 3, 1, id="an array on a line"),
        pytest.param('{"ä": 1}\n{"ä": }'.encode(), False, 2, 7, id="no value"),
        pytest.param(b"[" * 100_000, False, 1, 1, id="very deep"),
        pytest.param(b"a,a\n", True, 1, 2, id="a name twice"),
        pytest.param(b"a,b\n1,2\n1,2,3\n", True, 3, 3, id="too many values"),
        pytest.param(b'a,b\n1,"2\n', True, 2, None, id="no end of a quote"),
    ],
)
def test_what_can_t_be_read_is_refused_with_the_place(text: bytes, is_csv: bool, line: int, column: int | None) -> None:
    with pytest.raises(InvalidReference) as caught:
        records_of(text, is_csv, "t")

    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"t, line {line}" + (f", column {column}: " if column else ": "))
