"""The endpoints and their bodies, from the service's own OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from handlers import create_app
from handlers.outage import RESPONSES, UNSAFE_RESPONSES
from pipeline.settings import Settings

from .markdown import cell, prose, table

_KEY = "Endpoint=sb://wz.example.com/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=bm8ga2V5"
_SCHEMA = "#/components/schemas/"

#: What any operation may answer, which the page says once.
USUAL = {str(status): text for status, text in (RESPONSES | UNSAFE_RESPONSES).items()}

JSON = Mapping[str, Any]


@cache
def document() -> JSON:
    found: JSON = create_app(Settings.from_environ({"WZ_CONNECTION_STRING": _KEY})).extensions["openapi"].document
    return found


def operations() -> str:
    """Return a section for each tag, and in it one for each operation."""
    tags: dict[str, list[str]] = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0].replace("_", " ").replace("-", " ").capitalize()
            tags.setdefault(tag, []).append("\n\n".join(_operation(f"{method.upper()} {path}", operation)))
    usual = table(("Status", "When"), ((status, cell(text)) for status, text in sorted(USUAL.items())))
    sections = ["\n\n".join([f"## {tag}", *found]) for tag, found in tags.items()]
    return "\n\n".join([f"Any of them may also answer:\n\n{usual}", *sections])


def bodies() -> str:
    """Return a section for each kind of body, and what a body is made of."""
    return "\n\n".join("\n\n".join(_body(name, body)) for name, body in document()["components"]["schemas"].items())


def _operation(title: str, operation: JSON) -> Iterator[str]:
    yield f"### {title}"
    yield prose(operation.get("summary", ""))
    if "description" in operation:
        yield prose(operation["description"])
    rights = [right for needed in operation.get("security", ()) for right in needed.get("sas", ())]
    yield f"Needs a token with the right {' and '.join(rights)}." if rights else "Needs no token of a certain right."
    parameters = (
        (f"`{one['name']}`", one["in"], _kind(_schema_of(one)), cell(_about(one)))
        for one in operation.get("parameters", ())
    )
    yield table(("Parameter", "In", "Type", "What it is"), parameters)
    if "requestBody" in operation:
        yield f"Body: {_content(operation['requestBody'])}."
    answers = (
        (status, _answer(answer)) for status, answer in operation["responses"].items() if not _is_usual(status, answer)
    )
    yield table(("Status", "Answer"), answers)


def _is_usual(status: str, answer: JSON) -> bool:
    return bool(USUAL.get(status) == answer["description"])


def _answer(answer: JSON) -> str:
    content = answer.get("content", {})
    body = (
        f" {_content(answer)}."
        if any("$ref" in str(one) and "ProblemDetails" not in str(one) for one in content.values())
        else ""
    )
    headers = "".join(
        f" `{name}`: {cell(header.get('description', ''))}." for name, header in answer.get("headers", {}).items()
    )
    text = cell(answer["description"])
    text = text[:1].upper() + text[1:]
    return f"{text}{'' if text.endswith('.') else '.'}{body}{headers}"


def _content(holder: JSON) -> str:
    kinds = []
    for media_type, one in holder.get("content", {}).items():
        kind = _kind(one["schema"]) if "schema" in one else ""
        kinds.append(f"{kind} as `{media_type}`" if kind else f"`{media_type}`")
    return " or ".join(kinds)


def _body(name: str, body: JSON) -> Iterator[str]:
    yield f"{{#body-{name.lower()}}}\n### {name}"  # an operation's group may have the same name
    yield prose(" ".join(body.get("description", "").split()))
    required = body.get("required", ())
    fields = (
        (f"`{field}`", _kind(schema), "yes" if field in required else "", cell(_about({"schema": schema})))
        for field, schema in body.get("properties", {}).items()
    )
    yield table(("Field", "Type", "Required", "What it is"), fields)
    if "properties" not in body:
        yield f"{_kind(body)}."


def _schema_of(parameter: JSON) -> JSON:
    holder: JSON = parameter if "schema" in parameter else next(iter(parameter["content"].values()))
    schema: JSON = holder["schema"]
    return schema


def _about(holder: JSON) -> str:
    schema = _schema_of(holder)
    text: str = holder.get("description") or schema.get("description", "")
    default = schema.get("default")
    return text + (f" (default `{default}`)" if default not in (None, "", [], {}) else "")


def _kind(schema: JSON) -> str:
    """Return the type of a value in words, with links to the bodies that it may be."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMA)
        return f"[{name}](#body-{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_kind, schema[several])))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
