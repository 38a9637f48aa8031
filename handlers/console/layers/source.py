"""The code at a place that a trace names, `wz/fast.py:118`, as lines with colours.

A trace comes out of Redis, so what it names is not trusted: only Python files of the packages in `PACKAGES` are read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String

#: Whose code is shown. The first four are this project's.
PACKAGES = ("wz", "handlers", "pipeline", "deploy", "werkzeug", "gunicorn", "redis", "msgspec")

#: Lines that are shown at most, and of a function that is longer how many stand above the one that is meant.
MOST = 40
_ABOVE = 12

_PLACE = re.compile(r"(?P<package>\w+)/(?P<file>[\w/]+\.py):(?P<line>\d{1,6})", re.ASCII)

#: The classes of the style sheet.
_CLASSES = (
    (Comment, "c"),
    (String.Doc, "c"),
    (String, "l"),
    (Number, "l"),
    (Keyword, "k"),
    (Name.Builtin.Pseudo, "k"),
)


class Line(NamedTuple):
    """`pieces` are pairs of a class, which may be empty, and text. `marked` is one that the reader should look at."""

    number: int
    pieces: list[tuple[str, str]]
    marked: bool


class Excerpt(NamedTuple):
    place: str
    lines: list[Line]


def excerpt(place: str) -> Excerpt | None:
    """Return the function around a place; of one with more than `MOST` lines those around the line itself.

    Marked is the line; but if it is the function's first, then each that sets a key of the environ or calls
    `start_response`, if there is one. None for a place that is not in `PACKAGES`, or not there.
    """
    found = _PLACE.fullmatch(place)
    path = _path(found["package"], found["file"]) if found else None
    if found is None or path is None:
        return None
    return _excerpt(place, path, int(found["line"]), path.stat().st_mtime_ns)


@cache
def _folder(package: str) -> Path | None:
    """Where a package's modules are. None for one that is not installed: `deploy` is not, where wz is used alone."""
    spec = find_spec(package) if package in PACKAGES else None
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def _path(package: str, file: str) -> Path | None:
    folder = _folder(package)
    if folder is None:
        return None
    path = (folder / file).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


@lru_cache(maxsize=256)
def _excerpt(place: str, path: Path, line: int, changed: int) -> Excerpt | None:
    """`changed` is the file's time, so that a file that was changed is read again."""
    text = path.read_text(encoding="utf-8")
    if not 1 <= line <= text.count("\n") + 1:
        return None
    function = _function(ast.parse(text), line)
    begin, end = _lines_of(function) if function else (line, line)
    first, last = begin, end
    if end - begin >= MOST:
        first = max(begin, line - _ABOVE)
        last = min(end, first + MOST - 1)
    marked = {line}
    if function and line <= function.lineno:
        marked = set(_telling(function)) or marked
    whole = text.splitlines()[begin - 1 : last]
    coloured = list(_coloured(dedent("\n".join(whole))))[first - begin :]
    return Excerpt(
        place, [Line(number, pieces, number in marked) for number, pieces in enumerate(coloured, start=first)]
    )


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _lines_of(function: _Function) -> tuple[int, int]:
    begin = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return begin, function.end_lineno or begin


def _function(module: ast.Module, line: int) -> _Function | None:
    """Return the innermost function that has the line; a class only where the line is in none of its functions."""
    found: _Function | None = None
    for node in ast.walk(module):  # outer ones first
        if isinstance(node, _Function):
            begin, end = _lines_of(node)
            if begin <= line <= end:
                found = node
    return found


def _telling(function: _Function) -> Iterator[int]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and ast.unparse(target.value).split(".")[-1] == "environ":
                    yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "start_response":
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _coloured(text: str) -> Iterator[list[tuple[str, str]]]:
    line: list[tuple[str, str]] = []
    for token, value in lex(text, PythonLexer(stripnl=False, ensurenl=False)):
        cls = _class_of(token)
        first, *rest = value.split("\n")
        if first:
            line.append((cls, first))
        for more in rest:
            yield line
            line = [(cls, more)] if more else []
    yield line


def _class_of(token: Any) -> str:
    return next((cls for kind, cls in _CLASSES if token in kind), "")
