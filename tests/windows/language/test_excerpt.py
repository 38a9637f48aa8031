from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.excerpt import excerpt
from pipeline.windows.language.tokens import At

LONG = "SELECT " + ", ".join(f"column{n}" for n in range(100)) + " FROM i"


@pytest.mark.parametrize(
    ("text", "at", "shown"),
    [
        pytest.param("SELECT a\nFROM i\nORDER BY a", At(3, 1), "  ORDER BY a\n  ^", id="the line of several"),
        pytest.param("SELECT a, FROM i", At(1, 11), "  SELECT a, FROM i\n            ^", id="within a line"),
        pytest.param("SELECT", At(1, 7), "  SELECT\n        ^", id="the end"),
        pytest.param("SELECT  \n", At(1, 9), "  SELECT\n        ^", id="blanks at the end"),
        pytest.param("SELECT a\r\nFORM i\r\n", At(2, 1), "  FORM i\n  ^", id="lines as Windows ends them"),
        pytest.param("SELECT\n", At(2, 1), "", id="an empty line"),
        pytest.param("\tSELECT\ta b", At(1, 11), "      SELECT    a b\n                  ^", id="tabs"),
        pytest.param("[\u00fc\u00f1] x", At(1, 6), "  [\u00fc\u00f1] x\n       ^", id="letters beyond ASCII"),
        pytest.param("[\u6e29\u5ea6] x", At(1, 6), "  [\u6e29\u5ea6] x\n         ^", id="wide letters"),
        pytest.param("[\U0001f525] x", At(1, 5), "  [\U0001f525] x\n       ^", id="emoji"),
        pytest.param("[e\u0301] x", At(1, 6), "  [e\u0301] x\n      ^", id="an accent of its own"),
        pytest.param(
            "[\ud800\x1b[2J\u202e\u2028] x",
            At(1, 11),
            "  [\ufffd\ufffd[2J\ufffd\ufffd] x\n            ^",
            id="what a terminal obeys",
        ),
    ],
)
def test_the_line_is_shown_with_a_caret_under_the_place(text: str, at: At, shown: str) -> None:
    assert excerpt(text, at) == shown


@pytest.mark.parametrize("word", ["SELECT", "column0,", "column1,", "column50", "column98", "column99", "FROM", "i"])
def test_a_long_line_is_cut_around_the_place(word: str) -> None:
    line, caret = excerpt(LONG, At(1, LONG.rindex(word) + 1)).split("\n")

    assert line[caret.index("^") :].startswith(word)
    assert len(line) <= 2 + 3 + 96 + 3
    assert line.startswith("  ...") != line.startswith("  SELECT")
    assert line.endswith("...") != line.endswith("FROM i")


def test_a_place_in_the_middle_has_as_much_on_both_sides() -> None:
    line, caret = excerpt(LONG, At(1, 500)).split("\n")

    assert line[5:-3] in LONG
    assert len(line) == 2 + 3 + 96 + 3
    assert caret.index("^") == 2 + 3 + 48


@given(st.text(st.characters(codec=None)), st.data())
def test_any_place_of_any_text_can_be_shown(text: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    number = data.draw(st.integers(1, len(lines)))
    at = At(number, data.draw(st.integers(1, len(lines[number - 1]) + 1)))

    shown = excerpt(text, at)
    assert shown == "" or (len(shown.splitlines()) == 2 and shown.rstrip().endswith("^"))
