"""A WSGI application that answers with the environ that it was given, as JSON.

    python docs/tour/environs/recorder.py                          # the standard library's server
    gunicorn --chdir docs/tour/environs --threads 2 recorder:app   # gunicorn, on port 8000, too

What is no text, number or truth value stands there as its type.
"""

import json
import os
import sys

OF_THE_PROCESS = "(variables of the process)"
SECRET = "WZ_CONNECTION_STRING"  # the service's key: shown is that it is there, and not its value


def app(environ, start_response):
    seen = {OF_THE_PROCESS: 0}
    for name, value in environ.items():
        if name in os.environ and name != "SERVER_SOFTWARE":  # which gunicorn sets as a variable, too
            seen[OF_THE_PROCESS] += 1
            if name == SECRET:
                seen[name] = "(the service's key)"
        elif isinstance(value, (str, int, tuple)):
            seen[name] = value
        else:
            seen[name] = f"<{name_of(value)}>"
    seen["(body)"] = body_of(environ).decode("latin-1")
    answer = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def body_of(environ):
    """Read to the body's end if the server marks it, else as many bytes as were announced.

    Without a length, a read from an input that is not terminated waits for the client, and that
    waits for the answer.
    """
    if environ.get("wsgi.input_terminated"):
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def name_of(value):
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    make_server("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8000, app).serve_forever()
