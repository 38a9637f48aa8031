"""What docstrings and comments point to exists: files, settings, and names in backticks.

A name is looked for where its reader would look: in the file itself, in the files of its folder, in those that it
imports or that its prose names; and among all functions and classes of the repository. Sources are read as text and as
syntax trees, and nothing is imported. So this finds what was renamed or taken away, and not a name that has come to
mean something else.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from .repository import FILES, PACKAGES, ROOT, find_file

#: Names of other projects, and what a docstring has as an example.
ELSEWHERE = {
    "EventProcessedUtcTime",  # a column
    "ProxyFix",
    "add_note",
    "hello.py",
    "https",
    "true",
    "DeviceId",
    "Deviceid",
    "WindAlert",
    "device_id",
    "MovedError",
    "MsgspecError",
    "NameInput",  # wz/openapi/schema.py: what the second of two types called Name becomes
    "PartitionResolver.cs",
    "ProxyMiddleware",
    "REDIS_URL",
    "WZ_REDIS__DATABASE",
    "WZ_SECRET_KEY",
    "a.b.c",
    "a/file.py",
    "config.toml",
    "everysec",
    "hashlittle2",
    "sender",
    "shop.defaults",
    "shop.defaults.Production",
    "traceparent",
}

_BACKTICKS = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(\))?")
_FILE = re.compile(r"(?<![\w./*<{:-])(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.(?:py|lua|md|toml|conf)\b(?!\()")
_SETTING = re.compile(r"\bWZ_[A-Z_]*[A-Z]\b")
_COMMENT = {".py": re.compile(r"(?:^|  ) *# ?(.*)"), ".lua": re.compile(r"-- ?(.*)"), ".conf": re.compile(r"# ?(.*)")}


class Source:
    """A file of code.

    `prose` is its docstrings and comments, line by line with their numbers; `code` is the rest. `defined` are functions
    and classes; `classes` has for each class the words of its code and the names of its bases; `reaches` are the files
    that it imports, or that its prose names.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.prose: list[tuple[int, str]] = []
        self.defined: set[str] = set()
        self.classes: dict[str, tuple[frozenset[str], set[str]]] = {}
        self.reaches: set[Path] = set()
        lines = text.splitlines()
        statements = list(_statements(ast.parse(text).body)) if path.suffix == ".py" else []
        for statement in statements:
            match statement:
                case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                    for number in range(first, last + 1):  # a docstring, of a function or of a constant
                        self.prose.append((number, lines[number - 1]))
                        lines[number - 1] = ""
        for number, line in enumerate(lines, 1):
            if found := _COMMENT[path.suffix].search(line):
                self.prose.append((number, found[1]))
                lines[number - 1] = line[: found.start()]
        self.code = "\n".join(lines)
        self.words = _words(self.code)
        for statement in statements:
            self._note(statement, lines)
        self.reaches.update(*(find_file(name, path.parent) for _, line in self.prose for name in _FILE.findall(line)))

    def _note(self, statement: ast.stmt, lines: list[str]) -> None:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.defined.add(name)
            case ast.ClassDef(name=name, lineno=first, end_lineno=last, bases=bases):
                self.defined.add(name)
                of_bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in bases}
                self.classes[name] = _words("\n".join(lines[first - 1 : last])), of_bases
            case ast.Import(names=names):
                self.reaches |= {_module(ROOT, alias.name) for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                folder = self.path.parents[level - 1] if level else ROOT
                self.reaches |= {_module(folder, f"{module or ''}.{name}") for name in ("", *(a.name for a in names))}


def _statements(body: Iterable[ast.stmt | ast.excepthandler | ast.match_case]) -> Iterator[ast.stmt]:
    """Yield statements and those inside them, but no expressions: these are most of a tree."""
    for statement in body:
        if isinstance(statement, ast.stmt):
            yield statement
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            yield from _statements(getattr(statement, part, ()))


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def _module(folder: Path, dotted: str) -> Path:
    path = folder.joinpath(*filter(None, dotted.split(".")))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


class Repository:
    def __init__(self, sources: Collection[Source]) -> None:
        self.sources = {source.path: source for source in sources}
        of_product = (one.words for one in sources if one.path.relative_to(ROOT).parts[0] not in ("tests", "bench"))
        self.settings = frozenset[str]().union(*of_product)
        self.defined = frozenset[str]().union(*(source.defined for source in sources))
        self.classes: dict[str, list[tuple[frozenset[str], set[str]]]] = defaultdict(list)
        self.folders: dict[Path, set[str]] = defaultdict(set)
        for source in sources:
            self.folders[source.path.parent].update(source.words)
            for name, found in source.classes.items():
                self.classes[name].append(found)

    def unknown(self, source: Source) -> Iterator[tuple[int, str]]:
        """Yield what a file's prose names and nobody has, with its line."""
        for number, line in source.prose:
            names = [name for name in _FILE.findall(line) if not find_file(name, source.path.parent)]
            names += [name for name in _SETTING.findall(line) if not self._is_setting(name, source)]
            for quoted in _BACKTICKS.findall(line):
                name = _NAME.fullmatch(quoted)
                if name and not _FILE.fullmatch(quoted) and not self._is_known(name[1], source):
                    names.append(name[1])
            yield from ((number, name) for name in names if name not in ELSEWHERE)

    def _is_setting(self, name: str, source: Source) -> bool:
        """Say whether the product or the file itself reads it; X_FILE names a file that setting X is read from."""
        return bool({name, name.removesuffix("_FILE")} & (self.settings | source.words))

    def _is_known(self, name: str, source: Source) -> bool:
        first, *rest = name.split(".")
        if not rest:
            return name in self.defined or self._is_near(name, source)
        if name in source.code:
            return True
        if first in self.classes:
            return self._has(first, rest[0])
        if first in PACKAGES:
            return self._is_of_module(name)
        if first in sys.stdlib_module_names or _is_installed(first):
            return True
        return all(part in self.defined or self._is_near(part, source) for part in (first, *rest))

    def _is_near(self, word: str, source: Source) -> bool:
        return (
            hasattr(builtins, word)
            or word in self.folders[source.path.parent]
            or any(word in self.sources[path].words for path in source.reaches & self.sources.keys())
        )

    def _has(self, class_: str, name: str, below: frozenset[str] = frozenset()) -> bool:
        """Say whether a class of this name, or a base of it that is ours, has a name."""
        below |= {class_}  # a class may have the name of its base
        return any(
            name in words or any(self._has(base, name, below) for base in bases & self.classes.keys() - below)
            for words, bases in self.classes[class_]
        )

    def _is_of_module(self, dotted: str) -> bool:
        module, _, name = dotted.rpartition(".")
        above = self.sources.get(_module(ROOT, module))
        return _module(ROOT, dotted) in self.sources or (above is not None and name in above.words)


@cache
def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


@pytest.fixture(scope="module")
def repository() -> Repository:
    code = (path for path in FILES if path.suffix in _COMMENT and path.relative_to(ROOT).parts[0] in PACKAGES)
    return Repository([Source(path, path.read_text()) for path in sorted(code)])


def test_what_prose_points_to_exists(repository: Repository) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {name}"
        for path, source in repository.sources.items()
        for number, name in repository.unknown(source)
    ]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("prose", "unknown"),
    [
        pytest.param("see gone.py, and context.py", ["gone.py"], id="a file"),
        pytest.param("read_body.lua, tests/docs/gone.md", ["read_body.lua", "tests/docs/gone.md"], id="of any kind"),
        pytest.param("`Router.gone` and `Router.add_url_rule`", ["Router.gone"], id="a method"),
        pytest.param("`App.add_url_rule`, which is Router's", [], id="a method of a base"),
        pytest.param(
            "`wz.gone`, `wz.errors.gone` and `wz.errors.Problem`", ["wz.gone", "wz.errors.gone"], id="a module"
        ),
        pytest.param("`gone_function()`, `value` and `len`", ["gone_function"], id="a name"),
        pytest.param("set WZ_GONE, or WZ_REDIS_URL", ["WZ_GONE"], id="a setting"),
        pytest.param("`json.dumps`, `msgspec.Struct`, `GET /hubs`, `a + b`", [], id="what is no name of ours"),
    ],
)
def test_the_search_finds_what_is_gone(repository: Repository, prose: str, unknown: list[str]) -> None:
    source = Source(ROOT / "wz" / "example.py", f'def f(value):\n    """{prose}"""\n    return value  # {prose}\n')

    assert [name for line, name in repository.unknown(source) if line == 2] == unknown
    assert [name for line, name in repository.unknown(source) if line == 3] == unknown


def test_no_exception_is_left_that_nobody_needs(repository: Repository) -> None:
    prose = "\n".join(line for source in repository.sources.values() for _, line in source.prose)

    assert [name for name in sorted(ELSEWHERE) if not re.search(rf"\b{re.escape(name)}\b", prose)] == []
