"""Where in a file a name is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from myst_parser.slugs import github_slugify


def line_of(path: Path, name: str) -> int | None:
    """Return the number of the line of a name, from 1; None if the file has none.

    In Python it is a class, a function or a variable by its dotted name, in Markdown a heading by its anchor, in JSON a
    value by its JSON Pointer. Elsewhere it is the first line with the word that is no comment.
    """
    text = path.read_text()
    if path.suffix == ".py":
        return _in_python(ast.parse(text), name.split("."))
    lines = text.splitlines()
    if path.suffix == ".md":
        return next((n for n, line in enumerate(lines, 1) if _heading(line) == name), None)
    if path.suffix == ".json":
        return _in_json(lines, name.split("/")[1:])
    word = re.compile(rf"^(?!\s*(#|--|//)).*(?<![\w-]){re.escape(name)}(?![\w-])")
    return next((n for n, line in enumerate(lines, 1) if word.match(line)), None)


def _heading(line: str) -> str | None:
    text = re.match(r"#{1,6} +(.*?) *$", line)
    return github_slugify(text[1]) if text else None


def _in_json(lines: list[str], keys: list[str]) -> int | None:
    """Find a value in a file with a line for each, indented by its depth, as `json.dumps(indent=...)` writes it."""
    number = 0
    for key in keys:
        if key.isdecimal():  # of an array: the line of the array is near enough
            break
        depth = _indent(lines[number]) if number else 0
        start = re.compile(rf"\s+{re.escape(json.dumps(unquote(key), ensure_ascii=False))}:")
        inside = (n for n in range(number + 1, len(lines)) if start.match(lines[n]) and _indent(lines[n]) > depth)
        number = next(inside, 0)
        if not number:
            return None
    return number + 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _in_python(scope: ast.AST, names: list[str]) -> int | None:
    first, *rest = names
    for node in _statements(getattr(scope, "body", [])):
        if first in _names(node):
            return _in_python(node, rest) if rest else node.lineno
    return None


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, and those in an `if`, a `with` or a `try`, which are of the same scope."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.With | ast.Try):
            yield from _statements(node.body)
            yield from _statements(getattr(node, "orelse", []))


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
