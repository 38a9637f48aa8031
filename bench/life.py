"""The life of a request: what each part of the service holds in its hands, byte for byte, and whose time it takes.

    python -m bench.life             the share of each station, as a table
    python -m bench.life --write     the same, stored in docs/life: two recordings, the pages' blocks, and the pictures
    python -m bench.life --pages     the pages' blocks and the pictures anew, from the recordings that are there

Two requests are recorded, `GET /boards/points/members/ann` and `POST /events/messages`, each twice:

- Its bytes. A tap is on each of the two unix sockets, between nginx and gunicorn and between the service and Redis.
  The configuration is that of production, with one worker, so that the request before this one has opened all
  connections, and with two hooks, which write down what the parser and what the server have made.
- Its times. The taps and the hooks are gone, and the client asks for a trace (`X-Wz-Trace: 1`). nginx tells whole
  milliseconds, and all of such a request may take less. So what lies between the client and the worker is measured at
  the client, whose clock is the worker's: it is one share on the way in and one on the way out, in which nginx is not
  told from the two sockets, nor, on the way out, from gunicorn's writing. What the tracer itself does is in the shares
  of those in which it does it. Other processes of the machine only make a request slower, so the quickest quarter
  counts: of it, the medians.

The token is signed with the key of the tests, and its signature is not stored.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from deploy import servers
from deploy.nginx import DEPLOY
from pipeline.settings import Settings
from tests import stack
from wz.live_server import LiveServer
from wz.testing import Client
from wz.tracing.spans import Span, Trace

from . import life_page, life_picture
from .bulk import own_stdout
from .life_stations import STATIONS, Exchange, Parsed, Recording, Said, load, shares, steps, store
from .taps import Tap, tap

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Traces, of which the quickest quarter counts, and requests before them.
TRACES, WARM = 204, 20

#: Where the worker writes down what it has made of a request, if this variable says so.
_NOTES = "LIFE_NOTES"

_SIGNATURE = re.compile(r"(sig=)[^&\s\"]+")


@dataclass(frozen=True)
class Ask:
    """A request as its client writes it. `word` is in what the service tells Redis then."""

    method: str
    path: str
    word: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def data(self, changed: Mapping[str, str | None] | None = None) -> bytes:
        """Return its bytes, with these headers besides or instead, or without those that are None."""
        headers: dict[str, str | None] = {
            "Host": stack.HOST,
            "Authorization": stack.token(),
            "Accept": "*/*",
            **self.headers,
            "Content-Length": str(len(self.body)) if self.body else None,
            **(changed or {}),
        }
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([f"{self.method} {self.path} HTTP/1.1", *lines, "", ""]).encode() + self.body


#: By the file that has the recording.
ASKS = {
    "request.json": Ask("GET", "/boards/points/members/ann", b"{board:points}"),
    "event.json": Ask(
        "POST",
        "/events/messages",
        b"{hub:events",
        {"Content-Type": "application/json", "BrokerProperties": '{"PartitionKey": "ann"}'},
        b'{"member": "ann", "reward": 2.5}',
    ),
}


# -- the stack ---------------------------------------------------------------------------------------------------------


@contextmanager
def redis(folder: Path) -> Iterator[Path]:
    """Run Redis with the configuration of production, which writes to the disk before it answers."""
    path = folder / "redis.sock"
    command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", path, "--dir", folder]
    with stack.process(command, ready=path.exists):
        yield path


def _settings(redis: Path) -> Settings:
    return Settings(
        environment="test",
        redis_url=f"unix://{redis}",
        connection_string=stack.ROOT,
        hosts=frozenset({stack.HOST}),
        hubs={"events": 4},
    )


#: gunicorn's configuration, and what it calls when a request is parsed and when the app is called.
_CONF = f"""\
import runpy
globals().update(runpy.run_path({str(stack.GUNICORN_CONF)!r}))
before = post_worker_init
def post_worker_init(worker):
    before(worker)
    from bench.life import noting
    worker.wsgi = noting(worker.wsgi)
def pre_request(worker, req):
    from bench.life import note_parsed
    note_parsed(req)
