"""The document: all operations of an app, each from its rule, its view's signature and what `@operation` says of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ..app import App
from ..documented import said_around
from ..field_errors import FieldError
from ..headers import header_name
from ..routes import RouteRow
from .operations import Content, Operation, said_of
from .schema import (
    DECIMAL_IN,
    DECIMAL_OUT,
    JSON,
    Schemas,
    form_types,
    is_struct,
    path_template,
    returned,
    url_values,
)

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")  # the framework adds HEAD and OPTIONS
_SAFE = ("GET",)  # of these: RFC 9110, 9.2.1

_AUTOMATIC = {
    400: "the body is not JSON",
    404: "a value in the URL is not one that this path takes",
    413: "the body is too large",
    415: "the body is of another media type",
    422: "a value has the wrong type or is out of range; `field` names it, and `errors` all that are wrong",
}


class ProblemDetails(msgspec.Struct):
    """RFC 9457. `detail` says what happened. More members may follow; `field` names the input that was wrong.

    `errors` has all that is wrong with a body, a query string, a form or headers, up to fifty, what `detail` is about
    first. A pointer (RFC 6901) into a query string, a form or headers is one into the object of their names.

    `request_id`, which X-Request-ID has as well, is what the logs call the request, if it is given one. A client whose
    Accept header prefers HTML gets the same as a page.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET


