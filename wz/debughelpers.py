"""What a developer is told at more length: where a template was looked for, and why a form has no files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from werkzeug.datastructures import FileStorage, ImmutableMultiDict

from .http import Request

if TYPE_CHECKING:
    import jinja2

    from .jinja import Loader  # upwards: it asks for this when a developer wants it


class DebugFilesKeyError(KeyError, AssertionError):
    """There is no such file, since the form was sent without its files. Programs may expect either of the two bases."""

    def __init__(self, request: Request, name: str) -> None:
        super().__init__(name)
        self.sent = request.form.getlist(name)
        self.mimetype = request.mimetype

    def __str__(self) -> str:
        return (
            f"request.files has no {self.args[0]!r}: the body is {self.mimetype!r}, which carries the names of files "
            f"({', '.join(map(repr, self.sent))}) and not what is in them. Write "
            '<form method="post" enctype="multipart/form-data">'
        )


class ExplainedFiles(ImmutableMultiDict[str, FileStorage]):
    """The files of a form without any; asked for one whose name is in the form, it raises DebugFilesKeyError."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request

    def __getitem__(self, key: str) -> FileStorage:
        if key in self.request.form:
            raise DebugFilesKeyError(self.request, key)
        return super().__getitem__(key)


def explain_template_loading(loader: Loader, environment: jinja2.Environment, template: str) -> None:
    """Log what each loader says to the name of a template; two that have it, or none, are worth a thought."""
    from jinja2 import TemplateNotFound  # optional; the caller has it

    lines = [f"Locating template {template!r}:"]
    found = 0
    for number, (owner, each) in enumerate(loader.loaders(), 1):
        lines += [f"{number:5}: trying the loader of {owner}", *(f"       {line}" for line in _describe(each))]
        try:
            _, filename, _ = each.get_source(environment, template)
        except TemplateNotFound:
            lines.append("       -> no match")
        else:
            found += 1
            lines.append(f"       -> found ({filename or '<string>'!r})")
    if found != 1:
        lines.append(
            "Warning: multiple loaders returned a match for the template."
            if found
            else "Error: the template could not be found."
        )
    loader.app.logger.info("\n".join(lines))


def _describe(loader: jinja2.BaseLoader) -> Iterator[str]:
    """Yield a loader's class and those of its attributes that can be read at a glance."""
    yield f"class: {type(loader).__module__}.{type(loader).__name__}"
    for name, value in sorted(vars(loader).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, str | int | float):
            yield f"{name}: {value!r}"
        elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            yield f"{name}:"
            yield from (f"  - {item}" for item in value)