"""


def note_parsed(request: Any) -> None:
    """Write down what gunicorn's parser has made of a request."""
    version = tuple(request.version)
    parsed = Parsed(request.method, request.uri, request.path, request.query, version, request.headers)
    Path(os.environ[_NOTES], "parsed.json").write_bytes(msgspec.json.encode(parsed))


def noting(application: WSGIApplication) -> WSGIApplication:
    """Return an application that writes down what gunicorn calls it with, and what it answers."""
    folder = Path(os.environ[_NOTES])

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        (folder / "environ.json").write_text(json.dumps({key: _plain(value) for key, value in environ.items()}))

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            (folder / "head.json").write_text(json.dumps([status, headers]))
            return start_response(status, headers, *exc_info)

        return application(environ, start)

    return app


def _plain(value: Any) -> Any:
    if isinstance(value, str | int):
        return value
    if isinstance(value, tuple):
        return list(value)
    kind = value if isinstance(value, type) else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


class Answered(NamedTuple):
    """The bytes of an answer, when the request was sent, and when the last of them was there."""

    data: bytes
    begin: int
    end: int

    @property
    def status(self) -> int:
        return int(self.data[9:12])

    @property
    def took(self) -> int:
        return self.end - self.begin

    @property
    def id(self) -> str:
        return header(self.data, "X-Request-ID")


