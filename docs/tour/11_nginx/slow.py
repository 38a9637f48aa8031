"""What a server needs a proxy for: step 10's application, and two paths that hold their worker.

gunicorn -c docs/tour/10_gunicorn/1_listen.conf.py --pythonpath docs/tour/11_nginx slow:app
"""

import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "10_gunicorn"))

from waiting import app as waiting

SIZE = 32_000_000  # bytes: far more than the kernel keeps for a client that does not read


def app(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        print("hangs", file=environ["wsgi.errors"], flush=True)
        threading.Event().wait()
    if environ["PATH_INFO"] != "/large":
        return waiting(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(SIZE))])
    return (b"." * 64_000 for _ in range(SIZE // 64_000))
