"""The short ways, and every private name of Werkzeug's that they need.

A plain request is answered here: it is matched by walking a small tree, its body is read without a stream around it,
and its response is made without constructors. Whatever is in doubt goes the long way, to Werkzeug's own Map, Request
and Response. Both ways must give the same answers: tests/wz/test_match.py, test_fast.py and test_response.py compare
them. `python -m bench.framework` measures how much time it saves.

If Werkzeug changes, so that a name used here is gone or means something else, `AVAILABLE` is False and everything goes
the long way, with the same answers, but slower. A warning in the log of `wz.fast` says so and names what does not fit,
once in each process.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.routing import BaseConverter, Map, MapAdapter, Rule, ValidationError
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.routing.matcher import State

#: How many pairs of scheme and Host are remembered; with more of them, the rest go the long way.
HOSTS = 1024

_ANY = r"(?P<__werkzeug_0>[^/]{1,})\Z"  # the default converter alone in its segment: any text that is not empty

_LENGTH = re.compile("[0-9]{1,18}")

R = TypeVar("R", bound=Response)

Match = tuple[Any, dict[str, Any]]
Convert = Callable[[str], Any]


class Node:
    """One state of Werkzeug's matcher: where a segment leads, and which rules end here.

    `static` is looked up first; then the pairs of `dynamic` are tried in Werkzeug's order. The first of a pair is a
    pattern's `match`, or None for any segment that is not empty; the second is the node that follows, or None if that
    is in doubt. `ends` has for each method a rule, the names of its values, and the converters that change a value,
    each with the value's place. `is_doubtful` says that other rules end here as well, and `is_loose` that a rule which
    ends here allows one more slash.
    """

    __slots__ = ("dynamic", "ends", "is_doubtful", "is_loose", "static")

    def __init__(self, state: State, doubted: set[Any], count: int = 0) -> None:
        """`count` is the number of values on the way here."""
        self.static = {part: Node(child, doubted, count) for part, child in state.static.items()}
        self.dynamic: list[tuple[Callable[[str], re.Match[str] | None] | None, Node | None]] = []
        self.ends: dict[str, tuple[Rule, list[str], list[tuple[int, Convert]]]] = {}
        self.is_loose = not all(rule.strict_slashes for rule in state.rules)
        self.is_doubtful = False
        for part, child in state.dynamic:
            pattern = re.compile(part.content)
            # The walk stops at a value that may hold slashes, since it takes the rest of the path; at one that may be
            # empty, since Map merges slashes first; and at a pattern with groups of its own, which shift the others.
            groups = part.content.count("(?P<__werkzeug_")
            plain = not part.final and pattern.groups == groups and pattern.match("") is None
            node = Node(child, doubted, count + groups) if plain else None
            self.dynamic.append((None if part.content == _ANY else pattern.match, node))
        for rule in state.rules:
            repeats = len(rule._converters) != count  # one name has several values
            if (
                repeats
                or rule.methods is None
                or rule.endpoint in doubted
                or rule.websocket
                or rule.redirect_to
                or rule.alias
            ):
                self.is_doubtful = True
                break  # the first rule that takes a method wins: what comes after this one is in doubt
            converters: list[tuple[int, Convert]] = [
                (place, converter.to_python)
                for place, converter in enumerate(rule._converters.values())
                if type(converter).to_python is not BaseConverter.to_python
            ]
            for method in rule.methods:
                self.ends.setdefault(method, (rule, list(rule._converters), converters))


class Matcher:
    """The compiled match over a Map. It answers clean matches only: None means that Map must be asked.

    `bind` makes the adapter that Map would be asked through. It is called once for each Host, so that a Host that Map
    refuses is refused, and each other one gets the tree of its subdomain.
    """

    def __init__(self, url_map: Map, bind: Callable[[WSGIEnvironment], MapAdapter]) -> None:
        self._map = url_map
        self._bind = bind
        self._hosts: dict[tuple[str, str], Node | None] = {}
        self._trees: dict[str, Node | None] = {}  # by the matcher's first segment: the subdomain, or the host
        self._refuses = False

    def forget(self) -> None:
        """Compile again at the next request. The caller holds the lock under which rules are added."""
        self._hosts = {}
        self._trees = {}

    def match(self, environ: WSGIEnvironment) -> Match | None:
        """Return the rule and its values, or None if anything is in doubt."""
        path: str = environ.get("PATH_INFO", "")
        try:
            node = self._hosts[environ["wsgi.url_scheme"], environ["HTTP_HOST"]]
        except KeyError:
            node = self._tree_for(environ)
        if node is None or "HTTP_UPGRADE" in environ or not path.isascii():
            return None

        values: list[str] = []
        for part in path.split("/"):
            following = node.static.get(part)
            if following is None:
                for matches, following in node.dynamic:
                    if following is None:
                        return None
                    if matches is None:
                        if part:
                            values.append(part)
                            break
                    elif found := matches(part):
                        values += found.groups()
                        break
                else:
                    return None
            node = following

        end = node.ends.get(environ["REQUEST_METHOD"])
        if end is None:
            return None
        rule, names, converters = end
        for place, convert in converters:
            try:
                values[place] = convert(values[place])
            except ValidationError:
                return None
        return rule, dict(zip(names, values, strict=False))

    def refuse(self, environ: WSGIEnvironment) -> HTTPException | None:
        """Return the 404 or 405 of a request that nothing can match, or None if anything is in doubt.

        This follows every way through the tree, as Map does, so it is for requests that `match` did not find.
        """
        path: str = environ.get("PATH_INFO", "")
        node = self.tree(environ)
        if (
            node is None
            or not self._refuses
            or "HTTP_UPGRADE" in environ
            or not path.isascii()
            or "//" in path
            or path[:1] != "/"
        ):
            return None
        methods: set[str] = set()
        if _may_match(node, path.split("/"), 0, methods):
            return None
        if environ["REQUEST_METHOD"].upper() in methods:  # there is a rule, but a converter refused the value
            return None
        return MethodNotAllowed(valid_methods=list(methods)) if methods else NotFound()

    def tree(self, environ: Mapping[str, Any]) -> Node | None:
        """Return the tree of a request's Host, if it was asked for before and there is one."""
        return self._hosts.get((environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")))

    def _tree_for(self, environ: WSGIEnvironment) -> Node | None:
        if not AVAILABLE or "HTTP_HOST" not in environ:
            return None
        adapter = self._bind(environ)
        domain = (adapter.server_name if self._map.host_matching else adapter.subdomain) or ""
        with self._map.lock:  # type: ignore[attr-defined]  # wz.routing.Map
            if domain not in self._trees and len(self._trees) < HOSTS:
                self._map.update()
                root = self._map._matcher._root
                self._refuses = not root.dynamic  # a rule for any subdomain may match what those for this one do not
                state = root.static.get(domain)
                self._trees[domain] = None if state is None else Node(state, _with_defaults(self._map))
            tree = self._trees.get(domain)
            if len(self._hosts) < HOSTS:
                self._hosts[environ["wsgi.url_scheme"], environ["HTTP_HOST"]] = tree
        return tree


def _may_match(node: Node, parts: list[str], place: int, methods: set[str]) -> bool:
    """Follow every way from `node`. True if one is in doubt; else `methods` has those of all rules reached."""
    if place == len(parts):
        methods.update(node.ends)
        return node.is_doubtful or "" in node.static  # a slash is missing
    part = parts[place]
    if part == "" and place == len(parts) - 1 and node.is_loose:
        return True
    if part in node.static and _may_match(node.static[part], parts, place + 1, methods):
        return True
    for matches, following in node.dynamic:
        if following is None:
            return True
        found = part if matches is None else matches(part)
        if found and _may_match(following, parts, place + 1, methods):
            return True
    return False


def read_body(request: Request) -> bytes:
    """Return what `request.get_data()` does, without the streams that Werkzeug makes first, and keep it there.

    Raises `ClientDisconnected` or `RequestEntityTooLarge`. The long way is for a body whose length is not given or is
    above the limit, and for one that something has begun to read.
    """
    known, length, limit = request.__dict__, request.environ.get("CONTENT_LENGTH", ""), request.max_content_length
    is_begun = "stream" in known or "_cached_data" in known or request.shallow
    if is_begun or not AVAILABLE or not _LENGTH.fullmatch(length) or (limit is not None and int(length) > limit):
        return request.get_data()
    # If the server says where it ends, a body that was decoded may have another length than the header says.
    size = int(length) if "wsgi.input_terminated" not in request.environ else -1 if limit is None else limit + 1
    body: bytes = request.environ["wsgi.input"].read(size)
    if limit is not None and len(body) > limit:
        raise RequestEntityTooLarge
    if size == int(length) > len(body):
        raise ClientDisconnected
    known.update(stream=io.BytesIO(), _cached_data=body)  # nothing is left to be read
    return body


def json_response(cls: type[R], body: bytes, content_type: str = "application/json") -> R:
    """Return what `cls(body, content_type=content_type)` does; `cls` must not override Response's constructors."""
    return _json_response(cls, body, content_type) if AVAILABLE else cls(body, content_type=content_type)


def send(response: Response, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes] | None:
    """Send a response on which Werkzeug would have nothing to do; return None for one that must go the long way.

    The long way is for bodies that are streamed or not bytes, callbacks at the response's end, statuses that allow no
    body, Location (which is made a URI) and HEAD.
    """
    body = response.response
    if (
        not AVAILABLE
        or type(body) is not list
        or len(body) != 1
        or type(body[0]) is not bytes
        or response._on_close
        or response.direct_passthrough
        or not 200 <= response._status_code < 600
        or response._status_code in (204, 304)
        or environ["REQUEST_METHOD"] == "HEAD"
    ):
        return None
    headers = list(response.headers._list)
    has_length = False
    for name, _ in headers:
        lower = name.lower()
        if lower == "content-length":
            has_length = True
        elif lower in ("location", "content-location"):
            return None
    if not has_length:
        headers.append(("Content-Length", str(len(body[0]))))
    start_response(response._status, headers)
    return body


def _json_response(cls: type[R], body: bytes, content_type: str) -> R:
    response = cls.__new__(cls)
    headers = response.headers = Headers.__new__(Headers)
    headers._list = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    response._status = "200 OK"
    response._status_code = 200
    response.direct_passthrough = False
    response._on_close = []
    response.response = [body]
    return response


def _with_defaults(url_map: Map) -> set[Any]:
    """Return the endpoints with defaults: Map may redirect to a rule whose defaults are the URL's values."""
    return {rule.endpoint for rule in url_map.iter_rules() if rule.defaults}


def _find_misfit() -> str:
    """Return what has changed about the private names that are used here; an empty text if nothing has."""
    try:
        rule = Rule("/a/<b>", endpoint="e", methods=["GET"])
        url_map = Map([rule])
        url_map.update()
        ((part, child),) = url_map._matcher._root.static[""].static[""].static["a"].dynamic
        if part.content != _ANY:
            return f"the default converter's pattern is {part.content!r}"
        if part.final or child.rules != [rule] or list(rule._converters) != ["b"]:
            return "the matcher's states have another structure"
        short, long = _json_response(Response, b"{}", "text/json"), Response(b"{}", content_type="text/json")
        if vars(short).keys() != vars(long).keys():
            return f"a response has other attributes: {', '.join(sorted(vars(short).keys() ^ vars(long).keys()))}"
        if vars(short) != vars(long) or short.headers._list != long.headers._list:
            return "a response's attributes have other values"
        posted = Request({"wsgi.input": io.BytesIO(b"body"), "CONTENT_LENGTH": "4"})
        if posted.get_data() != b"body" or vars(posted).get("_cached_data") != b"body" or "stream" not in vars(posted):
            return "a request keeps its body in another place"
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        return f"{type(exc).__name__}: {exc}"
    return ""


_misfit = _find_misfit()
AVAILABLE = not _misfit
if _misfit:
    logging.getLogger(__name__).warning(
        "wz takes Werkzeug's own way for each request, which gives the same answers several times slower, since "
        "wz/fast.py was not written for this Werkzeug: %s",
        _misfit,
    )
