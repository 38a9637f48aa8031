"""Whose time a request takes: traces of it, from the client's first byte to its last."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests import stack
from wz.live_server import LiveServer
from wz.testing import Client
from wz.tracing.spans import Span, Trace

from .life_bytes import settings_for
from .life_client import ASKS, Answered, Connection

#: Traces, of which the quickest quarter counts, and requests before them.
TRACES, WARM = 204, 20


class Times(NamedTuple):
    """`untraced` is the time of the same request without a trace, as a share of one with a trace."""

    traces: list[Trace]
    untraced: float


def traced(folder: Path, redis: Path, traces: int = TRACES, warm: int = WARM) -> dict[str, Times]:
    """Trace each of `ASKS`, with the steps "client.in" and "client.out" in the place of nginx's."""
    both = folder / "both"
    both.mkdir()
    with (
        stack.gunicorn(both, settings_for(redis), WEB_CONCURRENCY="1"),
        stack.nginx(both, log=both / "nginx.log", processes=1) as nginx,
    ):
        client = Client(LiveServer(nginx.address, stack.PATIENCE))
        connection = Connection(nginx.address)
        found = {}
        for file, ask in ASKS.items():
            both_ways = (ask.data(), ask.data({"X-Wz-Trace": "1"}))
            asked: list[tuple[Answered, Answered]] = []
            its: dict[str, Trace] = {}
            for _ in range(warm + traces):
                plain, with_trace = (connection.ask(data) for data in both_ways)
                # Only then the next, or it would wait for Redis, which writes this trace to the disk.
                its[with_trace.id] = _with_client(_trace(client, with_trace.id), with_trace)
                asked.append((plain, with_trace))
            plains, traced_ones = (_quickest(one) for one in zip(*asked[warm:], strict=True))
            untraced = statistics.median(one.took for one in plains) / statistics.median(
                one.took for one in traced_ones
            )
            found[file] = Times([its[one.id] for one in traced_ones], untraced)
        connection.close()
    return found


def _quickest(answers: Sequence[Answered]) -> list[Answered]:
    return sorted(answers, key=lambda one: one.took)[: max(1, len(answers) // 4)]


def _trace(client: Client, id: str) -> Trace:
    headers = {"Host": stack.HOST, "Authorization": stack.token()}
    kept: list[bytes] = []

    def is_kept() -> bool:
        answer = client.get(f"/layers/{id}.json", headers=headers)
        kept[:] = [answer.data] if answer.status_code == 200 else []
        return bool(kept)

    stack.until(is_kept)
    return msgspec.json.decode(kept[0], type=Trace)


def _with_client(trace: Trace, asked: Answered) -> Trace:
    """Return a trace from the client's first byte to its last, whose way out begins when gunicorn begins to write.

    From then on gunicorn, nginx and the client work at the same time, and what gunicorn does after the client has had
    the last byte is no part of the request.
    """
    spans = [span for span in trace.spans if span.who not in ("nginx", "socket")]
    first, written = min(span.begin for span in spans), next(span.begin for span in spans if span.step == "send")
    inside = [
        msgspec.structs.replace(span, end=min(span.end, written))
        for span in spans
        if span.step != "send" and span.begin < written
    ]
    around = [
        Span("client.in", "from the client to a worker", "socket", asked.begin, first),
        Span("client.out", "from the worker to the client", "socket", written, asked.end),
    ]
    return msgspec.structs.replace(trace, began=asked.begin, spans=[*around, *inside])
