"""Where in a file a name is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from myst_parser.slugs import github_slugify


def line_of(path: Path, name: str) -> int | None:
    """Return the number of the line of a name, from 1; None if the file has none.

    In Python it is a class, a function or a variable by its dotted name, in Markdown a heading by its anchor. Elsewhere
    it is the first line with the word that is no comment.
    """
    text = path.read_text()
    if path.suffix == ".py":
        return _in_python(ast.parse(text), name.split("."))
    lines = text.splitlines()
    if path.suffix == ".md":
        return next((n for n, line in enumerate(lines, 1) if _heading(line) == name), None)
    word = re.compile(rf"^(?!\s*(#|--|//)).*(?<![\w-]){re.escape(name)}(?![\w-])")
    return next((n for n, line in enumerate(lines, 1) if word.match(line)), None)


def _heading(line: str) -> str | None:
    text = re.match(r"#{1,6} +(.*?) *$", line)
    return github_slugify(text[1]) if text else None


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