class Connection:
    """A client's connection to nginx, which is kept alive."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.settimeout(stack.PATIENCE)

    def ask(self, data: bytes) -> Answered:
        """Send a request. Raises `ConnectionError` if it is not answered, or refused."""
        begin = time.time_ns()
        self._socket.sendall(data)
        answer = b""
        while not _is_whole(answer):
            more = self._socket.recv(1 << 16)
            if not more:
                raise ConnectionError(f"nginx has closed the connection after {answer!r}")
            answer += more
        found = Answered(answer, begin, time.time_ns())
        if found.status not in (200, 201):
            raise ConnectionError(f"the service answered {answer!r}")
        return found

    def close(self) -> None:
        self._socket.close()


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= int(header(head, "Content-Length"))


def header(head: bytes, name: str) -> str:
    found = re.search(rb"^" + name.encode() + rb": *([^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return found[1].decode("latin-1") if found else ""


class Tapped(NamedTuple):
    """All that runs, and what is noted where."""

    nginx: str  # its address
    to_gunicorn: Tap
    to_redis: Tap
    notes: Path
    logs: dict[str, Path]

    def lines(self, id: str) -> dict[str, str]:
        """Return the lines of the access logs about a request."""
        return {name: line for name, path in self.logs.items() for line in path.read_text().splitlines() if id in line}


@contextmanager
def tapped(folder: Path, redis: Path) -> Iterator[Tapped]:
    """Run the service with a tap on each of its two sockets, and with some members on the board."""
    front, behind, notes = folder / "front", folder / "behind", folder / "notes"
    for one in (front, behind, notes):
        one.mkdir()
    logs = {"nginx": folder / "nginx.log", "gunicorn": folder / "gunicorn.log"}
    conf, to_redis = folder / "gunicorn.conf.py", folder / "tapped.sock"
    conf.write_text(_CONF)
    more = {
        _NOTES: str(notes),
        "PYTHONPATH": str(stack.REPOSITORY),
        "WEB_CONCURRENCY": "1",
        "WZ_ACCESS_LOG": "-",
        "WZ_LOG_FORMAT": "json",
    }
    with (
        tap(to_redis, redis) as of_redis,
        stack.gunicorn(behind, _settings(to_redis), conf=conf, log=logs["gunicorn"], **more),
        tap(front / "gunicorn.sock", behind / "gunicorn.sock") as of_gunicorn,
        stack.nginx(front, log=logs["nginx"], processes=1) as nginx,
    ):
        client = Client(LiveServer(nginx.address, stack.PATIENCE))
        for member, score in {"ann": 12.5, "bob": 20, "cem": 3.25}.items():
            headers = {"Host": stack.HOST, "Authorization": stack.token()}
            answer = client.put(f"/boards/points/members/{member}", json={"score": score}, headers=headers)
            if answer.status_code != 200:
                raise ConnectionError(f"the service answered {answer.status} {answer.data!r}")
        yield Tapped(nginx.address, of_gunicorn, of_redis, notes, logs)


# -- the bytes ---------------------------------------------------------------------------------------------------------


def said(place: Tapped, ask: Ask) -> Said:
    """Send a request twice, and return what was said on the way of the second."""
    connection = Connection(place.nginx)
    try:
        connection.ask(ask.data())  # opens all connections, and has Redis load the script
        begin = len(place.to_gunicorn.said), len(place.to_redis.said)
        data = ask.data()
        answer = connection.ask(data)
    finally:
        connection.close()
    id = answer.id
    asked, answered = place.to_gunicorn.exchange(begin[0], id.encode())
    command, reply = place.to_redis.exchange(begin[1], ask.word)
    stack.until(lambda: place.lines(id).keys() == place.logs.keys())
    status, headers = json.loads((place.notes / "head.json").read_bytes())
    found = Said(
        client=Exchange(_text(data), _text(answer.data)),
        gunicorn=Exchange(_text(asked), _text(answered)),
        parsed=msgspec.json.decode((place.notes / "parsed.json").read_bytes(), type=Parsed),
        environ=json.loads((place.notes / "environ.json").read_bytes()),
        redis=Exchange(_text(command), _text(reply)),
        status=status,
        headers=headers,
        logs=place.lines(id),
    )
    return msgspec.convert(_without_signatures(msgspec.to_builtins(found)), Said)


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _without_signatures(value: Any) -> Any:
    if isinstance(value, str):
        return _SIGNATURE.sub(r"\1...", value)
    if isinstance(value, dict):
        return {key: _without_signatures(one) for key, one in value.items()}
    return [_without_signatures(one) for one in value] if isinstance(value, list | tuple) else value


# -- the times ---------------------------------------------------------------------------------------------------------


class Times(NamedTuple):
    """`untraced` is the time of the same request without a trace, as a share of one with a trace."""

    traces: list[Trace]
    untraced: float


def traced(folder: Path, redis: Path, traces: int = TRACES, warm: int = WARM) -> dict[str, Times]:
    """Trace each of `ASKS`, with the steps "client.in" and "client.out" in the place of nginx's."""
    both = folder / "both"
    both.mkdir()
    with (
        stack.gunicorn(both, _settings(redis), WEB_CONCURRENCY="1"),
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


# -- both ------------------------------------------------------------------------------------------------------------


def record(traces: int = TRACES, warm: int = WARM) -> dict[str, Recording]:
    """Return a recording of each of `ASKS`."""
    with TemporaryDirectory(prefix="life-") as name, ExitStack() as all_:
        folder = Path(name)
        store_ = all_.enter_context(redis(folder))
        with tapped(folder, store_) as place:
            bytes_ = {file: said(place, ask) for file, ask in ASKS.items()}
        times = traced(folder, store_, traces, warm)
    found = {}
    for file, its in times.items():
        its_steps = steps(its.traces)
        found[file] = Recording(
            by="python -m bench.life --write",
            versions=_versions(),
            traces=len(its.traces),
            untraced=round(its.untraced, 4),
            said=bytes_[file],
            shares=shares(its_steps),
            steps=its_steps,
        )
    return found


def _versions() -> dict[str, str]:
    store = servers.redis_server()
    return {
        "nginx": ".".join(map(str, servers.version(servers.nginx()))),
        "gunicorn": metadata.version("gunicorn"),
        "Werkzeug": metadata.version("werkzeug"),
        "Valkey" if "valkey" in store.name else "Redis": ".".join(map(str, servers.version(store))),
    }


@click.command()
@click.option("--write", is_flag=True, help="Store the recordings, and write pages and pictures.")
@click.option("--pages", is_flag=True, help="Write pages and pictures from the recordings that are stored.")
def main(write: bool, pages: bool) -> None:
    """Record one GET and one POST."""
    if pages:
        recordings = {file: load(file) for file in ASKS}
    else:
        with own_stdout():
            recordings = record()
    if write:
        for file, recording in recordings.items():
            store(file, recording)
    if write or pages:
        life_page.write(recordings)
        life_picture.write(recordings)
    for file, recording in recordings.items():
        click.echo(f"{ASKS[file].method} {ASKS[file].path}, {recording.traces} traces")
        for name, share in recording.shares.items():
            click.echo(f"  {STATIONS[name].heading:30}{share:7.1%}")


if __name__ == "__main__":
    main()
