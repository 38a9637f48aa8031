"""wz finds what Werkzeug's Map finds: both get the same rules and the same request, and must give the same answer.

WZ_EXAMPLES=200000 pytest tests/wz/test_match.py -k generated   for a long run, with another seed each time
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter, Map, RequestRedirect, ValidationError
from werkzeug.routing import Rule as WerkzeugRule
from werkzeug.test import create_environ

from wz import App

EXAMPLES = os.environ.get("WZ_EXAMPLES")

# Werkzeug warns of each Host that is not below SERVER_NAME; some hosts here are not, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Current server name:UserWarning")


class Even(BaseConverter):
    """Refuses in `to_python` some values that its regex accepts, so that the next rule has to be tried."""

    regex = r"\d+"

    def to_python(self, value: str) -> int:
        if int(value) % 2:
            raise ValidationError
        return int(value)


class Pair(BaseConverter):
    """Accepts slashes."""

    regex = "[^/]+/[^/]+"

    def to_python(self, value: str) -> tuple[str, ...]:
        return tuple(value.split("/"))

    def to_url(self, value: Any) -> str:
        return "/".join(value)


class Maybe(BaseConverter):
    """Accepts the empty string."""

    regex = "[a-z]*"


CONVERTERS = {"even": Even, "pair": Pair, "maybe": Maybe}


@dataclass(frozen=True)
class Spec:
    text: str
    endpoint: str = "e0"
    methods: tuple[str, ...] | None = ("GET",)  # None: any, which only `url_map.add` can say
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MapOptions:
    host_matching: bool = False
    strict_slashes: bool = True
    merge_slashes: bool = True
    redirect_defaults: bool = True
    server_name: str | None = None  # if it is set, the hosts below it are subdomains


DEFAULT = MapOptions()


def _view(**values: Any) -> str:
    return ""


def _set_up(url_map: Map, options: MapOptions) -> None:
    url_map.converters |= CONVERTERS
    url_map.strict_slashes = options.strict_slashes
    url_map.merge_slashes = options.merge_slashes
    url_map.redirect_defaults = options.redirect_defaults


def reference(specs: list[Spec], options: MapOptions) -> Map:
    url_map = Map(host_matching=options.host_matching)
    _set_up(url_map, options)
    for endpoint in dict.fromkeys(spec.endpoint for spec in specs):
        url_map.add(WerkzeugRule("/_", endpoint=endpoint, build_only=True, methods={"GET"}))
    for spec in specs:
        url_map.add(WerkzeugRule(spec.text, endpoint=spec.endpoint, methods=spec.methods, **spec.options))
    return url_map


def application(specs: list[Spec], options: MapOptions) -> App:
    subdomains = options.server_name is not None and not options.host_matching
    app = App("test", host_matching=options.host_matching, subdomain_matching=subdomains)
    app.config["SERVER_NAME"] = options.server_name
    _set_up(app.url_map, options)
    for endpoint in dict.fromkeys(spec.endpoint for spec in specs):  # so that each has a view, whatever its rules
        app.add_url_rule("/_", endpoint, _view, build_only=True, provide_automatic_options=False)
    for spec in specs:
        add(app, spec)
    return app


def add(app: App, spec: Spec) -> None:
    if spec.methods is None:
        app.url_map.add(WerkzeugRule(spec.text, endpoint=spec.endpoint, **spec.options))
    else:
        app.add_url_rule(
            spec.text, spec.endpoint, _view, methods=spec.methods, provide_automatic_options=False, **spec.options
        )


Answer = tuple[Any, ...]


def _found(rule: Any, values: Any) -> Answer:
    which = (rule.rule, rule.endpoint, sorted(rule.methods or ()), rule.subdomain, rule.host)  # its repr has no order
    return "found", which, {name: (type(value), value) for name, value in values.items()}


def _failed(exc: BaseException) -> Answer:
    match exc:
        case RequestRedirect():
            return "redirect", exc.code, exc.new_url
        case MethodNotAllowed():
            return 405, sorted(exc.valid_methods or ())
        case HTTPException():
            return exc.code, type(exc)
    return "raised", type(exc), str(exc)


def werkzeug_says(url_map: Map, environ: dict[str, Any], options: MapOptions = DEFAULT) -> Answer:
    try:
        if url_map.host_matching:
            adapter = url_map.bind_to_environ(environ)
        elif options.server_name:
            adapter = url_map.bind_to_environ(environ, options.server_name)
        else:
            adapter = url_map.bind_to_environ(environ, subdomain="")
        return _found(*adapter.match(return_rule=True))
    except Exception as exc:
        return _failed(exc)


def wz_says(app: App, environ: dict[str, Any]) -> Answer:
    try:
        request = app.request_context(environ).request
    except Exception as exc:
        return _failed(exc)
    if request.routing_exception is not None:
        assert request.url_rule is None
        return _failed(request.routing_exception)
    return _found(request.url_rule, request.view_args or {})


def environ_of(
    path: str | bytes,
    method: str = "GET",
    *,
    host: str | None = "localhost",
    script: str = "",
    query: str = "",
    scheme: str = "http",
    websocket: bool = False,
) -> dict[str, Any]:
    """An environ with each string as a server would put it there; the test client's functions would correct some."""
    environ = create_environ()
    data = path.encode() if isinstance(path, str) else path
    environ |= {
        "PATH_INFO": data.decode("latin-1"),
        "SCRIPT_NAME": script.encode().decode("latin-1"),
        "QUERY_STRING": query.encode().decode("latin-1"),
        "REQUEST_METHOD": method,
        "wsgi.url_scheme": scheme,
    }
    del environ["HTTP_HOST"]
    if host is not None:
        environ["HTTP_HOST"] = host
    if websocket:
        environ |= {"HTTP_CONNECTION": "keep-alive, Upgrade", "HTTP_UPGRADE": "websocket"}
    return environ


