"""The dialect's paths as its clients write them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from .xml_errors import is_dialect

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The words of paths, each by its form in lower case; Microsoft's reference has `publisher` in one example.
_WORDS = {
    word.lower(): word for word in ("messages", "partitions", "publishers", "consumergroups", "revokedpublishers")
} | {"publisher": "publishers"}

_RESOURCES = ["", "$resources", "eventhubs"]


class CanonicalPath:
    """Middleware: `/MyHub/Messages` becomes `/MyHub/messages`, so that the routes need one spelling only.

    After the hub, every second segment is a word of the dialect, and the others are names, which stay as they are. A
    slash at the end is dropped.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if is_dialect(path):
            environ["PATH_INFO"] = canonical(path)
        return self.app(environ, start_response)


@lru_cache(maxsize=1024)  # most requests are for the same few paths
def canonical(path: str) -> str:
    """Return the path as the routes spell it."""
    segments = path.split("/")
    if len(segments) > 2 and not segments[-1]:
        del segments[-1]
    if [segment.lower() for segment in segments] == _RESOURCES:
        return "/$Resources/Eventhubs"
    segments[2::2] = [_WORDS.get(segment.lower(), segment) for segment in segments[2::2]]
    return "/".join(segments)
