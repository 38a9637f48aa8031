"""What `wz` offers, from its signatures and docstrings: what a program imports, and then each module in a line.

Docstrings here are Markdown, so they stand as they are. That what they name exists is held by tests/docs/test_names.py.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import starmap
from pathlib import Path
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import wz

from .markdown import cell, prose, table

PACKAGE = Path(wz.__file__).parent
CODE = "../../wz"  # from docs/reference

#: The names of `wz` itself, as somebody looks for them who writes a program.
GROUPS = {
    "Applications": ("App", "Blueprint", "Config"),
    "Requests and answers": ("Request", "Response", "JSON", "abort", "jsonify", "make_response", "redirect", "url_for"),
    "Errors": ("Problem",),
    "The current request": (
        *("request", "g", "current_app", "has_request_context", "has_app_context", "after_this_request"),
        *("copy_current_request_context", "stream_with_context"),
    ),
}


def markdown() -> str:
    parts = [part for title, names in GROUPS.items() for part in (f"## {title}", *map(_name, names))]
    modules = table(("Module", "What it is for", "What it offers"), starmap(_row, _modules()))
    return "\n\n".join([*parts, "## Modules", modules])


# -- one name ---------------------------------------------------------------------------------------------------------


def _name(name: str) -> str:
    value = getattr(wz, name)
    if not inspect.isclass(value) and not inspect.isfunction(value):
        return "\n\n".join([f"### {name}", _constant(name)])
    head = f"```python\n{name}{_signature(value)}\n```"
    code = f"[The code]({_link(value)})."
    parts = [f"### {name}", head, _text(inspect.getdoc(value) or ""), code]
    if inspect.isclass(value):
        parts.append(table(("Member", "What it does"), _members(value)))
    return "\n\n".join(parts)


def _constant(name: str) -> str:
    """Return what the comment above a variable, #: and the text, says."""
    for file in sorted(PACKAGE.glob("*.py")):
        said = ModuleAnalyzer.for_file(file, f"wz.{file.stem}").find_attr_docs()
        if ("", name) in said:
            return f"{prose(' '.join(said['', name]).strip())}\n\n[The code]({CODE}/{file.name}#{name})."
    raise LookupError(f"wz.{name} has no comment in a file of wz")


def _members(kind: type) -> Iterator[tuple[str, str]]:
    """Yield what a class and its bases in wz offer, with the first paragraph of what is said of it."""
    seen: set[str] = set()
    for owner in kind.__mro__:
        if not owner.__module__.startswith("wz."):
            continue
        for name, value in vars(owner).items():
            found = _callable(value)
            if name.startswith("_") or name in seen or found is None:
                continue
            seen.add(name)
            about = inspect.cleandoc(found.__doc__ or "").split("\n\n")[0]  # its own: dict's are not Markdown
            shown = name if isinstance(value, property | cached_property) else f"{name}{_signature(found)}"
            yield f"[`{shown}`]({_file(owner)}#{owner.__name__}.{name})".replace("|", r"\|"), cell(about)


def _callable(value: Any) -> Any:
    """Return the function of a member, or None if it has none."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, cached_property):
        return value.func
    if isinstance(value, classmethod | staticmethod):
        return value.__func__
    return value if inspect.isfunction(value) else None


def _signature(value: Any) -> str:
    """Return the parameters of a function, or of a class, without their types, which the code has."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    named = [one.replace(annotation=one.empty) for one in found.parameters.values() if one.name not in ("self", "cls")]
    return re.sub(r"<[^>]*>", "...", str(found.replace(parameters=named, return_annotation=found.empty)))


def _link(value: Any) -> str:
    return f"{_file(value)}#{value.__name__}"


def _file(value: Any) -> str:
    return f"{CODE}/{Path(inspect.getfile(value)).relative_to(PACKAGE).as_posix()}"


# -- a module ---------------------------------------------------------------------------------------------------------


def _modules() -> Iterator[tuple[str, Path]]:
    """Yield each module's name and file. None is imported: what builds the guide need not have pytest."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts not in (("__main__",), ("__init__",)):
            yield ".".join(["wz", *(part for part in parts if part != "__init__")]), file


def _row(name: str, file: Path) -> tuple[str, str, str]:
    path = f"{CODE}/{file.relative_to(PACKAGE).as_posix()}"
    module = ast.parse(file.read_text())
    names = (f"[`{name}`]({path}#{name})" for name in _written_in(module))
    return f"[`{name}`]({path})", cell((ast.get_docstring(module) or "").split("\n\n")[0]), " ".join(names)


def _written_in(module: ast.Module) -> Iterator[str]:
    """Yield the public classes and functions of a file."""
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name


# -- texts ------------------------------------------------------------------------------------------------------------


def _text(docstring: str) -> str:
    """Return a docstring as Markdown: what is indented in it is code."""
    return "\n\n".join(_block(block) for block in re.split(r"\n\n(?! )|\n\n(?=  )", docstring))


def _block(block: str) -> str:
    return f"```python\n{inspect.cleandoc(block)}\n```" if block.startswith("  ") else prose(block)
