from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.patterns import patindex

from ..support.evaluate import condition, row, value_of

LIKES = [
    ("abc", "abc", True),
    ("abc", "ABC", False),
    ("abc", "a%", True),
    ("abc", "%c", True),
    ("abc", "%b%", True),
    ("abc", "%x%", False),
    ("abc", "a_c", True),
    ("abc", "a_", False),
    ("abc", "%", True),
    ("", "%", True),
    ("", "", True),
    ("abc", "", False),
    ("a\nb", "a%b", True),
    ("a\n", "a", False),
    ("abcabc", "%bc", True),
    ("abcab", "%bc", False),
    ("aXbXc", "a%X%c", True),
    ("aXc", "a%X%X%c", False),
    ("aab", "%ab", True),
    ("5", "[0-9]", True),
    ("x", "[^0-9]", True),
    ("5", "[^0-9]", False),
    ("-", "[a-]", True),
    ("b", "[a-]", False),
    ("c", "[abc]%", True),
    ("%", "[%]", True),
    ("x", "[%]", False),
    ("[", "[[]", True),
    ("]", "]", True),
    ("a", "[]", False),
    ("a", "[^]", True),
    ("b", "[z-a]", False),
    ("a[", "a[", True),
    ("a.c", "a.c", True),
    ("abc", "a.c", False),
    ("\\", "[\\]", True),
    ("^", "[a^]", True),
    ("12 AC 34", "%AC%", True),  # R/where
]


@pytest.mark.parametrize(("text", "pattern", "is_like"), LIKES)
def test_like(text: str, pattern: str, is_like: bool) -> None:
    constant = pattern.replace("'", "''")

    assert condition(f"a LIKE '{constant}'")(row(a=text)) is is_like
    assert condition("a LIKE b")(row(a=text, b=pattern)) is is_like
    assert condition("a NOT LIKE b")(row(a=text, b=pattern)) is not is_like


@pytest.mark.parametrize(
    ("text", "pattern", "is_like"),
    [
        *(
            ("50%", "50!%", True),
            ("500", "50!%", False),
            ("a_b", "%!_%", True),
            ("ab", "%!_%", False),
            ("!", "!!", True),
        ),
        *(
            ("[x]", "![x]", True),
            ("]", "[!]]", True),
            ("-", "[a!-z]", True),
            ("m", "[a!-z]", False),
            ("a!", "a!", True),
        ),
    ],
)
def test_a_character_after_the_escape_means_itself(text: str, pattern: str, is_like: bool) -> None:
    assert condition(f"a LIKE '{pattern}' ESCAPE '!'")(row(a=text)) is is_like


@pytest.mark.parametrize(
    ("text", "columns", "result"),
    [
        ("a LIKE 'x'", {}, None),
        ("a LIKE NULL", {"a": "x"}, None),
        ("a NOT LIKE 'x'", {}, None),
        ("a LIKE '1%'", {"a": 123}, True),
        ("CAST('2024-05-01' AS datetime) LIKE '2024-%'", {}, True),
    ],
)
def test_like_of_null_is_null_and_other_types_are_text(text: str, columns: dict[str, Any], result: Any) -> None:
    assert condition(text)(row(**columns)) is result


def plain(pattern: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=10))
def test_like_is_what_a_plain_translation_says(pattern: str, text: str) -> None:
    expected = re.fullmatch(plain(pattern), text, re.DOTALL) is not None

    assert condition("a LIKE b")(row(a=text, b=pattern)) is expected


@given(st.text("ab_%", min_size=1, max_size=5).filter(lambda part: part.strip("%")), st.text("ab", max_size=10))
def test_patindex_is_where_a_plain_translation_first_matches(part: str, text: str) -> None:
    match = re.search(plain(part.strip("%")), text, re.DOTALL)

    assert patindex(f"%{part}%", text) == (0 if match is None else match.start() + 1)


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("PATINDEX('%100%', 'ab100')", 3),
        ("PATINDEX('%100%', 'ab')", 0),
        ("PATINDEX('ab%', 'abc')", 1),
        ("PATINDEX('bc%', 'abc')", 0),
        ("PATINDEX('%bc', 'abcbc')", 4),
        ("PATINDEX('%[0-9]_x%', 'a15x')", 2),
        ("PATINDEX('%', 'abc')", 1),
        ("PATINDEX('abc', 'abc')", 1),
        ("PATINDEX(NULL, 'abc')", None),
        ("PATINDEX('%a%', NULL)", None),
    ],
)
def test_patindex(call: str, result: Any) -> None:
    assert value_of(call) == result


def test_no_pattern_runs_away() -> None:
    text = "a" * 20_000
    pattern = "%a" * 200 + "b%"

    assert condition("a LIKE b")(row(a=text, b=pattern)) is False
    assert patindex(pattern, text) == 0
