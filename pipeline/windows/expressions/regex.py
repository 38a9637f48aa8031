"""REGEXMATCH: where a regular expression first matches, in time that grows with the text's length and no faster.

An expression, and surely a text, may come with an event, and Python's `re` would take years for (a+)+$ over thirty
characters. RE2 does not: https://github.com/google/re2/wiki/Syntax is the grammar.
"""

from __future__ import annotations

import re2

from ..language.values import RowError

# As documented it ignores case and knows one line: `.` is any character, ^ and $ are the text's ends.
_OPTIONS = re2.Options()
_OPTIONS.case_sensitive = False
_OPTIONS.dot_nl = True
_OPTIONS.log_errors = False

#: How RE2 says that an expression may well be one elsewhere: with lookaround, a backreference, or too large.
_NOT_SUPPORTED = (b"invalid escape", b"invalid perl", b"invalid repetition size", b"pattern too large")


def regexmatch(text: str, pattern: str) -> int:
    """Return where `pattern` first matches, from 1; 0 if it doesn't, or is no regular expression, as documented.

    Raises `RowError` for an expression that is too large, or of a kind that RE2 has not.
    """
    try:
        match = re2.compile(pattern, _OPTIONS).search(text)
    except re2.error as error:
        (message,) = error.args
        if message.startswith(_NOT_SUPPORTED):
            raise RowError(f"REGEXMATCH: {message.decode(errors='replace')} is not supported") from None
        return 0
    return 0 if match is None else int(match.start()) + 1
