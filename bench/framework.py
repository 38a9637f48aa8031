"""What a request costs in wz and in raw WSGI, bare Werkzeug, Flask, Bottle and Falcon: in process and under gunicorn.

    python -m bench.framework            the tables, with the goals and whether they are reached
    python -m bench.framework --json     the same as JSON
    python -m bench.framework --quick    fewer rounds, no gunicorn

bench/peers.py has the service that each contender offers, and says which packages it uses. Before anything is timed,
all answers are compared: status, JSON, Content-Length; the text of a 404 or 405 may differ. Times are microseconds a
call of the WSGI application: a copied environ, a start_response that keeps what it is given, the body read to its end
and closed. Under gunicorn (bench/load.py): requests a second. On a machine that also does other work, only the ratios
are meaningful.
"""

from __future__ import annotations

import gc
import io
import json
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import click
from werkzeug.test import create_environ

from . import load, peers
from .side_by_side import Goal, Round, Row, report, take_turns

MEMBER = "/boards/go/members/ann"
BODY = json.dumps({"board": "go", "member": "ann", "value": 12.5, "count": 3, "tags": ["a", "b"]}).encode()
Environ = dict[str, Any]


class Call:
    """One contender's application and the environ it is called with."""

    def __init__(self, app: Any, environ: Environ, body: bytes = b"") -> None:
        self.app = app
        self.environ = environ
        self.body = body
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        self.status, self.headers = status, headers
        return lambda data: None

    def __call__(self) -> bytes:
        environ = self.environ.copy()
        environ["wsgi.input"] = io.BytesIO(self.body)
        result = self.app(environ, self.start_response)
        try:
            return b"".join(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def timed(self, calls: int) -> Round:
        """Return a round: microseconds a call, over so many calls."""

        def run() -> float:
            gc.collect()
            start = time.perf_counter()
            for _ in range(calls):
                self()
            return (time.perf_counter() - start) / calls * 1e6

        return run


def verify(calls: dict[str, Call], status: int) -> None:
    """Stop unless all answers agree: the status, a correct Content-Length, and for a success the same JSON."""
    answers = {}
    for name, call in calls.items():
        body = call()
        headers = {key.lower(): value for key, value in call.headers}
        if headers.get("content-length") != str(len(body)):
            raise SystemExit(
                f"{name}: Content-Length is {headers.get('content-length')}, the body has {len(body)} bytes"
            )
        if status < 400 and not headers["content-type"].startswith("application/json"):
            raise SystemExit(f"{name}: the answer is {headers['content-type']}")
        answers[name] = int(call.status.split()[0]), json.loads(body) if status < 400 else None, headers.get("x-hook")
    first = next(iter(answers.values()))
    if first[0] != status or any(answer != first for answer in answers.values()):
        raise SystemExit(f"the contenders differ, or are not {status}: {answers}")


def environ_of(path: str, method: str = "GET", **more: Any) -> Environ:
    """About what gunicorn makes from a browser's request."""
    headers = {"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": "bench", "Connection": "keep-alive"}
    return {**create_environ(path, "http://localhost:8000/", method=method, headers=headers), **more}


def not_slower_than_bottle() -> Goal:
    return Goal("wz", "bottle", 1.0)


def in_process(rounds: int, calls: int) -> list[Row]:
    found = peers.installed()
    plain = {name: make() for name, make in found.items()}
    hooked = {name: make(hooks=True) for name, make in found.items()}
    many = {name: make(many=True) for name, make in found.items()}
    last = MEMBER.replace("boards", f"boards{peers.MANY - 1}")
    post = environ_of("/scores", "POST", CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(BODY)))

    def row(name: str, apps: dict[str, Any], environ: Environ, status: int, *goals: Goal, body: bytes = b"") -> Row:
        calls_of = {peer: Call(app, environ, body) for peer, app in apps.items()}
        verify(calls_of, status)
        medians = take_turns({peer: call.timed(calls) for peer, call in calls_of.items()}, rounds)
        return Row(name, medians, goals=[*goals, not_slower_than_bottle()])

    first = Goal("wz", "werkzeug", 0.18), Goal("wz", "falcon", 0.6), Goal("wz", "flask", 0.1)
    rows = [
        row("GET, two path values, JSON", plain, environ_of(MEMBER), 200, *first),
        row("... with a hook before and after", hooked, environ_of(MEMBER), 200, Goal("wz", "werkzeug", 0.25)),
        row("POST, a typed body of five fields", plain, post, 201, body=BODY),
        row("404", plain, environ_of("/nowhere/at/all"), 404),
        row("405", plain, environ_of(MEMBER, "DELETE"), 405),
        row(f"GET, the last of {peers.MANY} routes", many, environ_of(last), 200),
    ]
    if "flask" in found:
        sessions = {"werkzeug": plain["werkzeug"], "wz": peers.wz_session(), "flask": plain["flask"]}
        calls_of = {
            name: Call(app, environ_of("/session", HTTP_COOKIE=f"session={app.cookie}"))
            for name, app in sessions.items()
        }
        verify(calls_of, 200)
        medians = take_turns({name: call.timed(calls) for name, call in calls_of.items()}, rounds)
        rows.append(Row("GET, a session read", medians))
    return rows


def notes() -> list[str]:
    lines = [f"{name} is not installed and left out: pip install {name}" for name in peers.PEERS]
    lines = [line for line in lines if line.split()[0] not in peers.installed()]
    if falcon := peers.optional("falcon"):
        files = [file for file in metadata.files("falcon") or () if file.suffix == ".so"]
        compiled = f"C-compiled in {', '.join(sorted(file.name.split('.')[0] for file in files))}" if files else "plain"
        whole = any(file.name.startswith("app.") for file in files)
        lines.append(
            f"falcon {falcon.__version__} is {compiled}; its app.py is {'also compiled' if whole else 'Python'}"
        )
    return lines


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Fewer rounds, and nothing under gunicorn.")
def main(as_json: bool, quick: bool) -> None:
    rows = in_process(rounds=5, calls=500) if quick else in_process(rounds=25, calls=1500)
    if not quick:
        medians = load.under_gunicorn(list(peers.installed()), rounds=7, seconds=1.0)
        goals = [Goal("wz", "raw", 0.9)]
        rows.append(Row("under gunicorn, GET as the first", medians, "req/s", higher_is_better=True, goals=goals))
    report(rows, ["wz", "werkzeug"], notes(), as_json=as_json)


if __name__ == "__main__":
    main()
