"""Forms of pages: what was typed is kept, and an error is shown beside its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pipeline.console.words import sentence
from pipeline.errors import InvalidValue
from wz import Request

T = TypeVar("T")

#: Bytes of a form, all together.
MAX_FORM = 64 * 1024


class Form:
    """What somebody has typed: `values` and `errors` by the names of fields; the error of "" is the whole form's."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})
        self.errors: dict[str, str] = {}

    @classmethod
    def of(cls, request: Request, most: int = MAX_FORM) -> Form:
        """Read a form that was posted. Raises a 413 for one of more bytes than `most`."""
        request.max_content_length = most
        return cls({name: value.strip() for name, value in request.form.items()})

    def __getitem__(self, name: str) -> str:
        """Return what was typed, without spaces around it; "" for a field that was not sent."""
        return self.values.get(name, "")

    def __bool__(self) -> bool:
        """Say whether there is no error so far."""
        return not self.errors

    def read(self, name: str, how: Callable[[str], T]) -> T | None:
        """Return `how` of what was typed, None for an empty field. An `InvalidValue` is noted as the field's error."""
        if not self[name]:
            return None
        try:
            return how(self[name])
        except InvalidValue as exc:
            self.wrong(str(exc), name)
        return None

    def wrong(self, message: str, name: str = "") -> None:
        """Note an error; the first one of a field stays."""
        self.errors.setdefault(name, sentence(message))


def whole_number(text: str) -> int:
    """Read a number of at most nine digits. Raises `InvalidValue`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise InvalidValue(f"{text!r} is not a whole number", "number")
    return int(text)
