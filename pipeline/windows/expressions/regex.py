"""REGEXMATCH: where a regular expression first matches, in time that is linear in the text's length.

The text, and sometimes the expression, comes with an event; Python's `re` would take years for (a+)+$ over some dozens
of characters. RE2 does not. Its grammar: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re2

from ..language.values import RowError

# As documented, it ignores case, and takes the text for one line: . matches any character, ^ and $ only its two ends.
_OPTIONS = re2.Options()
_OPTIONS.case_sensitive = False
_OPTIONS.dot_nl = True
_OPTIONS.log_errors = False

#: The beginnings of RE2's messages about expressions that others accept: lookaround, backreferences, or their size.
_NOT_SUPPORTED = (b"invalid escape", b"invalid perl", b"invalid repetition size", b"pattern too large")


def regexmatch(text: str, pattern: str) -> int:
    """Return where `pattern` first matches, counted from 1; 0 if it doesn't.

    As documented, it is also 0 if `pattern` is not a regular expression. Raises `RowError` for an expression that is
    too large, or that RE2 does not support.
    """
    try:
        match = re2.compile(pattern, _OPTIONS).search(text)
    except re2.error as error:
        (message,) = error.args
        if message.startswith(_NOT_SUPPORTED):
            raise RowError(f"REGEXMATCH: {message.decode(errors='replace')} is not supported") from None
        return 0
    return 0 if match is None else int(match.start()) + 1
