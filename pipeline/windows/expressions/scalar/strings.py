"""Functions of text. Characters are Unicode code points, places count from 1, and case counts except in REGEXMATCH.

A value that is not text is first made text, as CAST does it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...language.values import RowError
from ...row import Evaluate, Fixed
from ..casts import to_bigint, to_text
from ..limits import check_length, checked_text
from ..patterns import patindex
from ..regex import regexmatch
from .binding import Bind, call, nullable, strict

#: As the documentation of TRIM lists them. str.strip() alone would also remove U+001C to U+001F.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"


def _charindex(wanted: str, text: str, start: int = 1) -> int:
    """Return the place of `wanted`, 0 if `text` doesn't have it. An empty `wanted` gives 0, as in T-SQL."""
    return text.find(wanted, max(start, 1) - 1) + 1 if wanted else 0


def _concat(*texts: str | None) -> str:
    return checked_text("".join(text for text in texts if text is not None))


def _concat_ws(separator: str | None, *texts: str | None) -> str:
    return checked_text((separator or "").join(text for text in texts if text is not None))


def _left(text: str, length: int) -> str:
    return text[: _length("LEFT", length)]


def _right(text: str, length: int) -> str:
    return text[max(0, len(text) - _length("RIGHT", length)) :]


def _substring(text: str, start: int, length: int) -> str:
    """Return a part of the text. The length counts from `start`, even before 1: SUBSTRING('abc', 0, 2) is 'a'."""
    end = start + _length("SUBSTRING", length)
    return text[max(start, 1) - 1 : max(end, 1) - 1]


def _stuff(text: str, start: int, length: int, inserted: str) -> str:
    """Replace a part of the text. A start before 1 counts as 1; one after the end gives ''."""
    if start > len(text):
        return ""
    begin = max(start, 1) - 1
    return checked_text(text[:begin] + inserted + text[begin + _length("STUFF", length) :])


def _replace(text: str, pattern: str, replacement: str) -> str:
    if not pattern:
        return text
    check_length(len(text) + text.count(pattern) * (len(replacement) - len(pattern)))
    return text.replace(pattern, replacement)


def _replicate(text: str, count: int) -> str | None:
    """Repeat the text; NULL for a negative count."""
    if count < 0:
        return None
    check_length(len(text) * count)
    return text * count


def _translate(text: str, characters: str, translations: str) -> str:
    if len(characters) != len(translations):
        raise RowError("TRANSLATE takes as many translations as characters")
    table: dict[int, str] = {}
    for character, translation in zip(characters, translations, strict=True):
        table.setdefault(ord(character), translation)
    return text.translate(table)


def _nchar(code: int) -> str | None:
    """Return the character of a code; NULL if the code is outside Unicode, or half of a UTF-16 pair."""
    return chr(code) if 0 <= code <= 0xD7FF or 0xE000 <= code <= 0x10FFFF else None


def _unicode(text: str) -> int | None:
    return ord(text[0]) if text else None


def _regexmatch(operands: Sequence[Evaluate], unit: str) -> Evaluate:
    """Return REGEXMATCH. A constant expression is tried now, so that an unsupported one is an error in the query."""
    expression = operands[1]
    if isinstance(expression, Fixed) and expression.value is not None:
        regexmatch("", to_text(expression.value))
    return call(regexmatch, operands, (to_text, to_text))


def _length(name: str, length: int) -> int:
    if length < 0:
        raise RowError(f"{name} takes no negative length: {length}")
    return length


FUNCTIONS: dict[str, Bind] = {
    "CHARINDEX": strict(_charindex, to_text, to_text, to_bigint),
    "CONCAT": nullable(_concat, to_text),
    "CONCAT_WS": nullable(_concat_ws, to_text),
    "LEFT": strict(_left, to_text, to_bigint),
    "LEN": strict(lambda text: len(text.rstrip(" ")), to_text),
    "LOWER": strict(str.lower, to_text),
    "LTRIM": strict(lambda text: text.lstrip(_WHITE_SPACE), to_text),
    "NCHAR": strict(_nchar, to_bigint),
    "PATINDEX": strict(patindex, to_text, to_text),
    "REGEXMATCH": _regexmatch,
    "REPLACE": strict(_replace, to_text, to_text, to_text),
    "REPLICATE": strict(_replicate, to_text, to_bigint),
    "REVERSE": strict(lambda text: text[::-1], to_text),
    "RIGHT": strict(_right, to_text, to_bigint),
    "RTRIM": strict(lambda text: text.rstrip(_WHITE_SPACE), to_text),
    "SPACE": strict(lambda count: _replicate(" ", count), to_bigint),
    "STUFF": strict(_stuff, to_text, to_bigint, to_bigint, to_text),
    "SUBSTRING": strict(_substring, to_text, to_bigint, to_bigint),
    "TRANSLATE": strict(_translate, to_text, to_text, to_text),
    "TRIM": strict(lambda text: text.strip(_WHITE_SPACE), to_text),
    "UNICODE": strict(_unicode, to_text),
    "UPPER": strict(str.upper, to_text),
}
