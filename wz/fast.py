"""The compiled match: a tree that is derived from Map's own, and answers plain requests by walking it.

Whatever is in doubt is left to Werkzeug's Map. Both must find the same: tests/wz/test_match.py compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from werkzeug.routing import BaseConverter, MapAdapter, Rule, ValidationError

from . import compat

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.routing.matcher import State

    from .routing import Map  # upwards: a map has the match that is compiled from it

#: How many pairs of scheme and Host are remembered. Of a service's own there are a few, but clients may invent any.
HOSTS = 1024

Match = tuple[Rule, dict[str, Any]]
Pattern = Callable[[str], re.Match[str] | None]

_NO_METHODS: frozenset[str] = frozenset()


class Node:
    """One state of Werkzeug's matcher: where a segment leads, and which rules end here.

    `static` is looked up first. Where the default converter is all that takes other segments, `value` is the node that
    follows it; otherwise the triples of `dynamic` are tried in Werkzeug's order: a pattern's `match`, or None for any
    segment that is not empty; the names of its values; the node that follows, or None if that is in doubt.

    A value is written down by the name that all rules beyond it have for it, on the way (`name` is that of `value`). If
    they have different ones, it gets a number for a name, and the rule's `End` has the names.

    `ends` has for each method where its rule ends. `is_doubtful` says that other rules end here as well, and `is_loose`
    that a rule which ends here allows one more slash.
    """

    __slots__ = ("dynamic", "ends", "is_doubtful", "is_loose", "methods", "name", "static", "value")

    def __init__(self, state: State, doubted: set[Any], names: tuple[str, ...] = ()) -> None:
        """`names` are those of the values on the way here."""
        self.static = {part: Node(child, doubted, names) for part, child in state.static.items()}
        self.dynamic: list[tuple[Pattern | None, tuple[str, ...], Node | None]] = []
        self.ends: dict[str, End] = {}
        self.is_loose = not all(rule.strict_slashes for rule in state.rules)
        self.is_doubtful = False
        for part, child in state.dynamic:
            pattern = re.compile(part.content)
            # The walk stops at a value that may hold slashes, since it takes the rest of the path; at one that may be
            # empty, since Map merges slashes first; and at a pattern with groups of its own, which shift the others.
            groups = part.content.count("(?P<__werkzeug_")
            plain = not part.final and pattern.groups == groups and pattern.match("") is None
            here = _names_of_values(child, len(names), groups)
            node = Node(child, doubted, names + here) if plain else None
            self.dynamic.append((None if part.content == compat.ANY_TEXT else pattern.match, here, node))
        self.name, self.value = "", None
        if len(self.dynamic) == 1 and self.dynamic[0][0] is None:
            ((_, (self.name,), self.value),) = self.dynamic
        for rule in state.rules:
            repeats = len(rule._converters) != len(names)  # one name has several values
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
            end = End(rule, names)
            for method in rule.methods:
                self.ends.setdefault(method, end)
        self.methods = frozenset(self.ends)

    def follow(self, part: str, values: dict[str, Any]) -> Node | None:
        """Return where a segment leads that is not in `static`, and write its values down; None if that is in doubt."""
        for matches, names, following in self.dynamic:
            if following is None:
                return None
            if matches is None:
                if part:
                    values[names[0]] = part
                    return following
            elif found := matches(part):
                values.update(zip(names, found.groups(), strict=True))
                return following
        return None


class End:
    """A rule where it ends: its values' names, unless they were written down by these; and what changes its values."""

    __slots__ = ("converters", "names", "rule")

    def __init__(self, rule: Rule, names: tuple[str, ...]) -> None:
        """`names` are those that the values were given on the way here."""
        own = tuple(rule._converters)
        self.rule = rule
        self.names = None if own == names else own
        self.converters: list[tuple[str, Callable[[str], Any]]] = [
            (name, converter.to_python)
            for name, converter in rule._converters.items()
            if type(converter).to_python is not BaseConverter.to_python
        ]


