"""docs/life shows what was recorded, and what it says of a request is so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import redis as redis_py
from myst_parser.slugs import github_slugify

from bench import life_picture
from bench.life import record, redis
from bench.life_bytes import Tapped, tapped
from bench.life_client import ASKS, Ask, Connection
from bench.life_page import PAGES, PROGRAM, blocks
from bench.life_stations import FOLDER, STATIONS, Recording, load
from bench.page_parts import filled, named
from deploy.refusals import REFUSED_BY
from pipeline.settings import DATABASES, Settings

from .. import stack
from ..deploy.wire import exchange
from .repository import ROOT

GET, POST = ASKS["request.json"], ASKS["event.json"]
FIELDS = ("Holds", "Code", "Time", "If it fails here", "Next")


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    return {file: load(file) for file in ASKS}


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading."""
    _, *parts = re.split(r"^## (.*)$", (FOLDER / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


# -- the pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_was_recorded(page: str, recordings: dict[str, Recording]) -> None:
    text = (FOLDER / page).read_text()

    assert text == filled(text, PROGRAM, blocks(recordings)), "python -m bench.life --pages writes it anew"


def test_the_page_of_the_get_leaves_nothing_out(recordings: dict[str, Recording]) -> None:
    known = blocks(recordings)
    wanted = {name for name in known if name.startswith("get.") and name.removesuffix(".time") not in ("get.socket",)}

    assert wanted - {*named((FOLDER / "index.md").read_text(), PROGRAM)} == set()


@pytest.mark.parametrize("file", ASKS)
def test_a_picture_is_of_the_recording(file: str, recordings: dict[str, Recording]) -> None:
    picture, title = life_picture.PICTURES[file]

    assert (FOLDER / picture).read_text() == life_picture.drawing(title, recordings[file].shares)


def test_each_station_has_its_section_with_five_fields() -> None:
    found = sections("index.md")

    assert list(found)[: len(STATIONS)] == [station.heading for station in STATIONS.values()]
    for station in STATIONS.values():
        assert re.findall(r"^\*\*(.+?)\.\*\*", found[station.heading], re.MULTILINE) == list(FIELDS), station.heading


def test_each_station_leads_to_the_next() -> None:
    found = sections("index.md")
    headings = [station.heading for station in STATIONS.values()]

    for here, following in pairwise(headings):
        assert f"](#{github_slugify(following)})" in found[here].partition("**Next.**")[2]


@pytest.mark.parametrize("page", PAGES)
def test_every_failure_has_its_test(page: str) -> None:
    failures = [
        part.partition("**If it fails here.**")[2].partition("**Next.**")[0] for part in sections(page).values()
    ]
    items = [item for part in failures for item in re.split(r"^- ", part, flags=re.MULTILINE)[1:]]

    assert items
    assert [item for item in items if not re.search(r"#test_\w+\)", item)] == []


@pytest.mark.parametrize("file", ASKS)
def test_no_secret_and_no_place_of_the_machine_is_recorded(file: str) -> None:
    text = (FOLDER / file).read_text()

    assert set(re.findall(r"sig=(.{3})", text)) == {"..."}
    assert str(ROOT) not in text
    assert re.findall(r"/(?:tmp|home|root|work)\b", text) == []


# -- a new recording -------------------------------------------------------------------------------------------------

#: What is another in each recording: ids, times, numbers of processes and of bytes.
_OTHER = re.compile(r"[0-9a-f]{32}|\d+")


def same(value: Any) -> Any:
    """Return a value with what is another in each recording taken out."""
    if isinstance(value, str):
        value = re.sub(r"\w{3}, \d\d \w{3} \d{4}", "DAY", value)
        return _OTHER.sub("N", value)
    if isinstance(value, dict):
        return {key: same(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [same(one) for one in value]
    return "N" if isinstance(value, int | float) and not isinstance(value, bool) else value


def test_a_new_recording_has_the_same_stations_and_bytes(recordings: dict[str, Recording]) -> None:
    for file, new in record(traces=4, warm=2).items():
        old = recordings[file]
        assert [(step.station, step.step, step.name) for step in new.steps] == [
            (step.station, step.step, step.name) for step in old.steps
        ]
        assert same(msgspec.to_builtins(new.said)) == same(msgspec.to_builtins(old.said))
        assert sum(new.shares.values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("file", ASKS)
def test_the_teardown_has_run_before_the_first_byte_is_written(file: str, recordings: dict[str, Recording]) -> None:
    """The way out, `client.out`, begins when gunicorn begins to write, and steps are in the order of their begin."""
    steps = [step.step for step in recordings[file].steps]

    assert steps.index("teardown") < steps.index("client.out") == len(steps) - 1


# -- where it ends ---------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A request that ends at a station, with this status, answered by nginx, gunicorn or the app."""

    station: str
    data: Callable[[], bytes]
    status: int
    by: str


def changed(
    ask: Ask,
    headers: Mapping[str, str | None] | None = None,
    method: str = "",
    path: str = "",
    body: bytes | None = None,
) -> bytes:
    body = ask.body if body is None else body
    return replace(ask, method=method or ask.method, path=path or ask.path, body=body).data(headers)


MANY: dict[str, str | None] = {f"X-{number}": "x" for number in range(101)}
MEMBER = GET.path

ENDS = {
    "a request line that is too long": Case("nginx", lambda: changed(GET, path=f"{MEMBER}?{'a' * 9000}"), 414, "nginx"),
    "a header that is too long": Case("nginx", lambda: changed(GET, {"X": "a" * 9000}), 431, "nginx"),
    "a signature in the query": Case("nginx", lambda: changed(GET, path=f"{MEMBER}?sig=a"), 400, "nginx"),
    "a GET with a large body": Case("nginx", lambda: changed(GET, body=b"a" * 200_000), 413, "nginx"),
    "a method that nobody has": Case("nginx", lambda: changed(GET, method="TRACE"), 405, "nginx"),
    "more than 100 headers": Case("parse", lambda: changed(GET, MANY), 431, "gunicorn"),
    "what is no name of a header": Case("parse", lambda: changed(GET, {"a(b)": "1"}), 400, "gunicorn"),
    "a path that no rule has": Case("match", lambda: changed(GET, path="/boards/points/nobody/ann"), 404, "the app"),
    "another method": Case("match", lambda: changed(GET, method="POST"), 405, "the app"),
    "no token": Case("hooks", lambda: changed(GET, {"Authorization": None}), 401, "the app"),
    "a value that there is not": Case("arguments", lambda: changed(GET, path=f"{MEMBER}?order=up"), 422, "the app"),
    "a member without a score": Case("handler", lambda: changed(GET, path=f"{MEMBER}a"), 404, "the app"),
    "an answer that the client has": Case("finalize", lambda: changed(GET, {"If-None-Match": "*"}), 304, "the app"),
}


#: The station is the heading in event.md.
EVENT_ENDS = {
    "more than nginx takes": Case(
        "nginx has the whole body first", lambda: changed(POST, body=b"a" * 2_000_000), 413, "nginx"
    ),
    "no token": Case("The dialect's layer and hooks", lambda: changed(POST, {"Authorization": None}), 401, "the app"),
    "broken properties": Case(
        "The handler passes bytes on", lambda: changed(POST, {"BrokerProperties": "{"}), 400, "the app"
    ),
    "no such hub": Case("The handler passes bytes on", lambda: changed(POST, path="/none/messages"), 404, "the app"),
    "more than the app takes": Case(
        "The handler passes bytes on", lambda: changed(POST, body=b"a" * 1_100_000), 413, "the app"
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    folder = tmp_path_factory.mktemp("life")
    with redis(folder) as path, tapped(folder, path) as found:
        yield found


def ends(place: Tapped, case: Case) -> tuple[int, str]:
    """Return the status, and who has answered: what was said between nginx and gunicorn tells."""
    begin = len(place.to_gunicorn.said)
    answer = exchange(place.nginx, case.data())
    assert answer is not None
    try:
        _, received = place.to_gunicorn.exchange(begin, answer.headers["X-Request-ID"].encode())
    except LookupError:
        return answer.status, "nginx"
    return answer.status, "gunicorn" if REFUSED_BY.encode() in received else "the app"


def is_told(page: str, heading: str, case: Case) -> bool:
    """Say whether the list of failures of a section has this status, and who answers."""
    failures = sections(page)[heading].partition("**If it fails here.**")[2]
    return re.search(rf"^- \*\*[^*]*\b{case.status}\b[^*]*\*\* by {case.by}\b", failures, re.MULTILINE) is not None


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS)
def test_where_the_request_ends(place: Tapped, case: Case) -> None:
    assert ends(place, case) == (case.status, case.by)
    assert is_told("index.md", STATIONS[case.station].heading, case)


@pytest.mark.parametrize("case", EVENT_ENDS.values(), ids=EVENT_ENDS)
def test_where_the_event_ends(place: Tapped, case: Case) -> None:
    assert ends(place, case) == (case.status, case.by)
    assert is_told("event.md", case.station, case)


def test_a_script_that_redis_has_lost_is_sent_again(place: Tapped) -> None:
    connection = Connection(place.nginx)
    connection.ask(GET.data())
    with redis_py.Redis(unix_socket_path=str(place.to_redis.target), db=DATABASES["test"]) as client:
        client.script_flush()
    begin = len(place.to_redis.said)
    answer = connection.ask(GET.data())
    connection.close()

    assert answer.status == 200
    command, reply = place.to_redis.exchange(begin, b"EVALSHA")
    assert re.findall(rb"EVAL\w*", command) == [b"EVALSHA", b"EVAL"]
    assert reply.startswith(b"-NOSCRIPT")


def test_a_chunked_body_goes_on_with_its_length(place: Tapped) -> None:
    begin = len(place.to_gunicorn.said)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(POST.body), POST.body)
    head, _, _ = POST.data({"Content-Length": None, "Transfer-Encoding": "chunked"}).partition(b"\r\n\r\n")
    answer = exchange(place.nginx, head + b"\r\n\r\n" + chunks)

    assert answer is not None
    assert answer.status == 201
    asked, _ = place.to_gunicorn.exchange(begin, POST.body)
    assert f"Content-Length: {len(POST.body)}\r\n".encode() in asked
    assert b"Transfer-Encoding" not in asked


def test_the_command_of_the_page_draws_the_request(place: Tapped) -> None:
    (line,) = re.findall(r"^\$ wz (trace .*)$", (FOLDER / "index.md").read_text(), re.MULTILINE)
    words = shlex.split(
        line.replace("http://127.0.0.1:8080", place.nginx).replace('"$(wz token)"', shlex.quote(stack.token()))
    )
    done = subprocess.run([sys.executable, "-m", "wz", *words], capture_output=True, text=True, cwd=ROOT, check=True)

    assert GET.path in done.stdout
    assert "EVALSHA read.lua" in done.stdout


#: gunicorn's configuration, with one more layer around the service.
RAISING = f"""\
import runpy
globals().update(runpy.run_path({str(stack.GUNICORN_CONF)!r}))
before = post_worker_init
def post_worker_init(worker):
    from handlers.wsgi import app
    def layer(inside):
        def raising(environ, start_response):
            if environ["PATH_INFO"] == {MEMBER!r}:
                raise RuntimeError("a layer of the test")
            return inside(environ, start_response)
        return raising
    app.layers.add("raising", layer)
    before(worker)
"""


def test_a_layer_that_raises_is_answered_by_gunicorn(tmp_path: Path, server_settings: Settings) -> None:
    conf, log = tmp_path / "conf.py", tmp_path / "log"
    conf.write_text(RAISING)
    with stack.gunicorn(tmp_path, server_settings, conf=conf, log=log, WEB_CONCURRENCY="1") as server:
        answer = exchange(server.address, GET.data())

    assert answer is not None
    assert (answer.status, answer.headers["X-Refused-By"]) == (500, "gunicorn")
    assert answer.detail == "The service was unable to process the request."
    assert log.read_text().count("RuntimeError: a layer of the test") == 1
