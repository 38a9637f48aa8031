"""What gunicorn runs in the tests of raw requests: the service, with a layer around it that answers everything itself.

The layer says in its answer what reached it, and keeps a list of it: of a request that nobody should have handled, no
client need see the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from handlers import create_app
from handlers.app import MAX_CONTENT_LENGTH
from handlers.hub.body import whole_body
from handlers.hub.header_properties import SENT_HEADERS
from pipeline.settings import Settings
from wz import App, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Answers the list, and begins a new one.
HANDLED = "/handled"

#: The header that tells the layer's answers from refusals of gunicorn and nginx.
BY = "X-Answered-By"
#: The header that says what was asked for: so many characters of it, since nginx takes an answer of 4 KiB of headers.
TARGET, LONGEST = "X-Target", 100


class Probe:
    """Answers 200 with a JSON object: the texts of environ, `body` (one character a byte), `target` as it was sent, and
    each header under `sent:` and its name as it was sent.
    """

    def __init__(self, inside: WSGIApplication) -> None:
        self.inside = inside  # never called
        self.handled: list[dict[str, Any]] = []
        self.lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_X_AUTHORIZE_ONLY" in environ:  # nginx asks before it takes a body
            start_response("204 No Content", [])
            return []
        answer: Any
        if environ["PATH_INFO"] == HANDLED:
            with self.lock:
                answer, self.handled = self.handled, []
        else:
            request = Request(environ)
            request.max_content_length = MAX_CONTENT_LENGTH
            try:
                body = whole_body(request)  # raises an exception of gunicorn's if the chunks are broken
            except HTTPException as exc:
                start_response(f"{exc.code} {exc.name}", [(BY, "probe"), ("Content-Length", "0")])
                return []
            answer = {name: value for name, value in environ.items() if isinstance(value, str)}
            answer |= {"body": body.decode("latin-1"), "target": environ["RAW_URI"]}
            for name, value in environ[SENT_HEADERS]:
                key = f"sent:{name}"
                answer[key] = f"{answer[key]} | {value}" if key in answer else value
            with self.lock:
                self.handled.append(answer)
        text = b"" if environ["REQUEST_METHOD"] == "HEAD" else json.dumps(answer).encode()
        target = environ["RAW_URI"][:LONGEST]
        start_response("200 OK", [(BY, "probe"), (TARGET, target), ("Content-Length", str(len(text)))])
        return [text]


def make() -> App:
    """Called by gunicorn: the service, so that the hooks of gunicorn.conf.py find what they look for."""
    app = create_app(Settings.from_environ())
    app.layers.add("probe", Probe)
    return app
