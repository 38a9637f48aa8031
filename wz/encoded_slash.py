"""`%2F` in a path as a part of a name, where WSGI has it as one more slash between two names.

    app.layers.add("encoded slash", EncodedSlash, below="/boards/")
    blueprint.before_request(restore_names)     # whose rules begin with /boards/

    GET /boards/b/members/x%2Ffeatures          the member "x/features", and not the features of "x"

WSGI's PATH_INFO is decoded, so that the two can't be told apart there. What was sent is in `RAW_URI` or `REQUEST_URI`,
which gunicorn and Werkzeug set, its test client included; under a server that sets neither, a path stays as it is.

On the way to the match a slash that is part of a name is written as NUL, which no name may have: `restore_names`
refuses those that a client has sent, and bytes that are no UTF-8, which would become the same character in all names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from .errors import Problem
from .http import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: In PATH_INFO, a slash that is part of a name.
MARK = "\0"

_MARKED = "wz.encoded_slash"

#: What comes before the path in a request line such as `GET http://host/path HTTP/1.1`.
_ORIGIN = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
_END = re.compile("[?#]")
_SLASHES = re.compile("/{2,}")


class EncodedSlash:
    """Middleware: keeps the slashes apart that belong to names, in paths that begin with `below`.

    Slashes that follow each other become one, as Map has it, but without a redirect. A path that an outer layer has
    changed, so that it is not what was sent, stays as it is.
    """

    def __init__(self, app: WSGIApplication, below: str) -> None:
        self.app = app
        self.below = below

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent = _sent(environ)
        if "%2F" in sent or "%2f" in sent:
            self._mark(environ, sent)
        return self.app(environ, start_response)

    def _mark(self, environ: WSGIEnvironment, sent: str) -> None:
        root, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        if not _SLASHES.sub("/", path).startswith(self.below) or MARK in path:
            return
        names = _path(sent).replace(b"%2F", b"%00").replace(b"%2f", b"%00")
        marked = unquote_to_bytes(names).decode("latin-1")
        without_root = marked[len(root) :] if marked.replace(MARK, "/") == root + path else marked
        if MARK in without_root and without_root.replace(MARK, "/") == path:
            environ["PATH_INFO"], environ[_MARKED] = _SLASHES.sub("/", without_root), True


def restore_names(request: Request) -> None:
    """Before hook: give the values of the URL their slashes. Raises a 400 that names a value which is no text."""
    path, values = request.environ.get("PATH_INFO", ""), request.view_args
    if not values or (path.isascii() and MARK not in path):
        return
    if _MARKED in request.environ:
        request.view_args = values = {
            name: value.replace(MARK, "/") if isinstance(value, str) else value for name, value in values.items()
        }
    is_text = path.isascii() or _is_text(request.environ)
    for name, value in values.items():
        if isinstance(value, str) and (MARK in value or (not is_text and "\ufffd" in value)):
            raise Problem(400, f"{name} in the path has bytes that are no UTF-8, or one that is 0", field=name)


def names_in_path(request: Request) -> list[str]:
    """Return the segments of a request's path that are not empty, as names: with their slashes."""
    names = [name for name in request.path.split("/") if name]
    return [name.replace(MARK, "/") for name in names] if _MARKED in request.environ else names


def _sent(environ: WSGIEnvironment) -> str:
    sent: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return sent


def _path(sent: str) -> bytes:
    """Return the path of what was sent, still escaped."""
    return _ORIGIN.sub("", _END.split(sent, maxsplit=1)[0], count=1).encode("latin-1", "replace")


def _is_text(environ: WSGIEnvironment) -> bool:
    path = unquote_to_bytes(_path(_sent(environ))) or environ["PATH_INFO"].encode("latin-1", "replace")
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