# -- the nasty cases, one by one -------------------------------------------------------------------------------------

ITEM = [Spec("/items/<int:n>", "item"), Spec("/items/new", "new"), Spec("/items/<name>", "named", ("GET", "PUT"))]
ONLY = [Spec("/users/<name>", "user"), Spec("/users/<name>/posts/<int:n>", "post")]  # the default converter is alone
SLASHES = [Spec("/folder/", "folder"), Spec("/leaf", "leaf"), Spec("/folder/<x>/", "in")]
LAX = [Spec("/folder/", "folder", options={"strict_slashes": False})]
UNMERGED = [Spec("/a/<path:rest>", "a", options={"merge_slashes": False}), Spec("/b/c", "b")]
PAGES = [Spec("/pages/", "pages", options={"defaults": {"n": 1}}), Spec("/pages/<int:n>", "pages")]
MIXED = [
    Spec("/file-<int:n>.txt", "file"),
    Spec("/file-<x>", "other"),
    Spec("/<a>-<b>", "pair"),
    Spec("/v<float:v>/<uuid:id>", "uuid"),
]
ALIAS = [Spec("/users/<name>", "user"), Spec("/u/<name>", "user", options={"alias": True})]
MOVED = [
    Spec("/old/<name>", "old", options={"redirect_to": "new/<name>"}),
    Spec("/older/<name>", "older", options={"redirect_to": lambda adapter, name: f"new/{name}?by=function"}),
]
SOCKET = [Spec("/ws", "ws", options={"websocket": True}), Spec("/http", "http"), Spec("/both", "http")]
SOCKET += [Spec("/both", "ws", options={"websocket": True})]
UNICODE = [Spec("/é/<x>", "e"), Spec("/a b/c%20d", "space"), Spec("/<any('ä', 'a.b'):x>", "any")]
CONVERTED = [Spec("/n/<even:x>", "even"), Spec("/n/<x>", "odd"), Spec("/p/<pair:x>/end", "pair")]
CONVERTED += [Spec("/m/<maybe:x>", "maybe"), Spec("/m/<maybe:x>/end", "end"), Spec("/q/<int(max=5):x>", "q")]
METHODS = [Spec("/m", "get"), Spec("/m", "post", ("POST",)), Spec("/any", "any", None), Spec("/<x>", "x", ("DELETE",))]
BUILD = [Spec("/built", "built", options={"build_only": True}), Spec("/<x>/y", "y")]
PATHS = [Spec("/<path:p>", "p"), Spec("/a/<path:p>/edit", "edit"), Spec("/a/<x>", "x"), Spec("/", "root")]
DIGITS = [Spec("/<int(signed=True):n>", "signed"), Spec("/d/<int(fixed_digits=3):n>", "digits"), Spec("/d/<x>", "x")]

