"""Which way a request was matched: by the compiled tree, or by Werkzeug's Map, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.routing import MapAdapter, ValidationError

from .. import compat
from ..fast import Matcher
from ..http import Request
from .recording import Place
from .source import source_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TREE, _REFUSAL, _MAP = (
    Place("match", "match", "wz", source_of(function)) for function in (Matcher.match, Matcher.refuse, MapAdapter.match)
)


def way_of(request: Request, matcher: Matcher, environ: WSGIEnvironment) -> tuple[Place, Callable[[], str]]:
    """Return where a request was matched, and a function that says how; `environ` is as the app was given it."""
    rule, error = request.url_rule, request.routing_exception
    asked_map = request.refused is None and matcher.match(environ) is None
    refused = str(error.code or type(error).__name__) if error else "nothing"
    values = dict(request.view_args or ())  # hooks may change them

    def says() -> str:
        found = repr(rule.rule) if rule else refused
        way = f"Werkzeug's Map: {_doubt(matcher, environ)}" if asked_map else "the compiled tree"
        shown = [f"{name}={value!r}" for name, value in values.items() if isinstance(value, str | int | float)]
        return "; ".join([f"{found} by {way}", *shown])

    return _MAP if asked_map else _TREE if rule else _REFUSAL, says


def _doubt(matcher: Matcher, environ: Mapping[str, Any]) -> str:
    """Why the compiled tree does not answer this request, by the walk of `Matcher.match`."""
    path: str = environ.get("PATH_INFO", "")
    node = matcher.tree(environ)
    if not compat.AVAILABLE:
        return "the short ways were not written for this Werkzeug"
    if node is None:
        return "there is no tree for this Host"
    if "HTTP_UPGRADE" in environ:
        return "the request has the header Upgrade"
    if not path.isascii():
        return "the path is not ASCII"
    if "//" in path:
        return "Map merges slashes"
    values: dict[str, Any] = {}
    for part in path.split("/"):
        following = node.static.get(part) or node.follow(part, values)
        if following is None:
            if any(beyond is None for _, _, beyond in node.dynamic):
                return f"a value may take more than the segment {part!r}"
            return f"no rule has the segment {part!r} here"
        node = following
    if node.is_doubtful:
        return "several rules end here, or one that redirects"
    end = node.ends.get(environ["REQUEST_METHOD"])
    if end is None:
        return f"no rule is for {environ['REQUEST_METHOD']}"
    values = dict(zip(end.names or values, values.values(), strict=True))
    for name, convert in end.converters:
        try:
            convert(values[name])
        except ValidationError:
            return f"the converter of {name!r} refuses {values[name]!r}"
    return "it was compiled meanwhile"
