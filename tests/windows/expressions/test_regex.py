from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.regex import regexmatch
from pipeline.windows.language.values import RowError

MATCHES = [
    # R/regexmatch
    ("[0-9][0-9][0-9]", "ABC 123", 5),
    ("[0-9][0-9][0-9]", "ABC 12", 0),
    # case is ignored
    ("xyz", "aXyZ", 2),
    ("[a-c]", "B", 1),
    ("[^a-c]", "B", 0),
    ("é", "É", 1),
    # one line
    ("a.b", "a\nb", 1),
    ("^b", "a\nb", 0),
    ("a$", "a\n", 0),
    # as in ECMAScript
    (r"\d", "٣", 0),
    (r"\w", "é", 0),
    (r"\bb\b", "a b c", 3),
    (r"\Bb", "ab", 2),
    (r"\x41b\n", "ab\n", 1),
    (r"[\d-x]", "-", 1),
    (r"[a\]]", "]", 1),
    (r"[\D]", "1a", 2),
    (r"a{2", "a{2", 1),
    (r"a{,2}", "a{,2}", 1),
    ("]", "]", 1),
    ("(?<name>a)", "ba", 2),
    ("a??b", "xab", 2),
    ("(a|ab)(c|bcd)", "xabcd", 2),
    ("", "abc", 1),
    ("b|", "ab", 1),
    ("x*", "", 1),
    ("(a*)*b", "aaab", 1),
    # no regular expressions, which match nothing
    ("(", "(", 0),
    ("a)", "a)", 0),
    ("*a", "*a", 0),
    ("a**", "aa", 0),
    ("[z-a]", "z", 0),
    ("[a", "a", 0),
    ("\\", "\\", 0),
]


@pytest.mark.parametrize(("pattern", "text", "place"), MATCHES)
def test_regexmatch(pattern: str, text: str, place: int) -> None:
    assert regexmatch(text, pattern) == place


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)", "(?!a)", "(?<=a)b", r"\cJ", "(a{1000}){1000}", "a{2,1}"])
def test_what_is_not_supported_says_so(pattern: str) -> None:
    with pytest.raises(RowError, match="REGEXMATCH: "):
        regexmatch("a", pattern)


ATOMS = st.sampled_from(["a", "b", "1", ".", "[ab]", "[^a]", "[b-c1]", r"\d", r"\W", r"\s", r"\b", "^", "$", "A"])
PATTERNS = st.recursive(
    ATOMS,
    lambda patterns: (
        st.tuples(patterns, patterns).map("".join)
        | st.tuples(patterns, patterns).map(lambda pair: f"({pair[0]}|{pair[1]})")
        | st.tuples(patterns, st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,2}", "{0,}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
    ),
    max_leaves=5,
)


@given(PATTERNS, st.text("aAbc1 _", max_size=8))
def test_a_match_begins_where_re_finds_it(pattern: str, text: str) -> None:
    match = re.search(pattern.replace("$", r"\Z"), text, re.IGNORECASE | re.DOTALL | re.ASCII)

    assert regexmatch(text, pattern) == (0 if match is None else match.start() + 1)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){12}$", "(a?){30}a{30}b", ".*.*.*b"])
def test_no_expression_runs_away(pattern: str) -> None:
    assert regexmatch("a" * 100_000 + "!", pattern) == 0