CASES: list[Any] = [
    pytest.param(ITEM, "/items/7", {}, id="a converter"),
    pytest.param(ITEM, "/items/new", {}, id="static text before a value"),
    pytest.param(ITEM, "/items/newer", {}, id="a value that begins as static text does"),
    pytest.param(ITEM, "/items/7", {"method": "PUT"}, id="the method is another rule's"),
    pytest.param(ITEM, "/items/new", {"method": "PUT"}, id="the static rule lacks the method, a value's has it"),
    pytest.param(ITEM, "/items/new", {"method": "POST"}, id="405 with all rules' methods"),
    pytest.param(ITEM, "/items/7", {"method": "get"}, id="a method in small letters"),
    pytest.param(ITEM, "/items/7", {"method": "HEAD"}, id="HEAD comes with GET"),
    pytest.param(ITEM, "/items/007", {}, id="leading zeros"),
    pytest.param(ITEM, "/items/-7", {}, id="a minus is not a digit"),
    pytest.param(ITEM, "/items/\u0663", {}, id="a digit that is not ASCII"),
    pytest.param(ITEM, "/items/\u00b2", {}, id="a superscript two, a digit to str.isdigit only"),
    pytest.param(ITEM, "/items/7\n", {}, id="a newline after the value"),
    pytest.param(ITEM, "/items/" + "9" * 5000, {}, id="more digits than int() takes"),
    pytest.param(ITEM, "/items/", {}, id="an empty value"),
    pytest.param(ONLY, "/users/ann", {}, id="a value where no other is"),
    pytest.param(ONLY, "/users/", {}, id="an empty value where no other is"),
    pytest.param(ONLY, "/users//posts/1", {}, id="an empty value where no other is, within"),
    pytest.param(ITEM, "/items", {}, id="a segment too few"),
    pytest.param(ITEM, "/items/7/8", {}, id="a segment too many"),
    pytest.param(ITEM, "/items/7/", {}, id="a slash too many"),
    pytest.param(ITEM, "/Items/7", {}, id="the case of static text counts"),
    pytest.param(ITEM, "", {}, id="no path"),
    pytest.param(ITEM, "items/7", {}, id="no leading slash"),
    pytest.param(ITEM, "//items/7", {}, id="two leading slashes"),
    pytest.param(ITEM, "/items//7", {"query": "a=b"}, id="a double slash within is redirected, with the query"),
    pytest.param(ITEM, "/items//7", {"method": "POST"}, id="a double slash and a method that is not there"),
    pytest.param(ITEM, "/./items/7", {}, id="a dot segment"),
    pytest.param(ITEM, b"/items/\xff", {}, id="not UTF-8"),
    pytest.param(ITEM, b"/items/\xc3", {}, id="half a character"),
    pytest.param(ITEM, "/items/%41", {}, id="a percent sign that was encoded"),
    pytest.param(ITEM, "/items/a|b", {}, id="the character Werkzeug separates domains with"),
    pytest.param(ITEM, "/items/a\x00b", {}, id="a NUL"),
    pytest.param(SLASHES, "/folder", {"query": "a=%C3%A9&b"}, id="a missing slash is redirected, with the query"),
    pytest.param(SLASHES, "/folder", {"method": "POST"}, id="a missing slash and a method that is not there"),
    pytest.param(SLASHES, "/folder/é", {"script": "/äpp"}, id="a missing slash below a script name"),
    pytest.param(SLASHES, "/folder", {"script": "/app", "scheme": "https"}, id="a missing slash, https"),
    pytest.param(SLASHES, "/folder", {"host": "h:8080"}, id="a missing slash, a port"),
    pytest.param(SLASHES, "/leaf/", {}, id="a slash after a leaf"),
    pytest.param(LAX, "/folder", {}, id="strict_slashes=False without"),
    pytest.param(LAX, "/folder/", {}, id="strict_slashes=False with"),
    pytest.param(UNMERGED, "/a/b//c", {}, id="merge_slashes=False"),
    pytest.param(UNMERGED, "/b//c", {}, id="merge_slashes of the other rule"),
    pytest.param(PAGES, "/pages/1", {}, id="a default is redirected to the shorter URL"),
    pytest.param(PAGES, "/pages/2", {}, id="not the default"),
    pytest.param(PAGES, "/pages/", {}, id="the default's values"),
    pytest.param(PAGES, "/pages", {}, id="the default's missing slash"),
    pytest.param(MIXED, "/file-7.txt", {}, id="text around a value"),
    pytest.param(MIXED, "/file-x.txt", {}, id="text around a value of another type"),
    pytest.param(MIXED, "/file-", {}, id="text and an empty value"),
    pytest.param(MIXED, "/a-b-c", {}, id="two values in a segment"),
    pytest.param(MIXED, "/v1.5/6ba7b810-9dad-11d1-80b4-00c04fd430c8", {}, id="a float and a UUID"),
    pytest.param(MIXED, "/v1.5/6BA7B810-9DAD-11D1-80B4-00C04FD430C8", {}, id="a UUID in capitals"),
    pytest.param(MIXED, "/v1/6ba7b8109dad11d180b400c04fd430c8", {}, id="neither a float nor a UUID"),
    pytest.param(ALIAS, "/u/ann", {"query": "a=b"}, id="an alias is redirected"),
    pytest.param(ALIAS, "/users/ann", {}, id="what an alias stands for"),
    pytest.param(MOVED, "/old/é", {}, id="redirect_to"),
    pytest.param(MOVED, "/older/x", {"script": "/app"}, id="redirect_to by a function"),
    pytest.param(SOCKET, "/ws", {"websocket": True}, id="a websocket"),
    pytest.param(SOCKET, "/ws", {"websocket": True, "scheme": "https"}, id="a websocket over TLS"),
    pytest.param(SOCKET, "/ws", {}, id="no websocket"),
    pytest.param(SOCKET, "/http", {"websocket": True}, id="a websocket where none is"),
    pytest.param(SOCKET, "/both", {"websocket": True}, id="both: a websocket"),
    pytest.param(SOCKET, "/both", {}, id="both: none"),
    pytest.param(UNICODE, "/é/ü", {}, id="static text that is not ASCII"),
    pytest.param(UNICODE, b"/\xe9/x", {}, id="its Latin-1 form"),
    pytest.param(UNICODE, "/a b/c%20d", {}, id="static text with a space and a percent sign"),
    pytest.param(UNICODE, "/a b/c d", {}, id="static text is not decoded again"),
    pytest.param(UNICODE, "/ä", {}, id="one of any()"),
    pytest.param(UNICODE, "/axb", {}, id="a dot of any() is a dot"),
    pytest.param(CONVERTED, "/n/2", {}, id="a converter that takes it"),
    pytest.param(CONVERTED, "/n/3", {}, id="a converter that refuses it, and the next rule"),
    pytest.param(CONVERTED, "/p/a/b/end", {}, id="a value with a slash"),
    pytest.param(CONVERTED, "/p/a/end", {}, id="a value that lacks its slash"),
    pytest.param(CONVERTED, "/m/", {}, id="a value that may be empty"),
    pytest.param(CONVERTED, "/m//end", {}, id="an empty value within"),
    pytest.param(CONVERTED, "/q/6", {}, id="above max"),
    pytest.param(METHODS, "/m", {"method": "POST"}, id="two rules, two methods"),
    pytest.param(METHODS, "/m", {"method": "DELETE"}, id="a method of a rule further down"),
    pytest.param(METHODS, "/m", {"method": "PATCH"}, id="a method of none"),
    pytest.param(METHODS, "/any", {"method": "PURGE"}, id="a rule for any method"),
    pytest.param(BUILD, "/built", {}, id="build_only is not found"),
    pytest.param(PATHS, "/a/b/c/edit", {}, id="text after a path"),
    pytest.param(PATHS, "/a/b", {}, id="a value before a path"),
    pytest.param(PATHS, "/a/b/", {}, id="a path that ends in a slash"),
    pytest.param(PATHS, "/a//b", {}, id="a double slash within a path"),
    pytest.param(PATHS, "/", {}, id="the root"),
    pytest.param(PATHS, "//", {}, id="nothing but slashes"),
    pytest.param(DIGITS, "/-0", {}, id="signed zero"),
    pytest.param(DIGITS, "/--1", {}, id="two signs"),
    pytest.param(DIGITS, "/d/007", {}, id="fixed_digits"),
    pytest.param(DIGITS, "/d/7", {}, id="fewer than fixed_digits"),
    pytest.param(ITEM, "/items/7", {"host": None}, id="no Host"),
    pytest.param(ITEM, "/items/7", {"host": ""}, id="an empty Host"),
    pytest.param(ITEM, "/items/7", {"host": "a b"}, id="a Host with a space"),
    pytest.param(ITEM, "/items/7", {"host": "a" * 64 + ".com"}, id="a label of 64 characters"),
    pytest.param(ITEM, "/items/7", {"host": "a..com"}, id="an empty label"),
    pytest.param(ITEM, "/items/7", {"host": "[::1]:80"}, id="IPv6"),
    pytest.param(ITEM, "/items/7", {"host": "ex\xe4mple.com"}, id="a Host that is not ASCII"),
]


