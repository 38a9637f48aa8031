"""What a decorator says of the views that it wraps: `wz.openapi` adds it to what it knows of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__wz_says__"


class Says(NamedTuple):
    """Request headers by name, with the schema of each; and answers by status, with the description of each."""

    headers: Mapping[str, Mapping[str, Any]]
    responses: Mapping[int, str]


def documented(
    view: F, *, headers: Mapping[str, Mapping[str, Any]] | None = None, responses: Mapping[int, str] | None = None
) -> F:
    """Say so of a decorator's wrapper, and return it."""
    setattr(view, _ATTRIBUTE, Says(headers or {}, responses or {}))
    return view


def said_around(view: Callable[..., Any]) -> Iterator[Says]:
    """Yield what each wrapper around a view says, the outermost first."""
    seen: Says | None = None
    layer: Callable[..., Any] | None = view
    while layer is not None:
        found: Says | None = getattr(layer, _ATTRIBUTE, None)
        if found is not None and found is not seen:  # `functools.wraps` hands the attribute outwards
            yield found
        seen, layer = found, getattr(layer, "__wrapped__", None)
