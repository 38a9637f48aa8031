"""What each layer of a framework costs: the same GET with layers taken off, and wz's steps beside Flask's.

    python -m bench.layers            a table
    python -m bench.layers --json     the same as JSON
    python -m bench.layers --quick    fewer rounds
    python -m bench.layers --write    the same, stored for the pages of /layers (handlers/console/layers/measured.json)

All run in one process, in turn. A request is timed with a clock that is read between its parts; each reading's own
cost is subtracted. Rounds are short, and the fastest of each is kept, as timeit does: a slower one was disturbed. So
the parts of a request are those of one round, and add up. The figures are those of the machine; between machines only
their ratios are comparable.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import metadata
from platform import python_version
from typing import Any

import click
import flask as flask_package
import msgspec
from flask.ctx import RequestContext
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wrappers import Request, Response

from handlers.console.layers.measured import FILE, PARTS, Bar, Cost, Measured
from wz import App
from wz import Request as WzRequest

from .api import standing
from .flask_steps import steps, undisturbed
from .framework import MEMBER, Call, environ_of, verify
from .side_by_side import in_turn

REQUEST = "GET /boards/<board>/members/<member>"
_RULE = "/boards/<board>/members/<member>"


class Clock:
    """Adds the time since it was last read to one of the parts."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(PARTS, 0)
        self.readings = dict.fromkeys(PARTS, 0)
        self.last = 0

    def begin(self) -> None:
        self.last = time.perf_counter_ns()

    def lap(self, part: str) -> None:
        now = time.perf_counter_ns()
        self.parts[part] += now - self.last
        self.readings[part] += 1
        self.last = time.perf_counter_ns()


#: The application is given the clock, and reads it wherever another part begins.
Make = Callable[[Clock], Any]


def raw(clock: Clock) -> Any:
    """A function of environ and start_response."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        clock.begin()
        parts = environ["PATH_INFO"].split("/")
        found = len(parts) == 5 and (parts[1], parts[3]) == ("boards", "members")
        if not found or environ["REQUEST_METHOD"] != "GET":
            raise LookupError(environ["PATH_INFO"])
        clock.lap("match")
        value = standing(parts[2], parts[4])
        clock.lap("handler")
        body = json.dumps(value).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        clock.lap("response")
        return [body]

    return app


def without_map(clock: Clock) -> Any:
    """Werkzeug's Request and Response; the path is taken apart by hand."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        clock.begin()
        request = Request(environ)
        clock.lap("request")
        parts = request.path.split("/")
        found = len(parts) == 5 and (parts[1], parts[3]) == ("boards", "members")
        if not found or request.method != "GET":
            raise LookupError(request.path)
        clock.lap("match")
        value = standing(parts[2], parts[4])
        clock.lap("handler")
        response = Response(json.dumps(value), mimetype="application/json")
        answer = response(environ, start_response)
        clock.lap("response")
        return answer

    return app


def with_map(clock: Clock) -> Any:
    """The same with Werkzeug's Map, bound to the environ at each request."""
    views = {"get": standing}
    url_map = Map([Rule(_RULE, endpoint="get", methods=["GET"])])

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        clock.begin()
        Request(environ)
        clock.lap("request")
        endpoint, values = url_map.bind_to_environ(environ).match()
        clock.lap("match")
        value = views[endpoint](**values)
        clock.lap("handler")
        response = Response(json.dumps(value), mimetype="application/json")
        answer = response(environ, start_response)
        clock.lap("response")
        return answer

    return app


def handler(clock: Clock) -> Callable[..., Any]:
    def get(board: str, member: str) -> dict[str, Any]:
        clock.lap("rest")
        value = standing(board, member)
        clock.lap("handler")
        return value

    return get


def wz(clock: Clock) -> Any:
    """wz, on the same Request, Response and Map."""

    class Timed(WzRequest):
        def __init__(self, *args: Any) -> None:
            clock.lap("rest")
            super().__init__(*args)
            clock.lap("request")

    class Laps(App):
        request_class: type[WzRequest] = Timed

        def wsgi_app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
            clock.begin()
            answer = super().wsgi_app(environ, start_response)
            clock.lap("rest")
            return answer

        def match(self, request: Any) -> None:
            clock.lap("rest")
            super().match(request)
            clock.lap("match")

        def finalize(self, request: Any, value: Any) -> Any:
            clock.lap("rest")
            return super().finalize(request, value)

        def teardown(self, request: Any, error: BaseException | None) -> None:
            clock.lap("response")
            super().teardown(request, error)

    app = Laps("bench")
    app.add_url_rule(_RULE, "get", handler(clock))
    return app


