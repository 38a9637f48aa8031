"""Exceptions to responses: `application/problem+json` (RFC 9457), or HTML for a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

from markupsafe import escape
from werkzeug.exceptions import BadRequest, BadRequestKeyError, HTTPException, default_exceptions
from werkzeug.wrappers import Response as WerkzeugResponse

from .http import Request, Response
from .reply import Reply

ErrorHandler = Callable[[Any], Any]
ErrorPage = Callable[[HTTPException, Request, list[tuple[str, str]]], WerkzeugResponse]
ErrorHelp = Callable[[HTTPException, Request], str | None]

#: The environ's key of the request's id, if a layer gives requests one: see `wz.request_id`.
REQUEST_ID = "wz.request_id"

PROBLEM_TYPES = ("application/problem+json", "application/json", "text/html")

_PAGE = """\
<!doctype html><html lang=en><meta charset=utf-8><title>{0} {1}</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}</style>
<h1>{0} {1}</h1><p>{2}</p>{4}<p><small>{3}</small></p>
"""
_PAGE_HELP = '<p><a href="{}">What this means, and what to do</a></p>'


class Problem(HTTPException):
    """An HTTP error with a sentence for people who read the answer, and members for programs that parse it.

    `members` are added to the problem document as they are: `field="score"` names the input that was wrong. Raise
    it, or let `App.problems` make it from a domain's exception. If such an exception, or one that an error handler was
    given, was answered by it, `stands_for` is that exception's class.
    """

    stands_for: type[Exception] | None = None

    def __init__(
        self, status: int, detail: str | None = None, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.code = status
        self.members = members
        self.headers = dict(headers or {})


class ErrorHandlers:
    """One scope's handlers: by status code or by exception class, the nearest class along the MRO first."""

    def __init__(self) -> None:
        self._by_code: dict[int | None, dict[type[Exception], ErrorHandler]] = {}

    def add(self, code_or_class: int | type[Exception], handler: ErrorHandler) -> None:
        """Add a handler in place of one for the same code or class.

        Raises ValueError for a status that is not that of an HTTP error and for another class, TypeError for any other
        thing.
        """
        if isinstance(code_or_class, int):
            if code_or_class not in default_exceptions:
                raise ValueError(f"{code_or_class} is not an HTTP error that can be raised; use an exception class")
            self._by_code.setdefault(code_or_class, {})[default_exceptions[code_or_class]] = handler
            # A Problem has a code, but its class is not Werkzeug's class for that code.
            self._by_code[code_or_class][Problem] = handler
            return
        if not (isinstance(code_or_class, type) and issubclass(code_or_class, Exception)):
            error = ValueError if isinstance(code_or_class, type) else TypeError
            raise error(f"{code_or_class!r} is neither a status code nor an exception class")
        code = code_or_class.code if issubclass(code_or_class, HTTPException) else None
        self._by_code.setdefault(code, {})[code_or_class] = handler

    def __bool__(self) -> bool:
        return bool(self._by_code)

    def find(self, exc: Exception, code: int | None) -> ErrorHandler | None:
        """Return the handler of the nearest class of `exc`, of those added for `code`, or for no code if it is None."""
        handlers = self._by_code.get(code, {})
        return next((handlers[cls] for cls in type(exc).__mro__ if cls in handlers), None)


def find_handler(scopes: Iterable[ErrorHandlers], exc: Exception) -> ErrorHandler | None:
    """Return the handler for `exc`: one by code before one by class, inner scopes before outer ones.

    `scopes` come innermost first. The order is Flask's.
    """
    scopes = [scope for scope in scopes if scope]
    if not scopes or (isinstance(exc, HTTPException) and exc.code is None):
        return None  # without a code, it is an answer: abort(Response(...))
    codes = [exc.code, None] if isinstance(exc, HTTPException) else [None]
    found = (scope.find(exc, code) for code in codes for scope in scopes)
    return next((handler for handler in found if handler), None)


