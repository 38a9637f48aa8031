"""Routes as data: `app.routes` is a table with a row for each rule.

    assert not [row.rule for row in app.routes if row.kind == "view" and row.view is None]

`wz routes` prints it, `wz routes --json` writes it for programs, and OpenAPI's document is made from it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.rules import parse_converter_args

from .typed import ViewFunction, evaluate

if TYPE_CHECKING:
    from .app import App  # upwards: a table is an app's

#: What a rule is for. Only a `view` answers requests; `build only` is for `url_for`.
Kind = Literal["view", "redirect", "alias", "websocket", "build only"]

#: A value in the text of a rule: `<name>`, `<int:name>`, `<int(min=1):name>`.
VALUE = re.compile(r"<(?:(?P<converter>\w+)(?:\((?P<arguments>.*?)\))?:)?(?P<name>\w+)>")

#: The methods that come by themselves.
AUTOMATIC = frozenset({"HEAD", "OPTIONS"})

_EMPTY = inspect.Parameter.empty


class URLValue(NamedTuple):
    """A value of a URL, and how it is converted: by what the rule says (`int(min=1)`; `default` if nothing)."""

    said: str
    converter: BaseConverter
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    in_path: bool  # or in the host, or the subdomain


class Handler(NamedTuple):
    """The function that answers a method, its parameters with their types but for `request`, and what it returns.

    Where there is no annotation, the type is `inspect.Parameter.empty`.
    """

    function: ViewFunction
    parameters: Mapping[str, Any]
    returns: Any


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A rule, its endpoint, and the view that answers.

    `methods` are sorted, with HEAD and OPTIONS, and None for a rule that takes any. A rule has a `host` if the app
    matches hosts, otherwise a `subdomain`, which is empty for the app's own domain. `defaults` and `arguments` are by
    the names of the URL's values. `blueprint` is the dotted name, `view` None for an endpoint that has none yet.
    """

    rule: str
    endpoint: str
    methods: tuple[str, ...] | None
    host: str | None
    subdomain: str | None
    defaults: Mapping[str, Any]
    arguments: Mapping[str, URLValue]
    blueprint: str | None
    kind: Kind
    view: ViewFunction | None

    @property
    def domain(self) -> str:
        """The host or the subdomain: whichever the app matches; empty if it is any."""
        return self.host or self.subdomain or ""

    def function(self, method: str) -> ViewFunction:
        """Return what answers a method: the view, or a MethodView's method of that name. TypeError if there is none."""
        if self.view is None:
            raise TypeError(f"the endpoint {self.endpoint!r} has no view")
        function: ViewFunction = getattr(getattr(self.view, "view_class", None), method.lower(), self.view)
        return function

    def handler(self, method: str) -> Handler:
        """Return what answers a method, and its types.

        Raises TypeError if there is no view, or for an annotation that can't be read when the program runs.
        """
        function = self.function(method)
        signature = inspect.signature(function)
        parameters = {
            name: evaluate(function, parameter.annotation)
            for name, parameter in signature.parameters.items()
            if name != "request"
        }
        return Handler(function, parameters, evaluate(function, signature.return_annotation))

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON, with functions and types by their names; `handlers` are by method.

        `defaults` are as they were given.
        """
        named = self.kind == "view" and self.view is not None
        methods = [method for method in self.methods or ("GET",) if method not in AUTOMATIC] if named else []
        return {
            "rule": self.rule,
            "endpoint": self.endpoint,
            "methods": self.methods,
            "host": self.host,
            "subdomain": self.subdomain,
            "defaults": dict(self.defaults),
            "arguments": {name: value.said for name, value in self.arguments.items()},
            "blueprint": self.blueprint,
            "kind": self.kind,
            "handlers": {method: _named(self.function(method), self.arguments) for method in methods},
        }


def table(app: App) -> tuple[RouteRow, ...]:
    """Return the rows, endpoint by endpoint in the order in which these were added; what `App.routes` does."""
    return tuple(_row(app, rule) for rule in app.url_map.iter_rules())


def _row(app: App, rule: Rule) -> RouteRow:
    hosts = app.url_map.host_matching
    route = app.endpoints.get(rule.endpoint)
    return RouteRow(
        rule=rule.rule,
        endpoint=rule.endpoint,
        methods=None if rule.methods is None else tuple(sorted(rule.methods)),
        host=(rule.host or "") if hosts else None,
        subdomain=None if hosts else (rule.subdomain or ""),
        defaults=dict(rule.defaults or {}),
        arguments=dict(_values(rule, (rule.host if hosts else rule.subdomain) or "")),
        blueprint=str(rule.endpoint).rpartition(".")[0] or None,
        kind=_kind(rule),
        view=route.view if route else None,
    )


def _kind(rule: Rule) -> Kind:
    if rule.build_only:
        return "build only"
    if rule.redirect_to is not None:
        return "redirect"
    if rule.alias:
        return "alias"
    return "websocket" if rule.websocket else "view"


def _values(rule: Rule, domain: str) -> Iterator[tuple[str, URLValue]]:
    for text, in_path in ((domain, False), (rule.rule, True)):
        for found in VALUE.finditer(text):
            name, kind = found["name"], found["converter"] or "default"
            args, kwargs = parse_converter_args(found["arguments"]) if found["arguments"] else ((), {})
            converter = rule.get_converter(name, kind, args, kwargs)
            yield name, URLValue(found[0][1:-1].rpartition(":")[0] or kind, converter, args, kwargs, in_path)


def _named(function: ViewFunction, values: Mapping[str, URLValue]) -> dict[str, Any]:
    signature = inspect.signature(function)
    asked = {name: parameter.annotation for name, parameter in signature.parameters.items() if name not in values}
    unwrapped = inspect.unwrap(function)
    return {
        "view": f"{unwrapped.__module__}.{getattr(unwrapped, '__qualname__', type(unwrapped).__qualname__)}",
        "arguments": {name: _text(function, type_) for name, type_ in asked.items() if type_ is not _EMPTY},
        "returns": None if signature.return_annotation is _EMPTY else _text(function, signature.return_annotation),
    }


def _text(function: ViewFunction, annotation: Any) -> str:
    """Return a type's name with its module, or, for one that can't be read when the program runs, as it is written."""
    with suppress(TypeError):
        annotation = evaluate(function, annotation)
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
