"""What must not be in a trace: tokens and cookies. They are replaced by "hidden, 163 characters"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

#: Headers that are hidden whatever the program says.
NAMES = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})

#: A value in a trace is cut at this many characters.
LENGTH = 200

#: A part of a secret that is shorter is not looked for in other texts: it might be any word.
_SHORT = 16


class Hidden:
    """Hides by name. `names` are those of headers, of keys of the environ and of values of a query string."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = NAMES | {_name(name) for name in names}
        query = "|".join(re.escape(name) for name in sorted(self.names))
        self._in_query = re.compile(rf"((?:^|[?&;])(?:{query})=)[^&;#\s]+", re.IGNORECASE)

    def is_secret(self, name: str) -> bool:
        """Say whether a header, or a key of the environ, is hidden by its name: `HTTP_COOKIE` is, as `Cookie`."""
        return _name(name) in self.names

    def value(self, name: str, value: Any) -> str:
        """Return a value as a trace shows it. Objects are shown as their type's name: nobody knows what they hold."""
        if not isinstance(value, str | int | float | bool | None):
            return f"a {type(value).__name__}"
        text = str(value)
        return f"hidden, {len(text)} characters" if self.is_secret(name) else self.text(text)

    def text(self, text: str) -> str:
        """Return a text without what a query string in it hides, cut at `LENGTH`."""
        if "=" in text:
            text = self._in_query.sub(r"\1hidden", text)
        return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"

    def found_in(self, headers: Iterable[tuple[str, str]]) -> list[str]:
        """Return the secrets that these headers hold, the longest first, for texts that repeat one.

        Looked for are each value, what follows its scheme, and what has a name in it, as `sig=...` and each cookie.
        """
        parts: set[str] = set()
        for name, value in headers:
            if self.is_secret(name):
                token = value.partition(" ")[2]
                named = [pair.partition("=")[2] for pair in re.split(r"[;,&\s]+", value)]
                parts |= {value, token, *named}
        parts |= {unquote_plus(part) for part in parts}
        return sorted((part for part in parts if len(part) >= _SHORT), key=len, reverse=True)


def _name(name: str) -> str:
    return name.removeprefix("HTTP_").replace("_", "-").lower()