class Document:
    """Walks the rules once. Types are collected on the way and become schemas together, so that they share names."""

    def __init__(
        self,
        app: App,
        responses: Mapping[int, str],
        unsafe_responses: Mapping[int, str],
        decimal: JSON = DECIMAL_OUT,
    ) -> None:
        self.app = app
        self.responses = responses
        self.unsafe_responses = unsafe_responses
        self.inputs = Schemas(DECIMAL_IN)
        self.outputs = Schemas(decimal)
        self.problem = self.outputs.of(ProblemDetails)
        self.operation_ids: set[str] = set()

    def build(self, info: JSON, security_schemes: JSON) -> JSON:
        """Return the whole document. Call it once: schemas and ids are collected while the rules are walked."""
        paths: dict[str, JSON] = {}
        for row in self.app.routes:
            if row.view is None or row.kind != "view":
                continue
            path = paths.setdefault(path_template(row), {})
            for method in row.methods or ():
                if method in _METHODS and not _is_hidden(row.function(method)):
                    path.setdefault(method.lower(), self.operation(row, method))
        paths = {template: path for template, path in paths.items() if path}
        components: JSON = {"schemas": self.outputs.finish({})}
        components["schemas"] |= self.inputs.finish(components["schemas"])
        if security_schemes:
            components["securitySchemes"] = security_schemes
        document: JSON = {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}
        if self.app.config["APPLICATION_ROOT"] != "/":
            document["servers"] = [{"url": self.app.config["APPLICATION_ROOT"]}]
        return document

    def operation(self, row: RouteRow, method: str) -> JSON:
        """Return the Operation Object of a rule's method."""
        view, types, answer = row.handler(method)
        hooks = self.app.endpoints[row.endpoint].befores
        said = [found for hook in hooks if (found := said_of(hook))]
        around = list(said_around(view))
        own = said_of(view) or Operation()
        structs = {name: type_ for name, type_ in types.items() if name not in row.arguments and is_struct(type_)}
        query, form, headers = (structs.pop(name, None) for name in ("query", "form", "headers"))
        body = own.body
        if form or structs:
            body = dict.fromkeys(form_types(form), form) if form else {"application/json": next(iter(structs.values()))}

        parameters = [self.url_value(name, schema, types.get(name)) for name, schema in url_values(row)]
        parameters += self.fields(query, "query") if query else []
        parameters += self.fields(headers, "header") if headers else []
        parameters += [self.header(name, type_) for name, type_ in own.headers.items()]
        parameters += [_plain_header(name, schema) for one in around for name, schema in one.headers.items()]

        wrong = {
            400: structs,
            404: url_values(row),
            413: body and self.app.config["MAX_CONTENT_LENGTH"],
            415: structs or form,
            422: structs or form or query or headers,
        }
        responses: dict[int, str | Content] = {status: _AUTOMATIC[status] for status in wrong if wrong[status]}
        responses |= self.responses
        if method not in _SAFE:
            responses |= self.unsafe_responses
        for more in (*(one.responses for one in said), *(one.responses for one in around), own.responses):
            responses |= more

        security: list[JSON] = [
            {one.security: one.roles(method, view) if one.roles else []} for one in [*said, own] if one.security
        ]
        result = self.names(row, method, view)
        result |= {"parameters": parameters} if parameters else {}
        if body:
            content = {media: self.media(type_, self.inputs) for media, type_ in body.items()}
            result["requestBody"] = {"content": content} | (
                {"required": True} if structs or form or bytes not in body.values() else {}
            )
        errors = next((one.errors for one in (own, *said) if one.errors), None)
        result["responses"] = self.answers(responses, answer, errors)
        return result | ({"security": security} if security else {})

    def names(self, row: RouteRow, method: str, view: Callable[..., Any]) -> JSON:
        """Return the members by which a reader finds an operation; its texts are the view's docstring."""
        summary, _, description = (inspect.getdoc(view) or "").partition("\n")
        found: JSON = {"operationId": self.operation_id(row.endpoint, method)}
        found |= {"tags": [row.blueprint]} if row.blueprint else {}
        found |= {"summary": summary} if summary else {}
        return found | ({"description": description.strip()} if description.strip() else {})

    def operation_id(self, endpoint: str, method: str) -> str:
        """The endpoint; with several rules or methods, the method and a number are added, since ids are unique."""
        name, number = endpoint, 1
        while name in self.operation_ids:
            name = f"{endpoint}.{method.lower()}" + (str(number) if number > 1 else "")
            number += 1
        self.operation_ids.add(name)
        return name

    def url_value(self, name: str, schema: JSON, annotation: Any) -> JSON:
        """An `Annotated` value says more than its converter."""
        if get_origin(annotation) is Annotated:
            schema = self.inputs.of(annotation)
        return {"name": name, "in": "path", "required": True, "schema": schema} | _description(annotation)

    def fields(self, struct: type[msgspec.Struct], place: str) -> list[JSON]:
        """Return a Parameter Object for each field of the Struct, required if it has no default."""
        parameters = []
        for member in msgspec.structs.fields(struct):
            given = member.default not in (msgspec.NODEFAULT, None)
            default = {"default": msgspec.to_builtins(member.default)} if given else {}
            name = header_name(member.encode_name) if place == "header" else member.encode_name
            parameter = {"name": name, "in": place, "required": member.required}
            parameter["schema"] = self.inputs.of(member.type, default)
            parameters.append(parameter | _description(member.type))
        return parameters

    def header(self, name: str, type_: Any) -> JSON:
        """Return a header's Parameter Object: a Struct is JSON in the header, anything else a plain value."""
        if is_struct(type_):
            return {"name": name, "in": "header", "content": {"application/json": self.media(type_, self.inputs)}}
        return {"name": name, "in": "header", "schema": self.inputs.of(type_)}

    def answers(self, said: Mapping[int, str | Content], annotation: Any, errors: str | None = None) -> dict[str, JSON]:
        """Return the Responses Object: what `@operation` says, and the return annotation as the body of its status.

        `errors` is the media type of answers from 400 on, if they are not problems.
        """
        status, media_type, type_ = returned(annotation)
        descriptions = dict(said)
        if media_type and status:
            descriptions.setdefault(status, "")
        if not any(code < 400 and code != 304 for code in descriptions):
            descriptions[status or 200] = ""
        responses: dict[str, JSON] = {}
        for code, text in sorted(descriptions.items()):
            content: JSON = {}
            if code >= 400:
                content = {errors: {}} if errors else {"application/problem+json": {"schema": self.problem}}
            elif isinstance(text, Content):
                content = {text.media_type: self.media(text.type, self.outputs)} if text.type is not None else {}
                if content and media_type and code == (status or 200):  # two kinds of answer: Accept says which
                    content.setdefault(media_type, self.media(type_, self.outputs))
            elif media_type and code != 304 and code == (status or code):
                content = {media_type: self.media(type_, self.outputs)}
            description = text.description if isinstance(text, Content) else text
            responses[str(code)] = {"description": description or HTTPStatus(code).phrase}
            headers = text.headers if isinstance(text, Content) else {}
            responses[str(code)] |= {"headers": {name: _answered(headers[name]) for name in headers}} if headers else {}
            responses[str(code)] |= {"content": content} if content else {}
        return responses

    @staticmethod
    def media(type_: Any, schemas: Schemas) -> JSON:
        """Return the Media Type Object of a body; `bytes` is one that may hold anything."""
        if type_ is bytes:
            return {}
        if get_origin(type_) in (Union, UnionType) and all(is_struct(kind) for kind in get_args(type_)):
            return {"schema": {"anyOf": [schemas.of(kind) for kind in get_args(type_)]}}  # msgspec refuses such a union
        return {"schema": schemas.of(type_)}


def _plain_header(name: str, schema: Mapping[str, Any]) -> JSON:
    rest = {key: value for key, value in schema.items() if key not in ("required", "description")}
    about = {key: schema[key] for key in ("required", "description") if key in schema}
    return {"name": name, "in": "header", "schema": rest} | about


def _answered(what: str) -> JSON:
    """Return the Header Object of a header that answers may have."""
    return {"description": what, "schema": {"type": "string"}}


def _description(annotation: Any) -> JSON:
    """The description in a parameter's `Meta`, which the Parameter Object is to have beside the schema."""
    found = [meta.description for meta in get_args(annotation) if isinstance(meta, msgspec.Meta) and meta.description]
    return {"description": found[0]} if found else {}


def _is_hidden(view: Callable[..., Any]) -> bool:
    """`__undocumented__` is for views that can't use `operation`, since their file does not load wz.openapi."""
    said = said_of(view)
    return getattr(view, "__undocumented__", False) or (said is not None and said.hidden)
