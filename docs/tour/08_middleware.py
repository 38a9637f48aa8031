"""8. Middleware, the onion: what wraps an application is itself an application."""

import runpy
import time
from pathlib import Path
from uuid import uuid4

from werkzeug.middleware.proxy_fix import ProxyFix


def with_header(app, name, value):
    """Add a header to each answer; `value(environ)` is asked when the answer starts."""

    def layer(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, (name, value(environ))], exc_info)

        return app(environ, start)

    return layer


def request_id(app):
    """On the way in, give the request an id, unless the proxy has; on the way out, tell it."""
    answered = with_header(app, "X-Request-ID", lambda environ: environ["HTTP_X_REQUEST_ID"])

    def layer(environ, start_response):
        environ.setdefault("HTTP_X_REQUEST_ID", uuid4().hex)
        return answered(environ, start_response)

    return layer


def server_timing(app):
    """Tell how long all that is inside took until the answer started."""

    def duration(environ):
        return f"app;dur={(time.perf_counter() - environ['tour.begin']) * 1000:.3f}"

    answered = with_header(app, "Server-Timing", duration)

    def layer(environ, start_response):
        environ["tour.begin"] = time.perf_counter()
        return answered(environ, start_response)

    return layer


def forwarded(app):
    """Believe the X-Forwarded headers of one proxy. Without a proxy they are the client's word."""
    return ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)


def onion(app):
    """The last is outermost: it sees the request first and the answer last."""
    for wrap in server_timing, request_id, forwarded:
        app = wrap(app)
    return app


inside = runpy.run_path(str(Path(__file__).with_name("05_errors.py")))
boards = inside["boards"]
app = onion(inside["app"])

if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    print("http://127.0.0.1:8000/boards/points/top")
    make_server("127.0.0.1", 8000, app).serve_forever()
