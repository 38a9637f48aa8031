"""`Cache-Control` (RFC 9111, 5.2.2) on the answers of a view.

@app.get("/boards/<board>/top")
@cache_control(max_age=5, public=True)
def top(board: str) -> Page: ...
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from werkzeug.datastructures import ResponseCacheControl
from werkzeug.wrappers import Response

from .aio import synchronous
from .context import after_this_request

F = TypeVar("F", bound=Callable[..., Any])


def cache_control(**directives: bool | int | str) -> Callable[[F], F]:
    """Add the directives, by the names of `ResponseCacheControl`: times are in seconds, true is a word alone.

    A view that sets the header itself keeps its own. An error is sent with it only if that is `no_store`: it may be
    gone long before the answer would. Raises TypeError for a name that is no directive.
    """
    control = ResponseCacheControl()
    for name, value in directives.items():
        if not isinstance(getattr(ResponseCacheControl, name, None), property):
            raise TypeError(
                f"{name} is no directive of Cache-Control: see werkzeug.datastructures.ResponseCacheControl"
            )
        setattr(control, name, value)
    header = control.to_header()

    def add(response: Response) -> Response:
        if response.status_code < 400 or control.no_store:
            response.headers.setdefault("Cache-Control", header)
        return response

    def decorate(view: F) -> F:
        call = synchronous(view)

        @functools.wraps(view)
        def controlled(*args: Any, **kwargs: Any) -> Any:
            after_this_request(add)
            return call(*args, **kwargs)

        return cast("F", controlled)

    return decorate