@pytest.mark.parametrize(("specs", "path", "request_options"), CASES)
def test_a_case_by_name(specs: list[Spec], path: str | bytes, request_options: dict[str, Any]) -> None:
    environ = environ_of(path, **request_options)
    expected = werkzeug_says(reference(specs, DEFAULT), environ)

    app = application(specs, DEFAULT)

    assert wz_says(app, environ) == expected
    assert wz_says(app, environ) == expected, "another answer the second time"


HOSTS = [
    Spec("/", "one", options={"host": "one.test"}),
    Spec("/", "any", options={"host": "<name>.test"}),
    Spec("/x", "x", options={"host": "one.test:8080"}),
]
SUBDOMAINS = [
    Spec("/", "api", options={"subdomain": "api"}),
    Spec("/", "any", options={"subdomain": "<name>"}),
    Spec("/", "bare"),
    Spec("/folder/", "folder", options={"subdomain": "api"}),
]


@pytest.mark.parametrize("path", ["/", "/x", "/folder"])
@pytest.mark.parametrize(
    "host", ["one.test", "two.test", "api.one.test", "ONE.test", "one.test:80", "one.test:8080", ""]
)
@pytest.mark.parametrize(
    ("specs", "options"),
    [
        pytest.param(HOSTS, MapOptions(host_matching=True), id="host matching"),
        pytest.param(HOSTS, MapOptions(host_matching=True, server_name="one.test"), id="host matching, SERVER_NAME"),
        pytest.param(SUBDOMAINS, MapOptions(server_name="one.test"), id="subdomains"),
        pytest.param(SUBDOMAINS, MapOptions(server_name="one.test:8080"), id="subdomains, a port"),
        pytest.param(SUBDOMAINS, MapOptions(), id="subdomains without SERVER_NAME"),
    ],
)
def test_hosts(specs: list[Spec], options: MapOptions, host: str, path: str) -> None:
    environ = environ_of(path, host=host)

    expected = werkzeug_says(reference(specs, options), environ, options)

    assert wz_says(application(specs, options), environ) == expected


