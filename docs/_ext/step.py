"""A step of a tour, as the file that it is, with what is new marked.

    ```{step} 05_errors.py
    :after: 04_map.py
    ```

The lines that are gone are below it, folded away. A line that has only moved to the left or to the right is not new.
With `:new:`, for a page that has many steps, what is not new is left out: `...` stands for it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from difflib import SequenceMatcher
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Step(SphinxDirective):
    required_arguments = 1
    option_spec: ClassVar = {"after": directives.unchanged_required, "new": directives.flag}

    def run(self) -> list[nodes.Node]:
        new = self._lines(self.arguments[0])
        before = self._lines(self.options["after"]) if "after" in self.options else new
        changes = _changes(before, new)
        language = "nginx" if Path(self.arguments[0]).suffix == ".conf" else "python"
        marked = [number for _, added in changes for number in added]
        if "new" in self.options:
            file = _block(excerpt(new, marked), language)
        else:
            file = _block(new, language, linenos=True, highlight_args={"hl_lines": marked})
        gone = [lines for lines, _ in changes if lines]
        return [file, _folded(gone, language)] if gone else [file]

    def _lines(self, name: str) -> list[str]:
        path = Path(self.env.doc2path(self.env.docname)).parent / name
        self.env.note_dependency(path)
        try:
            return path.read_text().splitlines()
        except OSError as exc:
            raise self.error(f"{name} can't be read: {exc.strerror}") from exc


def _changes(before: list[str], after: list[str]) -> list[tuple[list[str], list[int]]]:
    """Return for each place that changed the lines that are gone, and the numbers of those that are new, from 1."""
    matcher = SequenceMatcher(None, [line.strip() for line in before], [line.strip() for line in after], autojunk=False)
    return [
        (
            before[a:b] if any(line.strip() for line in before[a:b]) else [],
            [number for number in range(c + 1, d + 1) if after[number - 1].strip()],
        )
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def excerpt(lines: list[str], marked: Collection[int]) -> list[str]:
    """Return the marked lines of a program, the first of which has number 1, and what they are in.

    `...` stands for the rest, and one blank line for several. What a line is in begins with the nearest line above that
    is less indented, and what that is in. Of a text over several lines, all are shown.
    """
    shown, inside = set(marked), set[int]()  # a text: its first line is as code is, and all others are inside of it
    for node in ast.walk(ast.parse("\n".join(lines))):
        match node:
            case ast.Constant(value=str(), lineno=first, end_lineno=int(last)):
                inside |= {*range(first + 1, last + 1)}
                shown |= {*range(first, last + 1)} if shown & {*range(first, last + 1)} else set()
    for number in shown - inside:
        indentation = _indentation(lines[number - 1])
        for above in (above for above in range(number - 1, 0, -1) if above not in inside and lines[above - 1]):
            if _indentation(lines[above - 1]) < indentation:
                indentation = _indentation(lines[above - 1])
                shown.add(above)
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        if number in shown or not line:
            found += [line] if line or found[-1:] != [""] else []
            continue
        if found[-1:] == [""] and found[-2:-1] and found[-2].strip() == "...":
            found.pop()  # between two lines that are left out
        if not found or found[-1].strip() != "...":
            found.append(" " * _indentation(line) + "...")
    return found


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _folded(gone: list[list[str]], language: str) -> nodes.admonition:
    count = sum(bool(line.strip()) for lines in gone for line in lines)
    title = nodes.title("", f"What is gone: {count} lines" if count > 1 else "What is gone: one line")
    lines = [line for place in gone for line in [*place, ""]][:-1]
    return nodes.admonition("", title, _block(lines, language), collapsible=True, open=False, classes=["gone"])


def _block(lines: list[str], language: str, **options: object) -> nodes.literal_block:
    text = "\n".join(lines)
    return nodes.literal_block(text, text, language=language, **options)


def setup(app: Sphinx) -> None:
    app.add_directive("step", Step)
