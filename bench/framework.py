"""What a request costs in wz and in raw WSGI, bare Werkzeug, Flask, Bottle and Falcon: in process and under gunicorn.

    python -m bench.framework                   the tables, with the goals and whether they are reached
    python -m bench.framework --json            the same as JSON
    python -m bench.framework --quick           fewer rounds, no gunicorn
    python -m bench.framework --only session    the rows with this in their names
    python -m bench.framework --write           also stores the first row for docs/framework.md; then bench.figures

bench/peers.py has the API that each contender offers, and says which packages it uses; bench/site_peers.py has what
only some offer: sessions, streams, files, templates. Before anything is timed, all answers are compared: status, JSON,
Content-Length; the text of a 404 or 405 may differ. Times are microseconds of processor time a call of the WSGI
application: a copied environ, a start_response that keeps what it is given, the body read to its end and closed. The
turns of the contenders are short, some milliseconds, and what counts is the time that a tenth of them stay below: what
else the machine does makes a turn slower and never faster. Under gunicorn (bench/load.py): requests a second. On a
machine that also does other work, only the ratios are meaningful.
"""

from __future__ import annotations

import gc
import io
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from werkzeug.test import create_environ

from . import figures, load, peers, site_peers
from .api import MANY
from .peers import optional
from .side_by_side import Goal, Round, Row, report, take_turns

MEMBER = "/boards/go/members/ann"
BODY = json.dumps({"board": "go", "member": "ann", "value": 12.5, "count": 3, "tags": ["a", "b"]}).encode()
JSON_BODY = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(BODY))}
CALLS = 100  # in a turn

#: The row that docs/framework.md shows, and the contenders that it shows, in the order of its columns.
SHOWN = "GET, two path values, JSON"
COLUMNS = ("raw", "wz", "falcon", "bottle", "werkzeug", "flask")
FILE = Path(__file__).parents[1] / "docs" / "figures" / "framework.json"

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
        """Return a round: microseconds of processor time a call, over so many calls."""

        def run() -> float:
            start = time.thread_time()
            for _ in range(calls):
                self()
            return (time.thread_time() - start) / calls * 1e6

        return run


def verify(calls: dict[str, Call], status: int, *, has_length: bool = True) -> None:
    """Stop unless all answers agree: the status, and for a success the type, the JSON or the bytes, and the cookie."""
    answers = {}
    for name, call in calls.items():
        body = call()
        headers = {key.lower(): value for key, value in call.headers}
        if has_length and headers.get("content-length") != str(len(body)):
            raise SystemExit(
                f"{name}: Content-Length is {headers.get('content-length')}, the body has {len(body)} bytes"
            )
        mimetype = headers["content-type"].partition(";")[0]
        content = (mimetype, json.loads(body) if mimetype == "application/json" else body) if status < 400 else None
        cookie = headers.get("set-cookie", "").partition(";")[2]  # its attributes: the value has a time in it
        answers[name] = int(call.status.split()[0]), content, cookie, headers.get("x-hook")
    first = next(iter(answers.values()))
    if first[0] != status or any(answer != first for answer in answers.values()):
        raise SystemExit(f"the contenders differ, or are not {status}: {answers}")


def environ_of(path: str, method: str = "GET", **more: Any) -> Environ:
    """About what gunicorn makes from a browser's request."""
    headers = {"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": "bench", "Connection": "keep-alive"}
    return {**create_environ(path, "http://localhost:8000/", method=method, headers=headers), **more}


@dataclass
class Table:
    """Measures rows; `only` leaves out those without it in their names."""

    rounds: int
    only: str = ""
    rows: list[Row] = field(default_factory=list)

    def add(self, name: str, calls: dict[str, Call], *goals: Goal, status: int = 200, has_length: bool = True) -> None:
        if self.only not in name:
            return
        verify(calls, status, has_length=has_length)
        gc.collect()
        gc.freeze()  # so that a collection costs a contender what it leaves behind, and not what all have set up
        times = take_turns({peer: call.timed(CALLS) for peer, call in calls.items()}, self.rounds, fast)
        gc.unfreeze()
        self.rows.append(Row(name, times, goals=list(goals)))


def fast(times: Sequence[float]) -> float:
    """Return the time that a tenth of the turns stay below."""
    return statistics.quantiles(times, n=10)[0]


def at_most(limit: float, of: str) -> Goal:
    return Goal("wz", of, limit)


