"""What `@operation` says of an operation (one method of one path) in addition to the signature of its view."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Content(NamedTuple):
    """An answer that the return annotation does not describe. `type` None is an empty body, bytes any body.

    `headers` says what each of its headers means, by name; none of them need be there.
    """

    description: str
    type: Any = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Operation:
    """What `operation` was given; its arguments say what each member means."""

    responses: Mapping[int, str | Content] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    security: str | None = None
    roles: Callable[[str, Callable[..., Any]], list[str]] | None = None
    hidden: bool = False
    errors: str | None = None


def operation(
    *,
    responses: Mapping[int, str | Content] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    security: str | None = None,
    roles: Callable[[str, Callable[..., Any]], list[str]] | None = None,
    hidden: bool = False,
    errors: str | None = None,
) -> Callable[[F], F]:
    """Say what a signature can't: it changes only the document, and may be above or below the route's decorator.

    `responses` describes answers by status: from 400 on they are problems; below, the body is the return annotation's
    if that belongs to the status (200, or the one of `tuple[Thing, Literal[201]]`), or a `Content`'s. `body` gives
    types by media type, for views that read the request themselves; `headers` gives types by header name (a Struct:
    JSON in the header). `security` names one of the app's schemes, and `roles`, called with a
    method and its view, what its client must be allowed there; `hidden` leaves the operation out; `errors` is the media
    type of answers from 400 on that are not problems.
    """
    said = Operation(responses or {}, body or {}, headers or {}, security, roles, hidden, errors)

    def decorate(function: F) -> F:
        function.__openapi__ = said  # type: ignore[attr-defined]
        return function

    return decorate


def said_of(function: Callable[..., Any]) -> Operation | None:
    """Return what `operation` says of a function, or of the one that it wraps."""
    found: Operation | None = getattr(inspect.unwrap(function), "__openapi__", None)
    return found
