"""What can be set and asked of an app's JSON, with the names of `flask.json` and `flask.json.provider`."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from .app import App  # upwards: a response is of the app's class
    from .http import Response  # upwards: what `jsonify` returns
    from .json import JSON  # upwards: what a current app has


def _default(obj: Any) -> Any:
    """Return what `JSON` writes for an object, or raise TypeError: for a `default` of one's own to call."""
    from .stdlib_json import default  # only a `default` of one's own calls this one

    return default(obj)


class JSONProvider:
    """The part of `wz.json.JSON` that a usual request does not pass.

    The attributes are settings, of an object or of a subclass. With a `default`, `ensure_ascii` or `dumps` of one's own
    the standard library writes all documents, which takes it several times as long as msgspec.
    """

    #: Called with each object that the standard library's encoder does not know, dates and decimals included. It
    #: returns one that is known, or a decimal, or raises TypeError. This one writes what `JSON` says.
    default: Callable[[Any], Any] = staticmethod(_default)
    #: Write what is not ASCII as escape sequences.
    ensure_ascii = False
    sort_keys = False
    #: False has `response` indent what it writes; None has it do so in debug mode.
    compact: bool | None = True
    #: The Content-Type of responses.
    mimetype = "application/json"

    def __init__(
        self,
        app: App | None = None,
        *,
        enc_hook: Callable[[Any], Any] | None = None,
        decimal_format: Literal["number", "string"] = "number",
        **settings: Any,
    ) -> None:
        """`settings` are the attributes. Responses are of the app's class; without `app`, of the current app's.

        `enc_hook` is called with a value that msgspec can't encode, and returns one that it can. It keeps msgspec's
        speed, where a `default` does not. `decimal_format="string"` writes decimals as text.
        """
        unknown = settings.keys() - _SETTINGS
        if unknown:
            raise TypeError(f"JSON has no setting {', '.join(sorted(unknown))}; it has {', '.join(sorted(_SETTINGS))}")
        self._app = (lambda: None) if app is None else weakref.ref(app)
        self.enc_hook = enc_hook
        self.decimal_format = decimal_format
        vars(self).update(settings)
        self.prepare()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _SETTINGS:
            self.prepare()

    def prepare(self) -> None:
        """Read the settings, when they are set and not for each document. Raises TypeError if two exclude each other.

        `own_default` is a `default` other than this class's. `is_plain` says that a response is nothing but what
        `encode` returns, as application/json.
        """
        cls = type(self)
        self.own_default = None if self.default is JSONProvider.default else self.default
        if self.own_default and self.enc_hook:
            raise TypeError("a JSON with a default of its own calls no enc_hook: give it one of the two")
        is_default = self.compact is True and self.mimetype == JSONProvider.mimetype
        self.is_plain = is_default and cls.response is JSONProvider.response

    def encode(self, value: Any) -> bytes:
        """Encode in UTF-8, as `dumps` does it. Raises TypeError for what has no JSON form."""
        return self.dumps(value).encode()

    def dumps(self, obj: Any, **options: Any) -> str:
        """Encode as text. `options` are those of the standard library's `json.dumps`, and override the settings.

        Raises TypeError for what has no JSON form, and for an option that does not exist.
        """
        from .stdlib_json import write  # most documents are written by msgspec

        settings = {"ensure_ascii": self.ensure_ascii, "sort_keys": self.sort_keys, "default": self.own_default}
        return write(obj, {**settings, **options}, self.enc_hook, self.decimal_format == "string")

    def dump(self, obj: Any, fp: IO[str], **options: Any) -> None:
        """Write what `dumps` returns to a file that takes text."""
        fp.write(self.dumps(obj, **options))

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Decode. `options` are those of the standard library's `json.loads`.

        Bytes may be in UTF-8, UTF-16 or UTF-32, with a byte order mark or without. Raises ValueError, also for NaN, for
        a number that no float holds, and for what is nested too deeply.
        """
        try:
            if not options:
                return msgspec.json.decode(s)
        except RecursionError as exc:
            raise ValueError("it is nested too deeply") from exc
        except ValueError:
            pass
        from .stdlib_json import read  # most documents are read by msgspec

        return read(s, options)

    def load(self, fp: IO[Any], **options: Any) -> Any:
        """Decode what is in a file of text or bytes."""
        return self.loads(fp.read(), **options)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a response of one value, of a list of several, or of an object made from keywords; null without any.

        What a view returns as JSON goes through this if a subclass overrides it, or if `compact` or `mimetype` is set.
        """
        from . import http, reply  # http imports wz.json

        if args and kwargs:
            raise TypeError("response() and jsonify() take either values or keywords, not both")
        value = (args[0] if len(args) == 1 else args) if args else kwargs or None
        app = self._app() or _current_app()
        indents = self.compact is False or (self.compact is None and app is not None and app.debug)
        body = self.dumps(value, indent=2).encode() if indents else self.encode(value)
        cls = app.response_class if app else http.Response
        if cls is http.Response:
            return reply.Reply(body, content_type=self.mimetype).as_response(cls)
        return cls(body, mimetype=self.mimetype)


_SETTINGS = {"compact", "default", "ensure_ascii", "mimetype", "sort_keys"}


# The functions of `flask.json`, by the current app's JSON; where no app is current, by the default one.


def dumps(obj: Any, **options: Any) -> str:
    """`JSON.dumps` of the current app."""
    return _current().dumps(obj, **options)


def dump(obj: Any, fp: IO[str], **options: Any) -> None:
    """`JSON.dump` of the current app."""
    _current().dump(obj, fp, **options)


def loads(s: str | bytes, **options: Any) -> Any:
    """`JSON.loads` of the current app."""
    return _current().loads(s, **options)


def load(fp: IO[Any], **options: Any) -> Any:
    """`JSON.load` of the current app."""
    return _current().load(fp, **options)


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """`JSON.response` of the current app."""
    return _current().response(*args, **kwargs)


def _current() -> JSON:
    from .json import json  # which imports this file

    app = _current_app()
    return json if app is None else app.json


def _current_app() -> App | None:
    from .context import active_app  # which imports wz.http, and that wz.json

    return active_app()
