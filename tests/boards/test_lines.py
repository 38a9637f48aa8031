"""The lines of an exported board, without a board."""

from __future__ import annotations

import pytest

from pipeline.boards.lines import read, write
from pipeline.boards.snapshot import Row
from pipeline.errors import InvalidValue

SETTINGS = b'{"places":2,"order":"desc","ties":"name","sample":0,"most":0,"expires":null,"members":%d}'
LINES = [
    SETTINGS % 3,
    b'{"member":"bob","score":-12.5,"segments":["gold","red"]}',
    b'{"member":"\xc3\xa9\\"","score":90071992547409.91,"features":{"a":"\\"","b":1.50,"c":true}}',
    b'{"member":"cid","features":{"age":41}}',
]


def test_lines_are_written_as_they_were_read() -> None:
    settings, rows = read(line + b"\n" for line in LINES)
    found = list(rows)

    assert found == [
        Row(b"bob", -1250, frozenset({"gold", "red"}), b""),
        Row(b'\xc3\xa9"', 9007199254740991, frozenset(), b'{"a":"\\"","b":1.50,"c":true}'),
        Row(b"cid", None, frozenset(), b'{"age":41}'),
    ]
    assert list(write(settings, found)) == LINES


@pytest.mark.parametrize(
    ("lines", "field", "text"),
    [
        pytest.param([], "members", "there are no lines", id="nothing"),
        pytest.param([b"{}"], "places", "line 1: Object missing required field", id="no settings"),
        pytest.param([b"[1]"], "member", "line 1: Expected `object`", id="another document"),
        pytest.param([SETTINGS % 1, b"{"], "member", "line 2: Input data was truncated", id="no JSON"),
        pytest.param([SETTINGS % 1, b'{"member":"a\xff"}'], "member", "line 2: ", id="no UTF-8"),
        pytest.param([SETTINGS % 1, b'{"member":""}'], "member", "line 2: a member's name", id="no name"),
        pytest.param([SETTINGS % 1, b'{"member":1}'], "member", "line 2: Expected `str`", id="a number as name"),
        pytest.param([SETTINGS % 1, b'{"member":"a"}'], "score", "line 2: a member has a score", id="nothing of it"),
        pytest.param([SETTINGS % 1, b'{"member":"a","score":1.234}'], "score", "line 2: score has more", id="places"),
        pytest.param([SETTINGS % 1, b'{"member":"a","score":1e400}'], "score", "line 2: score must be", id="range"),
        pytest.param([SETTINGS % 1, b'{"member":"a","core":1}'], "core", "line 2: Object contains unknown", id="typo"),
        pytest.param(
            [SETTINGS % 1, b'{"member":"a","features":{"x":null}}'], "features", "line 2: the feature 'x'", id="null"
        ),
        pytest.param([SETTINGS % 1, b'{"member":"a","segments":["-"]}'], "segment", "line 2: '-' is not", id="segment"),
        pytest.param([SETTINGS % 2, LINES[1], b"", LINES[1]], "member", "line 4: 'bob' is in a line", id="twice"),
        pytest.param(
            [SETTINGS % 2, LINES[1]], "members", "says that 2 members follow, and there are 1", id="cut short"
        ),
        pytest.param([SETTINGS % 0, LINES[1]], "members", "says that 0 members follow, and there are 1", id="too many"),
    ],
)
def test_a_wrong_line_is_named(lines: list[bytes], field: str, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        list(read(line + b"\n" for line in lines)[1])

    assert text in str(caught.value)
    assert caught.value.field == field