def test_a_host_is_not_trusted_because_another_was() -> None:
    app, url_map = application(ITEM, DEFAULT), reference(ITEM, DEFAULT)

    for host in ["ok.test", "a" * 64 + ".test", "ok.test", None, "", "a b", "ok.test"]:
        environ = environ_of("/items/7", host=host)
        assert wz_says(app, environ) == werkzeug_says(url_map, environ), host


def test_a_rule_may_be_added_between_requests() -> None:
    later = [Spec("/items/<even:n>", "even"), Spec("/late", "late", ("GET", "POST")), Spec("/any", "item", None)]
    requests = [environ_of(path) for path in ("/items/8", "/late", "/any", "/items/new")]
    app = application([*ITEM, Spec("/", "even"), Spec("/", "late")], DEFAULT)
    specs = [*ITEM, Spec("/", "even"), Spec("/", "late")]

    for spec in [None, *later]:
        if spec is not None:
            add(app, spec)
            specs.append(spec)
        expected = [werkzeug_says(reference(specs, DEFAULT), environ) for environ in requests]
        assert [wz_says(app, environ) for environ in requests] == expected


def test_values_are_the_request_s_own() -> None:
    app = application(PAGES, DEFAULT)

    for _ in range(2):
        values = app.request_context(environ_of("/pages/")).request.view_args
        assert values == {"n": 1}
        values["n"] = 99


