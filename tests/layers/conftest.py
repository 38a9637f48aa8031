"""The two hops, gunicorn and nginx before it, with the probe for an app. Each is one process, which keeps the order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from pipeline.settings import Settings
from wz.testing import LiveServer

from .. import stack
from .corpus import HOPS
from .probe import BY, HANDLED
from .wire import Answer, exchange


class Outcome(NamedTuple):
    """`text` is as in corpus.py; `handled` has what reached the app, in order, as the probe told it."""

    text: str
    answers: list[Answer]
    handled: list[dict[str, Any]]


class Hops(NamedTuple):
    gunicorn: LiveServer
    nginx: LiveServer

    def send(self, hop: str, *pieces: bytes, end: bool = False) -> Outcome:
        """Send bytes to a hop, then a marker on the same connection, and a marker on another.

        Fails if one of the markers gets another answer than its own, and if the app handled more requests, or fewer,
        than were answered: then bytes of one request were taken for another. `end` is for requests after which no
        marker can follow, since the server waits for their end.
        """
        server = getattr(self, hop)
        self.handled()
        answers = exchange(server, pieces if end else [*pieces, _MARKER], end=end)
        is_open = bool(answers) and _is_marker(answers[-1])
        answers = answers[:-1] if is_open else answers
        # nginx takes for this the connection to gunicorn that it had for the others.
        (other,) = exchange(server, [_MARKER])
        assert _is_marker(other), f"another client was answered {other}"

        handled = [request for request in self.handled() if request["target"] != "/marker"]
        answered = [answer for answer in answers if answer.headers.get(BY) and answer.status == "200"]
        assert len(handled) == len(answered), f"answered {answered}, but handled {handled}"
        assert not any(map(_is_marker, answers))
        return Outcome(
            " ".join([*(answer.status for answer in answers), "open" if is_open else "closed"]), answers, handled
        )

    def handled(self) -> list[dict[str, Any]]:
        """Return what the app has handled since this was called last."""
        (answer,) = exchange(self.gunicorn, [_request(HANDLED)])
        handled: list[dict[str, Any]] = json.loads(answer.body)
        return handled


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: contoso\r\nConnection: close\r\n\r\n".encode()


_MARKER = _request("/marker")


def _is_marker(answer: Answer) -> bool:
    return BY in answer.headers and json.loads(answer.body or b"{}").get("target") == "/marker"


@pytest.fixture(scope="session")
def hops(tmp_path_factory: pytest.TempPathFactory, server_settings: Settings) -> Iterator[Hops]:
    run = tmp_path_factory.mktemp("hops")
    with (
        stack.gunicorn(run, server_settings, app="tests.layers.probe:make()", WEB_CONCURRENCY="1") as gunicorn,
        stack.nginx(run, processes=1) as nginx,
    ):
        yield Hops(gunicorn, nginx)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "hop" in metafunc.fixturenames:
        picked = metafunc.config.getoption("layer") or ["all"]
        metafunc.parametrize("hop", [hop for hop in HOPS if hop in picked or "all" in picked])
