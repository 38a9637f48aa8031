"""The stations of a request's way, and a recording of one request: what docs/life is made from."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from wz.tracing.spans import Trace
from wz.tracing.waterfall import rows

from . import figures

FOLDER = Path(__file__).parents[1] / "docs" / "life"

#: Whose time a station's is.
Part = Literal["the way", "gunicorn", "wz", "service", "Redis"]


class Station(NamedTuple):
    """`heading` is that of its section in the page; `steps` are those of a trace whose time is this station's."""

    heading: str
    part: Part
    summary: str
    steps: tuple[str, ...] = ()


#: In the order of the way. "client.in" and "client.out" are made by `life_times.py` from the client's times.
STATIONS: dict[str, Station] = {
    "client": Station("The client's socket", "the way", "sends its bytes, and waits", ("client.in",)),
    "nginx": Station("nginx", "the way", "takes the whole request, and says who the client is"),
    "socket": Station("The unix socket", "the way", "is the way to gunicorn, and the queue before it"),
    "thread": Station("A thread of gunicorn", "gunicorn", "is woken, and takes the connection", ("gunicorn.queue",)),
    "parse": Station("The parser", "gunicorn", "makes a request of the bytes", ("gunicorn.parse",)),
    "environ": Station("The environ", "gunicorn", "is that request in WSGI's words", ("gunicorn.environ",)),
    "layers": Station(
        "The layers",
        "wz",
        "are middleware: each sees the environ on the way in, and the headers on the way out",
        ("wsgi", "layer", "rest"),
    ),
    "app": Station("The app", "wz", "makes the Request, and catches whatever is raised further in", ("app", "request")),
    "match": Station("The match", "wz", "finds the rule, and the values in the path", ("match",)),
    "hooks": Station("The before hooks", "service", "look at the token before anything is done", ("before",)),
    "arguments": Station("The arguments", "wz", "are made of path and query, with their types", ("argument",)),
    "handler": Station("The handler", "service", "asks the domain, which knows no HTTP", ("view",)),
    "redis": Station("Lua in Redis", "Redis", "answers score and rank in one round trip", ("redis",)),
    "finalize": Station(
        "The answer is made", "wz", "of what the handler returned, and the after hooks see it", ("finalize", "after")
    ),
    "response": Station(
        "start_response and teardown",
        "wz",
        "come before the first byte is written",
        ("response", "start_response", "teardown"),
    ),
    "send": Station("gunicorn writes", "gunicorn", "head and body to nginx"),
    "back": Station(
        "Back to the client", "the way", "with nginx's own headers, and a line in each log", ("client.out",)
    ),
}

#: Stations whose time can't be told from another's, and which that is (see life.py).
TOGETHER = {"nginx": "client", "socket": "client", "send": "back"}

#: "May it be traced?", which is asked of no other request.
LEFT_OUT = ("ask",)

_STATION_OF = {step: name for name, station in STATIONS.items() for step in station.steps}


class Step(msgspec.Struct):
    """A step of the trace: its station, its kind and name, the share of the whole that is its own.

    `detail` is what was noted of it, `file` where its code is.
    """

    station: str
    step: str
    name: str
    share: float
    detail: str = ""
    file: str = ""


class Parsed(msgspec.Struct):
    """What gunicorn's parser has made of the bytes."""

    method: str
    uri: str
    path: str
    query: str
    version: tuple[int, int]
    headers: list[tuple[str, str]]


class Exchange(msgspec.Struct):
    """Bytes, one character each."""

    sent: str
    received: str


class Said(msgspec.Struct):
    """What one request was on its way: between client and nginx, nginx and gunicorn, service and Redis."""

    client: Exchange
    gunicorn: Exchange
    parsed: Parsed
    environ: dict[str, Any]
    redis: Exchange
    status: str
    headers: list[tuple[str, str]]
    logs: dict[str, str]


class Recording(msgspec.Struct):
    """One request, as its file has it beside where it is from (see figures.py). `shares` of the stations add up to 1.

    `untraced` is the time of the same request without a trace, as a share of one with a trace.
    """

    by: str
    versions: dict[str, str]
    traces: int
    untraced: float
    said: Said
    shares: dict[str, float]
    steps: list[Step]


def load(file: str) -> Recording:
    return msgspec.json.decode((FOLDER / file).read_bytes(), type=Recording)


def store(file: str, recording: Recording) -> None:
    figures.write(FOLDER / file, msgspec.to_builtins(recording))


def steps(traces: Iterable[Trace]) -> list[Step]:
    """Return the steps that all traces have, in the order of the last, with the median of each one's share.

    Raises `KeyError` for a step that no station has.
    """
    found: list[dict[tuple[str, str], float]] = []
    last: dict[tuple[str, str], Step] = {}
    for trace in traces:
        waterfall = [row for row in rows(trace) if row.span.step not in LEFT_OUT]
        whole = sum(row.own for row in waterfall)
        own: dict[tuple[str, str], float] = {}
        last = {}
        for row in waterfall:
            key = row.span.step, row.span.name
            own[key] = own.get(key, 0) + row.own / whole
            last[key] = Step(
                _STATION_OF[row.span.step],
                *key,
                share=0,
                detail=row.span.detail,
                file=row.span.where.rpartition(":")[0],
            )
        found.append(own)
    medians = {key: statistics.median(one.get(key, 0.0) for one in found) for key in last}
    all_ = sum(medians.values())
    return [msgspec.structs.replace(step, share=round(medians[key] / all_, 5)) for key, step in last.items()]


def shares(steps: Iterable[Step]) -> dict[str, float]:
    found = {name: 0.0 for name in STATIONS if name not in TOGETHER}
    for step in steps:
        found[step.station] += step.share
    return {name: round(share, 4) for name, share in found.items()}


def by_part(recorded: Mapping[str, float]) -> dict[Part, float]:
    """Return the share of each part in the order of `STATIONS`."""
    found: dict[Part, float] = {}
    for name, share in recorded.items():
        part = STATIONS[name].part
        found[part] = found.get(part, 0.0) + share
    return found
