"""Conditional requests (RFC 9110, 13): entity tags of answers, and what If-Match and its like ask for.

    @app.get("/notes/<note>")
    @etag                                   # 304 for a client that has this answer already
    def read(note: str) -> Note: ...

    @app.put("/notes/<note>")
    def write(request: Request, note: str, body: Note) -> Note:
        wanted = require_if_match(request)  # 428 without it
        return notes.replace(note, body, if_version=wanted)

A precondition of a write holds only if it is checked in the same step as the write: two writers who are checked first
and write afterwards both pass. So a view hands the tags on, and what keeps the notes compares them and writes at once,
or raises something that becomes a 412. `Preconditions.status` is the check for a resource that nobody else writes to
meanwhile. For resources that know no such step, `refuse_conditions` is a before hook.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, overload

from werkzeug.datastructures import ETags
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired
from werkzeug.http import parse_etags, unquote_etag
from werkzeug.wrappers import Response

from .aio import synchronous
from .context import after_this_request, require_request
from .dates import parse_date
from .documented import documented
from .errors import error_response
from .http import Request

F = TypeVar("F", bound=Callable[..., Any])

_READS = ("GET", "HEAD")
_SAFE = (*_READS, "OPTIONS")


@dataclass(frozen=True)
class Preconditions:
    """What a request asks of the resource's state. None for a header that was not sent, or is no date."""

    is_read: bool
    if_match: ETags | None = None
    if_unmodified_since: datetime | None = None
    if_none_match: ETags | None = None
    if_modified_since: datetime | None = None

    @classmethod
    def of(cls, request: Request) -> Preconditions:
        """Read the headers of a request."""
        environ = request.environ
        return cls(
            environ["REQUEST_METHOD"] in _READS,
            _tags(environ.get("HTTP_IF_MATCH")),
            parse_date(environ.get("HTTP_IF_UNMODIFIED_SINCE")),
            _tags(environ.get("HTTP_IF_NONE_MATCH")),
            parse_date(environ.get("HTTP_IF_MODIFIED_SINCE")),
        )

    def status(self, tag: str | None, last_modified: datetime | None = None, *, exists: bool = True) -> int | None:
        """Return 412 or 304 if that is the answer, None to go on: RFC 9110, 13.2.2.

        `tag` is the ETag header of the resource as it is now, None if it has none. A date that the resource does not
        know is not looked at.
        """
        if self.if_match is not None:
            if not (exists and _matches(self.if_match, tag, weakly=False)):
                return 412
        elif self.if_unmodified_since and last_modified and _second(last_modified) > self.if_unmodified_since:
            return 412
        if self.if_none_match is not None:
            if exists and _matches(self.if_none_match, tag, weakly=True):
                return 304 if self.is_read else 412
        elif self.is_read and self.if_modified_since and last_modified:
            return 304 if _second(last_modified) <= self.if_modified_since else None
        return None


def _second(time: datetime) -> datetime:
    """HTTP's dates have no fractions of a second; without a zone, a time is in UTC, as Werkzeug takes it."""
    return time.replace(microsecond=0, tzinfo=time.tzinfo or UTC)


def _tags(header: str | None) -> ETags | None:
    if header is None:
        return None
    found = parse_etags(header)
    strong, both = found.as_set(), found.as_set(include_weak=True)  # in which Werkzeug has None for `""`
    return ETags({tag or "" for tag in strong}, {tag or "" for tag in both - strong}, found.star_tag)


def _matches(tags: ETags, tag: str | None, *, weakly: bool) -> bool:
    """Compare as RFC 9110, 8.8.3.2, says: strongly, both must be strong."""
    if tags.star_tag:
        return True
    value, is_weak = unquote_etag(tag)
    if value is None:
        return False
    return tags.contains_weak(value) if weakly else not is_weak and tags.is_strong(value)


@overload
def etag(view: F, /) -> F: ...


@overload
def etag(*, weak: bool = False) -> Callable[[F], F]: ...


def etag(view: F | None = None, /, *, weak: bool = False) -> F | Callable[[F], F]:
    """Give the 200 of a view to GET and HEAD an ETag, and answer 304, or 412, if the request's conditions say so.

    The tag is that of the view's own response if it has one; otherwise it is made of the body's bytes, which saves the
    client's reading and not the server's work. `weak` is for answers that mean the same without being the same bytes,
    and for resources whose writes can't be conditional: If-Match never matches a weak tag. A stream gets none.
    """

    def decorate(view: F) -> F:
        call = synchronous(view)

        @functools.wraps(view)
        def tagged(*args: Any, **kwargs: Any) -> Any:
            request = require_request()
            if request.method in _READS:
                after_this_request(lambda response: _answer(request, response, weak))
            return call(*args, **kwargs)

        return documented(
            cast("F", tagged),
            headers={"If-None-Match": {"type": "string", "description": "The ETags of answers that the client has"}},
            responses={304: "the client has this answer already", 412: "this is not the answer that If-Match names"},
        )

    return decorate if view is None else decorate(view)


def _answer(request: Request, response: Response, weak: bool) -> Response:
    if response.status_code != 200 or ("ETag" not in response.headers and response.is_streamed):
        return response
    response.add_etag(weak=weak)
    status = Preconditions.of(request).status(response.headers["ETag"], response.last_modified)
    if status == 412:
        return error_response(PreconditionFailed("this is not the answer that If-Match names"), request)
    response.status_code = status or 200
    return response


def require_if_match(request: Request) -> ETags:
    """Return the tags of If-Match, for the step that compares and writes. Raises a 428 if there are none (RFC 6585, 3).

    `star_tag` is true for `*`: any version will do, if there is one.
    """
    tags = _tags(request.environ.get("HTTP_IF_MATCH"))
    if tags is None:
        raise PreconditionRequired("send the ETag of what you have read as If-Match, so that no other change is lost")
    return tags


def refuse_conditions(request: Request) -> None:
    """Refuse, as a before hook, a write under a condition that the resource can't check in one step with it.

    A server must not carry out such a request if the condition is false (RFC 9110, 13.1.1 and 13.1.2), and can't know
    here whether it is. The dates of the other two are ignored, as a resource without a date of its own has to.
    """
    environ = request.environ
    if environ["REQUEST_METHOD"] in _SAFE:
        return
    for name, key in (("If-Match", "HTTP_IF_MATCH"), ("If-None-Match", "HTTP_IF_NONE_MATCH")):
        if key in environ:
            raise PreconditionFailed(f"{name} can't be checked here in one step with the write: send it without")