def trap(exc: HTTPException, config: Mapping[str, Any]) -> bool:
    """Say whether an HTTP error that no handler answers is raised like any other exception, to be seen by a developer.

    `TRAP_HTTP_EXCEPTIONS` asks for all of them, `TRAP_BAD_REQUEST_ERRORS` for each 400; debug mode for a key that a
    form or query lacks, unless the latter is False. Where it is looked for, such a 400 names the key.
    """
    bad_requests = config["TRAP_BAD_REQUEST_ERRORS"]
    if isinstance(exc, BadRequestKeyError) and (bad_requests or config["DEBUG"]):
        exc.show_exception = True
        bad_requests = bad_requests is not False
    return bool(config["TRAP_HTTP_EXCEPTIONS"] or (bad_requests and isinstance(exc, BadRequest)))


def error_response(exc: HTTPException, request: Request, page: ErrorPage | None = None) -> WerkzeugResponse:
    """Return the default answer to an HTTP error: in the form that the client's Accept header prefers, else as JSON.

    `page` makes the page, instead of the app's `error_page`. What the app's `error_help` returns is the document's
    member `see`, and, as a link with the relation `help`, a header (RFC 8288).
    """
    if exc.response is not None:
        return cast("WerkzeugResponse", exc.response)  # abort(Response(...))
    status = exc.code or 500
    if status < 400:
        return exc.get_response(request.environ)  # a redirect of the Map's
    headers = [(k, v) for k, v in exc.get_headers(request.environ) if k.lower() != "content-type"]
    headers += exc.headers.items() if isinstance(exc, Problem) else ()
    see = help_for(exc, request)
    if see:
        headers.append(("Link", f'<{see}>; rel="help"'))
    if wants_html(request):
        return (page or request.app.error_page)(exc, request, headers)
    return _problem_document(exc, headers, {"request_id": request.environ.get(REQUEST_ID), "see": see})


def help_for(exc: HTTPException, request: Request) -> str | None:
    """Return the address of a page that explains an error, if the app knows one: see `App.error_help`."""
    error_help = request.app.error_help
    return None if error_help is None else error_help(exc, request)


def _problem_document(
    exc: HTTPException, headers: list[tuple[str, str]], members: Mapping[str, str | None]
) -> WerkzeugResponse:
    status = exc.code or 500
    document: dict[str, Any] = {"type": "about:blank", "title": exc.name, "status": status}
    document["detail"] = exc.description or ""
    document |= {name: value for name, value in members.items() if value}
    document |= exc.members if isinstance(exc, Problem) else {}
    response = Reply(Response.json_module.encode(document), content_type=PROBLEM_TYPES[0]).as_response(Response)
    response.status_code = status
    response.headers.extend(headers)
    return response


def refusal(request: Request) -> Reply | WerkzeugResponse:
    """Return `error_response` to a request that no rule matched, made only once if it is the same for all clients."""
    if REQUEST_ID in request.environ or request.app.error_help is not None or wants_html(request):
        return error_response(cast("HTTPException", request.routing_exception), request)
    return _refusal(request.refused)


@lru_cache(maxsize=256)
def _refusal(refused: frozenset[str]) -> Reply:
    request = Request({})
    request.refused = refused
    exc = cast("HTTPException", request.routing_exception)
    headers = [(k, v) for k, v in exc.get_headers(request.environ) if k.lower() != "content-type"]
    response = _problem_document(exc, headers, {})
    more = [pair for pair in response.headers if pair[0] not in ("Content-Type", "Content-Length")]
    return Reply(response.get_data(), response.status_code, PROBLEM_TYPES[0], tuple(more))


def error_page(exc: HTTPException, request: Request, headers: list[tuple[str, str]]) -> WerkzeugResponse:
    """Return the page of an error that an app shows unless it has another: see `App.error_page`."""
    texts = map(escape, (exc.name, exc.description or "", request.environ.get(REQUEST_ID, "")))
    see = help_for(exc, request)
    return Response(_PAGE.format(exc.code, *texts, _PAGE_HELP.format(escape(see)) if see else ""), exc.code, headers)


def wants_html(request: Request) -> bool:
    """Say whether the client prefers a page to a problem document, as browsers do for what they show."""
    if "text/" not in request.environ.get("HTTP_ACCEPT", ""):
        return False  # what most programs send: nothing needs to be parsed
    return request.accept_mimetypes.best_match(PROBLEM_TYPES, default=PROBLEM_TYPES[0]) == "text/html"