# -- generated -------------------------------------------------------------------------------------------------------

UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#: The converter, as it is before the name in a rule -> values of requests, most of which it accepts.
VALUES: dict[str, tuple[str, ...]] = {
    "": ("a", "é", "a b", "1", "x-y", "x.txt", "new", "-"),
    "string(length=2):": ("ab", "éü", "a"),
    "string(minlength=2, maxlength=3):": ("ab", "abc", "abcd"),
    "int:": ("0", "42", "007", "-1", "٣", "²", "1.5"),
    "int(signed=True):": ("-7", "7", "--7"),
    "int(fixed_digits=3):": ("007", "7", "1234"),
    "int(min=3, max=9):": ("3", "9", "10"),
    "float:": ("1.5", "0.0", "1", "1.", "-1.5"),
    "float(signed=True, max=2):": ("-1.5", "2.5"),
    "path:": ("a", "a/b", "a//b", "a/b/", "1/2"),
    "any(red, green):": ("red", "green", "blue", "Red"),
    "any('a.b', 'ü'):": ("a.b", "ü", "axb"),
    "uuid:": (UUID, UUID.upper(), UUID[1:]),
    "even:": ("2", "3", "04"),
    "pair:": ("a/b", "a"),
    "maybe:": ("", "abc", "A"),
}
TEXTS = ("a", "b", "new", "é", "a b", "%20", "%2F", "x.txt", "-", "1", "~", "+", "A", ".", "red", "|", "日本")
METHOD_SETS: tuple[tuple[str, ...] | None, ...] = (("GET",), ("GET", "POST"), ("PUT",), ("OPTIONS",), None)
HOST_VALUES: tuple[str | None, ...] = (
    "localhost",
    "localhost",
    "localhost:5000",
    "api.localhost",
    "x.localhost",
    "LOCALHOST",
    "localhost:80",
    "other.test",
)
BAD_HOSTS: tuple[str | None, ...] = (None, "", "a b", "a..b", "ex\xe4mple", "x" * 64, "[::1]", ".localhost")


@dataclass(frozen=True)
class Piece:
    """A part of a rule between two slashes, and the texts that requests may have in its place."""

    text: str
    fillings: tuple[str, ...]