def api_rows(table: Table) -> None:
    """The API that all contenders have."""
    found = peers.installed()
    plain = {name: make() for name, make in found.items()}
    hooked = {name: make(hooks=True) for name, make in found.items()}
    many = {name: make(many=True) for name, make in found.items()}
    last = MEMBER.replace("boards", f"boards{MANY - 1}")
    get, post = environ_of(MEMBER), environ_of("/scores", "POST", **JSON_BODY)
    search = {"QUERY_STRING": "member=ann&limit=25&least=2.5"}

    def calls(apps: dict[str, Any], environ: Environ, body: bytes = b"") -> dict[str, Call]:
        return {peer: Call(app, environ, body) for peer, app in apps.items()}

    def add(name: str, calls: dict[str, Call], *goals: Goal, status: int = 200) -> None:
        # Falcon with another encoder than its own is not what most people run, and wz is not to be slower than it.
        table.add(name, calls, *goals, at_most(1.0, "falcon_msgspec"), at_most(1.0, "bottle"), status=status)

    first = at_most(0.5, "falcon"), at_most(1.15, "raw"), at_most(0.18, "werkzeug"), at_most(0.1, "flask")
    add(SHOWN, calls(plain, get), *first)
    second = at_most(0.75, "falcon"), at_most(1.6, "raw"), at_most(0.25, "werkzeug")
    add("... with a hook before and after", calls(hooked, get), *second)
    third = at_most(0.65, "falcon"), at_most(1.3, "raw")
    add("POST, a typed body of five fields", calls(plain, post, BODY), *third, status=201)
    add("404", calls(plain, environ_of("/nowhere/at/all")), at_most(0.45, "falcon"), status=404)
    add("405", calls(plain, environ_of(MEMBER, "DELETE")), at_most(0.5, "falcon"), status=405)
    add(f"GET, the last of {MANY} routes", calls(many, environ_of(last)), at_most(0.4, "falcon"))
    searches = calls(plain, environ_of("/search", **search))
    if "falcon" in plain:
        searches["falcon's getters"] = Call(plain["falcon"], environ_of("/search_by_getters", **search))
    add("GET, a typed query of three fields", searches, at_most(0.65, "falcon"))


def site_rows(table: Table) -> None:
    """What bare Werkzeug with other packages, wz and Flask have."""
    with TemporaryDirectory(prefix="bench-") as folder:
        site_peers.furnish(Path(folder))
        sites = site_peers.installed(Path(folder))

        def calls(path: str, method: str = "GET", **more: Any) -> dict[str, Call]:
            return {name: Call(app, environ_of(path, method, **more)) for name, app in sites.items()}

        reading, writing = calls("/session"), calls("/session", "POST")
        for name, write in writing.items():
            write()
            cookie = dict(write.headers)["Set-Cookie"].partition(";")[0]
            reading[name].environ["HTTP_COOKIE"] = write.environ["HTTP_COOKIE"] = cookie
        table.add("GET, a session read", reading, at_most(0.25, "werkzeug"))
        table.add("POST, a session written", writing, at_most(0.42, "werkzeug"))
        table.add("GET, a stream of 100 chunks", calls("/stream"), at_most(0.8, "flask"), has_length=False)
        table.add("GET, a file of 10 kB", calls(f"/static/{site_peers.FILE}"), at_most(0.8, "flask"))
        table.add("GET, a template of 20 lines", calls("/page"), at_most(0.8, "flask"))


def stored(rows: list[Row]) -> dict[str, Any]:
    """Return the first row, relative to wz, as the table of docs/framework.md has it."""
    (row,) = (row for row in rows if row.name == SHOWN)
    return {"get": {"A JSON GET": [round(row.ratio(name, "wz"), 2) for name in COLUMNS]}}


def notes() -> list[str]:
    packages = [name for name in peers.PEERS if "_" not in name and name != "raw"]
    lines = [f"{name} is not installed and left out: pip install {name}" for name in packages if not optional(name)]
    if falcon := optional("falcon"):
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
@click.option("--only", default="", help="Measure the rows with this in their names.", metavar="TEXT")
@click.option("--write", is_flag=True, help="Store the first row for docs/framework.md.")
def main(as_json: bool, quick: bool, only: str, write: bool) -> None:
    table = Table(rounds=50 if quick else 250, only=only)
    api_rows(table)
    site_rows(table)
    served = "under gunicorn, GET as the first"
    if not quick and only in served:
        names = [name for name in peers.installed() if "_" not in name]
        medians = load.under_gunicorn(names, rounds=7, seconds=1.0)
        goals = [Goal("wz", "raw", 0.95)]
        table.rows.append(Row(served, medians, "req/s", higher_is_better=True, goals=goals))
    if write:
        figures.write(FILE, stored(table.rows))
    report(table.rows, ["wz", "werkzeug"], notes(), as_json=as_json)


if __name__ == "__main__":
    main()
