"""What a handler's signature asks for, read once, when the route is added.

request             a parameter of this name is the Request
query: Page         a parameter of this name, annotated with a msgspec.Struct, is the decoded query string; a field
                    that is a list takes all values of a name that is there more than once
form: Upload        the form, read likewise: see `wz.forms`
headers: Conditions the headers that the fields are called for: see `wz.headers`
body: Score         any other parameter annotated with a Struct is the decoded JSON body
board: str          everything else is a value of the URL
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import unquote_plus, unquote_to_bytes

import msgspec
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from .aio import synchronous
from .errors import Problem
from .http import Request
from .naming import written

ViewFunction = Callable[..., Any]
Argument = Callable[[Request], Any]


def bind(view: ViewFunction, url_arguments: frozenset[str]) -> Callable[[Request, Mapping[str, Any]], Any]:
    """Return `view` as a function of a request and the URL's values.

    Raises TypeError at once for a parameter whose annotation can't be read although its type would matter.
    """
    return with_arguments(synchronous(view), arguments_of(view, url_arguments))


def with_arguments(
    view: Callable[..., Any], arguments: Mapping[str, Argument]
) -> Callable[[Request, Mapping[str, Any]], Any]:
    """Return `view` as a function of a request, from which `arguments` are read, and the URL's values."""
    if not arguments:
        return lambda request, values: view(**values)
    if arguments == {"request": the_request}:
        return lambda request, values: view(request=request, **values)

    def call(request: Request, values: Mapping[str, Any]) -> Any:
        return view(**values, **{name: read(request) for name, read in arguments.items()})

    return call


def with_request(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return `hook` as a function whose first argument is the request, which Flask's hooks leave out."""
    parameters = _parameters(hook)
    hook = synchronous(hook)
    if "request" not in parameters:
        return functools.wraps(hook)(lambda request, *args: hook(*args))
    first = parameters[next(iter(parameters))]
    if first.name == "request" and first.kind is not first.KEYWORD_ONLY:
        return hook
    return functools.wraps(hook)(lambda request, *args: hook(*args, request=request))


def arguments_of(view: ViewFunction, url_arguments: frozenset[str]) -> dict[str, Argument]:
    """Return what reads each argument that is no value of the URL. Raises TypeError as `bind` does."""
    arguments: dict[str, Argument] = {}
    for name, parameter in _parameters(view).items():
        if name in url_arguments:
            continue
        if name == "request":
            arguments[name] = the_request
            continue
        annotation = evaluate(view, parameter.annotation)
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            arguments[name] = _reader_of(name, annotation)
    return arguments


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return what a function takes; nothing for one that does not say, as many of those written in C."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {}


def evaluate(view: ViewFunction, annotation: Any) -> Any:
    """Return an annotation as a type. Text (`from __future__ import annotations`) is evaluated in the view's module.

    Raises TypeError for a name that does not exist when the program runs.
    """
    if not isinstance(annotation, str):
        return annotation
    function = written(view)
    try:
        return eval(annotation, getattr(function, "__globals__", {}))
    except NameError as exc:
        raise TypeError(
            f"{function.__qualname__}: the type {annotation!r} can't be read: {exc}. It must be importable when the "
            "program runs, so not only under TYPE_CHECKING"
        ) from exc


def the_request(request: Request) -> Request:
    """Read the argument `request`, which is the request itself."""
    return request


def _reader_of(name: str, struct: type[msgspec.Struct]) -> Argument:
    if name == "query":
        return _query_of(struct)
    if name == "form":
        from .forms import form_of  # for a view that takes a form

        return form_of(struct)
    if name == "headers":
        from .headers import headers_of  # for a view that takes headers

        return headers_of(struct)
    return _body_of(struct)


def _body_of(struct: type[msgspec.Struct]) -> Argument:
    from .decimals import texts_of  # for a view that takes a body

    decoder, texts = msgspec.json.Decoder(struct), texts_of(struct)

    def body(request: Request) -> msgspec.Struct:
        # The usual text needs no parsing.
        if request.environ.get("CONTENT_TYPE") != "application/json" and not request.is_json:
            raise UnsupportedMediaType("the body must be JSON: send Content-Type: application/json")
        data = request.get_data()
        try:
            try:
                found = decoder.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                if isinstance(exc, msgspec.ValidationError):
                    raise
                from .stdlib_json import in_utf8  # most bodies are in UTF-8, without a byte order mark

                data = in_utf8(data)
                found = decoder.decode(data)
            if texts is not None:
                texts.check_json(data)
            return found
        except msgspec.ValidationError as exc:
            from .field_errors import invalid  # when a value is wrong

            raise invalid(exc, data, struct) from exc
        except (ValueError, RecursionError) as exc:
            raise BadRequest(f"the body is not JSON: {exc}") from exc

    return body


def _query_of(struct: type[msgspec.Struct]) -> Argument:
    from .decimals import texts_of  # for a view that takes a query

    lists = {field.encode_name for field in msgspec.structs.fields(struct) if is_list(field.type)}
    texts = texts_of(struct)

    def query(request: Request) -> msgspec.Struct:
        given = None if lists else _plain_query(request)
        if given is None:
            given = _query(request, lists)
        try:
            found = msgspec.convert(given, struct, strict=False)
        except msgspec.ValidationError as exc:
            from .field_errors import invalid  # when a value is wrong

            raise invalid(exc, given, struct) from exc
        if texts is not None:
            texts.check(given)
        return found

    return query


def _query(request: Request, lists: Collection[str]) -> dict[str, Any]:
    """Return the query string's values by name: as a list those of `lists`, and those of a name that repeats.

    Raises a 400 that names a value which is no UTF-8. Werkzeug would return it as it was sent, as if each % were meant.
    """
    for pair in request.query_string.split(b"&"):
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError:
            name = unquote_plus(pair.partition(b"=")[0].decode("latin-1"), errors="replace")
            raise Problem(400, f"{name} has bytes that are no UTF-8", field=name) from None
    return {name: values if name in lists or len(values) > 1 else values[0] for name, values in request.args.lists()}


def _plain_query(request: Request) -> dict[str, Any] | None:
    """Return what `_query` would, of a query string in which nothing is encoded; None for another.

    It is also None for a class of requests that reads the query string in a way of its own.
    """
    text: str = request.environ.get("QUERY_STRING", "")
    kind = type(request)
    is_usual = kind.args is Request.args and kind.query_string is Request.query_string
    if not is_usual or "%" in text or "+" in text or not text.isascii():
        return None
    given: dict[str, str] = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            if name in given:
                return None
            given[name] = value
    return given


def is_list(annotation: Any) -> bool:
    """Say whether a field takes all values of a name that is there more than once."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation is list or get_origin(annotation) is list
