"""JSON, by msgspec, as an app's requests and responses use it; and the functions of `flask.json`.

    app.json.sort_keys = True            # a setting
    app.json = MyJSON(app)               # a subclass, with `default`, or with `dumps` and `loads`
    text = json.dumps(value, indent=2)   # from wz import json: by the current app's JSON

msgspec writes and reads what it can; the rest of what Flask takes is left to the standard library (wz/stdlib_json.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from .provider import JSONProvider
from .provider import dump as dump
from .provider import dumps as dumps
from .provider import jsonify as jsonify
from .provider import load as load
from .provider import loads as loads

_read_over = msgspec.json.Decoder(msgspec.Raw).decode  # which makes nothing of a document, and raises if it is not JSON


class JSON(JSONProvider):
    """An app's JSON, `app.json`: Flask's DefaultJSONProvider, with its names and settings.

    Dates and times are written as RFC 3339 has them, and decimals as numbers with all their digits: a client that
    parses numbers as doubles may lose some. NaN and infinity are null, as in JavaScript. What else msgspec knows is
    written as it does that: UUIDs, enums, dataclasses, Structs, sets, bytes (in base64). A subclass of a type is
    written as that type, an object with `__html__` as what that returns. Anything else is a TypeError that names the
    value and its place.
    """

    def prepare(self) -> None:
        super().prepare()
        #: Raises TypeError or ValueError for what is left to the standard library.
        self._encode: Callable[[Any], bytes] = _refuse
        if self.own_default is None and not self.ensure_ascii and type(self).dumps is JSON.dumps:
            self._encode = msgspec.json.Encoder(
                enc_hook=partial(_hook, self.enc_hook),
                decimal_format=self.decimal_format,
                order="sorted" if self.sort_keys else None,
            ).encode

    def encode(self, value: Any) -> bytes:
        """Encode in UTF-8, as `dumps` does it. Raises TypeError for what has no JSON form."""
        try:
            body = self._encode(value)
            _read_over(body)  # msgspec writes a decimal as Python prints it: a NaN, or a key without quotes, is no JSON
        except (TypeError, ValueError):
            return self.dumps(value).encode()
        return body

    def dumps(self, obj: Any, **options: Any) -> str:
        if not options:
            try:
                body = self._encode(obj)
                _read_over(body)
                return body.decode()
            except (TypeError, ValueError):
                pass
        return super().dumps(obj, **options)


def _refuse(value: Any) -> bytes:
    raise TypeError


def _hook(enc_hook: Callable[[Any], Any] | None, obj: Any) -> Any:
    from .stdlib_json import plain  # most documents hold nothing that msgspec does not know

    return plain(obj, enc_hook)


json = JSON()
