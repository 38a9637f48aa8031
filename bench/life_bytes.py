"""What a request is on its way, byte for byte: a tap on each socket of the service, and a worker that takes notes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pipeline.settings import Settings
from tests import stack
from wz.live_server import LiveServer
from wz.testing import Client

from .life_client import Ask, Connection
from .life_stations import Exchange, Parsed, Said
from .taps import Tap, tap

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where the worker writes down what it has made of a request, if this variable says so.
_NOTES = "LIFE_NOTES"

_SIGNATURE = re.compile(r"(sig=)[^&\s\"]+")


def settings_for(redis: Path) -> Settings:
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
    from bench.life_bytes import noting
    worker.wsgi = noting(worker.wsgi)
def pre_request(worker, req):
    from bench.life_bytes import note_parsed
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
        stack.gunicorn(behind, settings_for(to_redis), conf=conf, log=logs["gunicorn"], **more),
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