PAGE = Piece("<int:page>", ("1", "2"))


@st.composite
def pieces(draw: st.DrawFn, name: str) -> Piece:
    kind = draw(st.sampled_from(["text", "text", "value", "value", "mixed", "two"]))
    text = draw(st.sampled_from(TEXTS))
    if kind == "text":
        return Piece(text, (text,))
    converter = draw(st.sampled_from(list(VALUES)))
    if kind == "value":
        return Piece(f"<{converter}{name}>", VALUES[converter])
    if kind == "mixed":
        after = draw(st.sampled_from(["", ".txt", "x"]))
        return Piece(f"{text}<{converter}{name}>{after}", tuple(f"{text}{v}{after}" for v in VALUES[converter]))
    return Piece(f"<{converter}{name}>-<{name}b>", tuple(f"{v}-{w}" for v in VALUES[converter] for w in ("y", "é")))


@st.composite
def rules(draw: st.DrawFn, map_options: MapOptions, near: list[Piece]) -> tuple[list[Spec], list[Piece]]:
    """One rule as a rule, or two that belong together; and the pieces of it. They differ from `near` in one."""
    parts = [draw(pieces(name)) for name in "vwx"[: draw(st.integers(0, 3))]] if not near else near[:3]
    if near:
        at = draw(st.integers(0, len(parts) - 1))
        parts[at] = draw(pieces("vwx"[at]))
    between = draw(st.sampled_from(["/", "/", "/", "/", "//"]))
    text = "/" + between.join(part.text for part in parts)
    text += draw(st.sampled_from(["", "/"])) if parts else ""
    endpoint = draw(st.sampled_from(["e0", "e1", "e2"]))
    methods = draw(st.sampled_from(METHOD_SETS))
    options: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        options["strict_slashes"] = draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        options["merge_slashes"] = draw(st.booleans())
    if map_options.host_matching:
        options["host"] = draw(st.sampled_from(["localhost", "<sub>.localhost", "other.test", "localhost:5000"]))
    elif draw(st.integers(0, 3 if map_options.server_name else 15)) == 0:
        options["subdomain"] = draw(st.sampled_from(["api", "<sub>", "<int:sub>"]))

    special = draw(st.sampled_from(["", "", "", "", "defaults", "redirect", "alias", "build", "websocket", "pages"]))
    if special == "defaults":
        options["defaults"] = draw(st.sampled_from([{"k": 1}, {"v": "a"}, {"v": 2}]))
    elif special == "redirect":
        target = draw(st.sampled_from(["there", "/there?x", lambda adapter, **values: "there"]))
        options["redirect_to"] = target
    elif special == "build":
        options["build_only"] = True
    elif special == "websocket":
        return [Spec(text, endpoint, draw(st.sampled_from([("GET",), None])), options | {"websocket": True})], parts
    elif special == "alias":
        other = Spec("/canonical" + text, endpoint, methods, options)
        return [other, Spec(text, endpoint, methods, options | {"alias": True})], parts
    elif special == "pages":
        base = text.rstrip("/")
        first = Spec(f"{base}/", endpoint, methods, options | {"defaults": {"page": 1}})
        return [first, Spec(f"{base}/{PAGE.text}", endpoint, methods, options)], [*parts, PAGE]
    return [Spec(text, endpoint, methods, options)], parts


