"""JSON, by msgspec, as an app's requests and responses use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class JSON:
    """An app's JSON, by msgspec: dates and times as RFC 3339, decimals as numbers, UUIDs, dataclasses, Structs.

    A decimal becomes a number with all its digits. A client that parses numbers as doubles may lose some; the document
    itself does not. `enc_hook` is called with a value that msgspec can't encode, and returns one that it can.
    """

    def __init__(self, enc_hook: Callable[[Any], Any] | None = None, decimal_format: str = "number") -> None:
        encoder = msgspec.json.Encoder(enc_hook=enc_hook or _html, decimal_format=decimal_format)  # type: ignore[arg-type]
        self.encode: Callable[[Any], bytes] = encoder.encode

    def dumps(self, obj: Any, **_: Any) -> str:
        """Encode as text. Keywords of the standard library's `dumps` are taken and ignored.

        Raises NotImplementedError for what has no JSON form.
        """
        return self.encode(obj).decode()

    def loads(self, data: str | bytes, **_: Any) -> Any:
        """Decode. Raises ValueError, also for what is nested too deeply."""
        try:
            return msgspec.json.decode(data)
        except RecursionError as exc:
            raise ValueError("nested too deeply") from exc


def _html(obj: Any) -> Any:
    if hasattr(obj, "__html__"):  # what MarkupSafe's Markup and its like agree on
        return str(obj.__html__())
    raise NotImplementedError(f"{type(obj).__name__} has no JSON form: give the app a JSON(enc_hook=...)")


json = JSON()
