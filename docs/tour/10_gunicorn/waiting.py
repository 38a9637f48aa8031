"""A request takes as long as its client likes: the answer's second half waits for the whole body.

gunicorn -c docs/tour/10_gunicorn/1_listen.conf.py
curl 127.0.0.1:8000          # a request without a body is answered at once
curl -sNT . 127.0.0.1:8000    # this one lasts until Ctrl-D
"""

import os
import threading


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield f"process {os.getpid()}, thread {threading.get_native_id()}: begun\n".encode()
    environ["wsgi.input"].read()  # here the thread waits for its client, as it would for Redis
    yield b"ended\n"