@st.composite
def near_paths(draw: st.DrawFn, spec: Spec, parts: list[Piece]) -> bytes:
    """A path that the rule takes, or nearly."""
    path = "/" + "/".join(draw(st.sampled_from(part.fillings)) for part in parts)
    if path.endswith("/") is not spec.text.endswith("/") and draw(st.integers(0, 3)):
        path = path.rstrip("/") if path.endswith("/") else path + "/"
    changes = ["double", "insert", "drop", "case", "canonical", "bytes", "empty", "slash"]
    change = draw(st.sampled_from([*[""] * len(changes), *changes]))
    at = draw(st.integers(0, len(path)))
    if change == "double":
        path = path.replace("/", "//", draw(st.integers(1, 3)))
    elif change == "insert":
        path = (
            path[:at] + draw(st.sampled_from(["/", "%2F", "%25", "a", "\n", "\x00", ".", "|", "é", "//"])) + path[at:]
        )
    elif change == "drop":
        path = path[:at] + path[at + 1 :]
    elif change == "case":
        path = path.swapcase()
    elif change == "canonical":
        path = "/canonical" + path
    elif change == "bytes":
        return path[:at].encode() + draw(st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80"])) + path[at:].encode()
    elif change == "empty":
        path = ""
    elif change == "slash":
        path += "/"
    return path.encode()


@st.composite
def requests(draw: st.DrawFn, known: list[tuple[Spec, list[Piece]]]) -> dict[str, Any]:
    """Half of them are written for a rule: if every part were random, almost no request would match."""
    spec, parts = draw(st.sampled_from(known))
    methods = spec.methods or ("GET", "PURGE")
    host: str | None = "localhost"
    websocket = bool(spec.options.get("websocket"))
    if draw(st.booleans()):
        path = ("/" + "/".join(draw(st.sampled_from(part.fillings[:2])) for part in parts)).encode()
        path += b"/" if spec.text.endswith("/") and parts else b""
        if "subdomain" in spec.options:
            host = "api.localhost"
    else:
        path = draw(near_paths(spec, parts))
        methods += ("GET", "HEAD", "POST", "OPTIONS", "get", "PURGE")
        host = draw(st.sampled_from(HOST_VALUES if draw(st.integers(0, 7)) else BAD_HOSTS))
        websocket ^= draw(st.integers(0, 7)) == 0
    return environ_of(
        path,
        draw(st.sampled_from(methods)),
        host=host,
        script=draw(st.sampled_from(["", "", "/app", "/äpp/"])),
        query=draw(st.sampled_from(["", "", "a=1", "a=%C3%A9&b", "é"])),
        scheme=draw(st.sampled_from(["http", "https"])),
        websocket=websocket,
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Spec], MapOptions, list[dict[str, Any]]]:
    options = MapOptions(
        host_matching=draw(st.sampled_from([False, False, False, True])),
        strict_slashes=draw(st.sampled_from([True, True, True, False])),
        merge_slashes=draw(st.sampled_from([True, True, True, False])),
        redirect_defaults=draw(st.sampled_from([True, True, True, False])),
        server_name=draw(st.sampled_from([None, None, "localhost", "localhost:5000"])),
    )
    drawn: list[tuple[list[Spec], list[Piece]]] = []
    for _ in range(draw(st.integers(1, 6))):
        near: list[Piece] = []
        is_near = draw(st.booleans())
        if drawn and is_near:
            _, near = draw(st.sampled_from(drawn))
        drawn.append(draw(rules(options, [piece for piece in near if piece != PAGE])))
    known = [(spec, parts) for specs, parts in drawn for spec in specs]
    return [spec for spec, _ in known], options, draw(st.lists(requests(known), min_size=1, max_size=6))


def _reasons(specs: list[Spec], options: MapOptions) -> Iterator[str]:
    """Return why Werkzeug itself refuses these rules."""
    try:
        reference(specs, options).update()
    except Exception as exc:
        yield type(exc).__name__


@settings(
    max_examples=int(EXAMPLES or 300),
    derandomize=EXAMPLES is None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(situations())
def test_generated_rules_and_requests(situation: tuple[list[Spec], MapOptions, list[dict[str, Any]]]) -> None:
    specs, options, environs = situation
    for reason in _reasons(specs, options):
        event(f"Werkzeug refuses the rules: {reason}")
        return
    app, url_map = application(specs, options), reference(specs, options)

    for environ in environs:
        expected = werkzeug_says(url_map, dict(environ), options)
        event(str(expected[0]))
        assert wz_says(app, dict(environ)) == expected, f"{specs}\n{options}\n{environ}"
