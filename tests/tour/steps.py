"""The tour's steps, as the tests run them: each time anew, in this process or behind a socket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
from werkzeug.test import Client

from tests.in_thread import in_thread
from wz.live_server import LiveServer

TOUR = Path(__file__).parents[2] / "docs" / "tour"

FLASK = "in_flask"

sys.path.append(str(TOUR))  # as for `python docs/tour/01_function.py`, which imports `ranking` from there
UnknownMember: type[Exception] = import_module("ranking").UnknownMember

#: Steps 10 and 11 are about the servers in front of an application: no client in this process can test them.
STEPS = [
    "01_function",
    "02_environ",
    "03_request",
    "04_map",
    "05_errors",
    "06_hooks",
    "07_context",
    "08_middleware",
    "09_layer_or_not",
    "12_wz",
    FLASK,
]

#: The bare function, the last step that is a function, and the end also run behind a server.
OVER_A_SOCKET = ["01_function", "05_errors", "12_wz"]


class Step:
    """A step's application, what its module has, and a client of it."""

    def __init__(self, module: dict[str, Any], client: Client) -> None:
        self.module = module
        self.client = client

    def __getattr__(self, verb: str) -> Any:
        def send(*args: Any, **kwargs: Any) -> Any:
            return getattr(self.client, verb)(*args, buffered=True, **kwargs)

        return send


def run(name: str, as_module: str = "step") -> dict[str, Any]:
    """Run a step's file as a new module, with new boards, also if it imports another step; return what it has."""
    for module in [module for module in sys.modules if module[:2].isdigit()]:
        del sys.modules[module]
    path = TOUR / f"{name}.py"
    names: dict[str, Any] = {"__name__": as_module, "__file__": str(path)}
    exec(compile(path.read_text(), path, "exec", dont_inherit=True), names)
    return names


def number(name: str) -> int:
    """Return the step's number; the program in Flask has learnt everything."""
    return 99 if name == FLASK else int(name[:2])


@contextmanager
def open_step(name: str, *, over_a_socket: bool = False) -> Iterator[Step]:
    """Yield the step with a client whose every request and answer is held to PEP 3333."""
    module = run(name)
    app = validator(module["app"])
    if not over_a_socket:
        yield Step(module, Client(app))
        return
    server = make_server("127.0.0.1", 0, app, handler_class=QuietHandler)
    with in_thread(server):
        yield Step(module, Client(LiveServer(f"http://127.0.0.1:{server.server_port}")))


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Print nothing: the tests read the log of the steps."""


def since(
    step: int, reason: str, raises: type[Exception] | tuple[type[Exception], ...] = AssertionError, flask: str = ""
) -> pytest.MarkDecorator:
    """What the test asks for is learnt in `step`. `raises` is how earlier steps fail, `flask` why Flask fails too."""
    return pytest.mark.since(step, reason, raises, flask)


#: The test is about what the server says of a request, which this client's own server can't say.
in_process = pytest.mark.in_process