def flask(clock: Clock) -> Any:
    """Flask, on the same Request, Response and Map."""

    class Timed(flask_package.Request):
        def __init__(self, *args: Any) -> None:
            clock.lap("rest")
            super().__init__(*args)
            clock.lap("request")

    class Context(RequestContext):
        def match_request(self) -> None:
            clock.lap("rest")
            super().match_request()
            clock.lap("match")

        def pop(self, *args: Any) -> None:
            clock.lap("response")
            super().pop(*args)

    class Laps(flask_package.Flask):
        request_class = Timed

        def wsgi_app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
            clock.begin()
            answer = super().wsgi_app(environ, start_response)
            clock.lap("rest")
            return answer

        def request_context(self, environ: Any) -> RequestContext:
            return Context(self, environ)

        def create_url_adapter(self, request: Any) -> MapAdapter | None:
            clock.lap("rest")
            adapter = super().create_url_adapter(request)
            if request is not None:
                clock.lap("match")
            return adapter

        def finalize_request(self, *args: Any, **kwargs: Any) -> Any:
            clock.lap("rest")
            return super().finalize_request(*args, **kwargs)

    app = Laps("bench")
    app.add_url_rule(_RULE, "get", handler(clock))
    return app


STACKS: dict[str, Make] = {
    "raw WSGI": raw,
    "Werkzeug, no Map": without_map,
    "Werkzeug": with_map,
    "wz": wz,
    "Flask": flask,
}


def reading(calls: int = 1000) -> float:
    """Return what of one reading is counted as time of a part, in nanoseconds."""
    clock = Clock()
    clock.begin()
    for _ in range(calls):
        clock.lap("rest")
    return clock.parts["rest"] / calls


def bars(rounds: int, calls: int) -> list[Bar]:
    """Return a bar for each of STACKS. Raises SystemExit if their answers differ."""
    clocks = {name: Clock() for name in STACKS}
    calls_of = {name: Call(make(clocks[name]), environ_of(MEMBER)) for name, make in STACKS.items()}
    verify(calls_of, 200)

    def run(name: str) -> dict[str, float]:
        clock, call = clocks[name], calls_of[name]
        cost = reading()
        clock.parts = dict.fromkeys(PARTS, 0)
        clock.readings = dict.fromkeys(PARTS, 0)
        with undisturbed():
            for _ in range(calls):
                call()
        net = {part: max(0.0, ns - clock.readings[part] * cost) for part, ns in clock.parts.items()}
        return {part: round(ns / calls / 1000, 3) for part, ns in net.items()}

    results = in_turn({name: partial(run, name) for name in STACKS}, rounds)
    fastest = {name: min(found, key=lambda parts: sum(parts.values())) for name, found in results.items()}
    return [Bar(name, (make.__doc__ or "").strip(), fastest[name]) for name, make in STACKS.items()]


def measure(rounds: int, calls: int) -> Measured:
    versions = {name: metadata.version(name) for name in ("werkzeug", "flask", "msgspec")}
    return Measured(
        date=datetime.date.today().isoformat(),
        versions={"python": python_version(), **versions},
        request=REQUEST,
        bars=bars(rounds, calls),
        steps={
            step: [Cost(name, round(microseconds, 3)) for name, microseconds in costs.items()]
            for step, costs in steps(rounds, calls).items()
        },
    )


def table(found: Measured) -> str:
    lines = [f"{found.request}, microseconds", f"{'':18}" + "".join(f"{word:>10}" for word in PARTS.values())]
    lines[1] += f"{'total':>10}{'/ Flask':>10}"
    whole = found.bars[-1].total
    for bar in found.bars:
        parts = "".join(f"{bar.parts[part]:>10.2f}" for part in PARTS)
        lines.append(f"{bar.name:18}{parts}{bar.total:>10.2f}{bar.total / whole:>10.2f}")
    lines.append("")
    for step, costs in found.steps.items():
        lines.append(f"{step:12}" + "   ".join(f"{cost.name} {cost.microseconds:.2f}" for cost in costs))
    return "\n".join(lines)


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--write", is_flag=True, help="Store the run for the pages of /layers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Fewer rounds.")
def main(write: bool, as_json: bool, quick: bool) -> None:
    found = measure(rounds=5, calls=100) if quick else measure(rounds=150, calls=100)
    document = msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"
    print(document if as_json else table(found))
    if write:
        FILE.write_text(document)


if __name__ == "__main__":
    main()
