"""The two hops, gunicorn and nginx before it, with the probe for an app. Each is one process, which keeps the order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.settings import Settings
from wz.live_server import LiveServer

from .. import stack
from .corpus import HOPS
from .probe import HANDLED, LONGEST, TARGET
from .wire import Answer, exchange


class Outcome(NamedTuple):
    """`text` is as in corpus.py; `handled` has what reached the app, in order, as the probe told it."""

    text: str
    answers: list[Answer]
    handled: list[dict[str, Any]]


class Hops(NamedTuple):
    socket: Path  # gunicorn's
    gunicorn: LiveServer
    nginx: LiveServer

    def send(self, hop: str, *pieces: bytes, markers: int = 1) -> Outcome:
        """Send bytes to a hop, then a marker on the same connection, and a marker on another.

        Fails if one of the markers gets another answer than its own, and if the app handled more requests, or fewer,
        than were answered: then bytes of one request were taken for another. Without `markers` the client closes its
        half instead, for what leaves a server waiting; several are for bytes that may swallow some.
        """
        server = getattr(self, hop)
        self.handled()
        answers = exchange(server, [*pieces, *[_MARKER] * markers], end=not markers)
        is_open = bool(answers) and _target(answers[-1]) == "/marker"
        # nginx takes for this the connection to gunicorn that it had for the others.
        assert [_target(answer) for answer in exchange(server, [_OTHER])] == ["/other"]

        handled = self.handled()
        assert [request["target"][:LONGEST] for request in handled] == [*filter(None, map(_target, answers)), "/other"]
        answers, handled = (answers[:-1], handled[:-2]) if is_open else (answers, handled[:-1])
        words = [*(answer.status for answer in answers), "open" if is_open else "closed"]
        return Outcome(" ".join(words), answers, handled)

    def handled(self) -> list[dict[str, Any]]:
        """Return what the app has handled since this was called last."""
        (answer,) = exchange(self.gunicorn, [_request(HANDLED)])
        handled: list[dict[str, Any]] = json.loads(answer.body)
        return handled


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: contoso\r\nConnection: close\r\n\r\n".encode()


_MARKER, _OTHER = _request("/marker"), _request("/other")


def _target(answer: Answer) -> str | None:
    """Return the target of a request that the app has handled; None for a refusal."""
    return answer.headers.get(TARGET)


@pytest.fixture(scope="session")
def hops(tmp_path_factory: pytest.TempPathFactory, server_settings: Settings) -> Iterator[Hops]:
    run = tmp_path_factory.mktemp("hops")
    with (
        stack.gunicorn(
            run, stack.emptied(server_settings), app="tests.layers.probe:make()", WEB_CONCURRENCY="1"
        ) as gunicorn,
        stack.nginx(run, processes=1) as nginx,
    ):
        yield Hops(run / "gunicorn.sock", gunicorn, nginx)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "hop" in metafunc.fixturenames:
        picked = metafunc.config.getoption("layer") or ["all"]
        metafunc.parametrize("hop", [hop for hop in HOPS if hop in picked or "all" in picked])