class Matcher:
    """The compiled match over a Map. It answers clean matches only: None means that Map must be asked.

    Whether a Host is served, and which subdomain it is, depends on `settings`, the app's configuration. What Map says
    of it is remembered, and forgotten when one of these settings has changed, which is seen at the next request.
    """

    def __init__(self, url_map: Map, settings: Mapping[str, Any]) -> None:
        self._map = url_map
        self._settings = settings
        self._known_with: tuple[Any, Any] = (None, None)
        self._hosts: dict[str, dict[str, Node | None]] = {}  # by scheme
        self._trees: dict[str, Node] | None = None  # by the matcher's first segment: the subdomain, or the host
        self._refuses = False

    def forget(self) -> None:
        """Compile again at the next request. The caller holds the lock under which rules are added."""
        self._hosts = {}
        self._trees = None

    def match(self, environ: WSGIEnvironment) -> Match | None:
        """Return the rule and its values, or None if anything is in doubt."""
        try:
            path: str = environ["PATH_INFO"]
            node = self._hosts[environ["wsgi.url_scheme"]][environ["HTTP_HOST"]]
            trusted_hosts, server_name = self._known_with
            if self._settings["TRUSTED_HOSTS"] != trusted_hosts or self._settings["SERVER_NAME"] != server_name:
                return None
        except KeyError:
            return None
        if node is None or "HTTP_UPGRADE" in environ or not path.isascii():
            return None

        values: dict[str, Any] = {}
        for part in path.split("/"):
            static = node.static
            if part in static:
                node = static[part]
            elif node.value is not None and part:
                values[node.name] = part
                node = node.value
            else:
                node = node.follow(part, values)
                if node is None:
                    return None

        method = environ["REQUEST_METHOD"]
        if method not in node.ends:
            return None
        end = node.ends[method]
        if end.names is not None:
            values = dict(zip(end.names, values.values(), strict=True))
        for name, convert in end.converters:
            try:
                values[name] = convert(values[name])
            except ValidationError:
                return None
        return end.rule, values

    def refuse(self, environ: WSGIEnvironment) -> frozenset[str] | None:
        """Return the methods that a path has rules for, if this request's is none of them; None if that is in doubt.

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
        methods = _methods_at(node, path.split("/"))
        if methods and environ["REQUEST_METHOD"].upper() in methods:  # there is a rule: a converter refused the value
            return None
        return methods

    def tree(self, environ: Mapping[str, Any]) -> Node | None:
        """Return the tree of a request's Host, if that is known and has one."""
        return self._hosts.get(environ["wsgi.url_scheme"], {}).get(environ.get("HTTP_HOST", ""))

    def knows(self, environ: Mapping[str, Any]) -> bool:
        """Say whether the Host of a request is known, with the settings as they are."""
        hosts = self._hosts.get(environ["wsgi.url_scheme"], {})
        return environ.get("HTTP_HOST") in hosts and self._deciding() == self._known_with

    def learn(self, environ: WSGIEnvironment, bind: Callable[[], MapAdapter]) -> None:
        """Remember a request's Host; `bind` returns the adapter through which Map is asked, or raises its error."""
        settings = self._deciding()  # before they are used: if they change meanwhile, this Host is soon forgotten
        adapter = bind()
        if not compat.AVAILABLE or "HTTP_HOST" not in environ:
            return
        domain = (adapter.server_name if self._map.host_matching else adapter.subdomain) or ""
        with self._map.lock:
            if self._trees is None:
                self._map.update()
                root = self._map._matcher._root
                self._refuses = not root.dynamic  # a rule for any subdomain may match what those for this one do not
                doubted = _with_defaults(self._map)
                self._trees = {name: Node(state, doubted) for name, state in root.static.items()}
            # A full table is begun anew, which costs nothing as long as it is not full: each Host that is in use comes
            # back with its next request. To drop the one that was used least recently, each request would have to say
            # which one it uses, for the sake of Hosts that somebody has invented.
            if settings != self._known_with or sum(map(len, self._hosts.values())) >= HOSTS:
                self._hosts, self._known_with = {}, settings
            self._hosts.setdefault(environ["wsgi.url_scheme"], {})[environ["HTTP_HOST"]] = self._trees.get(domain)

    def _deciding(self) -> tuple[Any, Any]:
        """Return the settings by which a Host is served, as they are now."""
        return copy(self._settings["TRUSTED_HOSTS"]), self._settings["SERVER_NAME"]


def _methods_at(root: Node, parts: list[str]) -> frozenset[str] | None:
    """Follow every way from `root` at once; return the methods of all rules reached, or None if one is in doubt."""
    nodes = [root]
    for part in parts:
        reached: list[Node] = []
        for node in nodes:
            if not part and node.is_loose:  # the end of a path with one more slash, as it has no empty segment within
                return None
            if part in node.static:
                reached.append(node.static[part])
            for matches, _, following in node.dynamic:
                if following is None:
                    return None
                if part if matches is None else matches(part):
                    reached.append(following)
        if not reached:
            return _NO_METHODS
        nodes = reached
    if any(node.is_doubtful or "" in node.static for node in nodes):  # or a slash is missing
        return None
    return nodes[0].methods if len(nodes) == 1 else frozenset().union(*(node.methods for node in nodes))


def _names_of_values(state: State, count: int, groups: int) -> tuple[str, ...]:
    """Return the names of a pattern's values, after `count` values: those of all rules from `state` on, or numbers."""
    found: set[tuple[str, ...]] = set()
    waiting = [state]
    while waiting:
        beyond = waiting.pop()
        found.update(tuple(rule._converters)[count : count + groups] for rule in beyond.rules)
        waiting += [*beyond.static.values(), *(child for _, child in beyond.dynamic)]
    names = found.pop()
    return names if not found and len(names) == groups else tuple(map(str, range(count, count + groups)))


def _with_defaults(url_map: Map) -> set[Any]:
    """Return the endpoints with defaults: Map may redirect to a rule whose defaults are the URL's values."""
    return {rule.endpoint for rule in url_map.iter_rules() if rule.defaults}
