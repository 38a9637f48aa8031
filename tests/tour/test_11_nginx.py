"""Step 11: what nginx takes off gunicorn's hands, which is what its page says it does."""

from __future__ import annotations

import http.client
import json
import os
import re
import runpy
import select
import shlex
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
import pytest
import trustme

from deploy import servers

from .. import stack
from ..deploy.wire import connect, exchange, read
from ..docs.markdown import blocks
from .servers import gunicorn, nginx
from .steps import TOUR
from .under_way import SILENCE

GUNICORN, NGINX = TOUR / "10_gunicorn", TOUR / "11_nginx"

STAGES = sorted(NGINX.glob("?_*.conf"))
FIRST, SECOND, THIRD = STAGES
PAGE = (TOUR / "11_nginx.md").read_text()
EXPERIMENTS: dict[str, Any] = runpy.run_path(str(NGINX / "experiments.py"))["EXPERIMENTS"]

GET = b"GET %s HTTP/1.1\r\nHost: tour\r\n\r\n"


@contextmanager
def on_port(
    folder: Path, *options: object, app: str = "slow:app", folder_of_app: Path = NGINX, ready: bool = True
) -> Iterator[tuple[Popen[bytes], str]]:
    """Run step 10's first stage with an application, and yield its master and its HOST:PORT.

    Without `ready`, no request is sent before.
    """
    address = f"127.0.0.1:{stack.free_port()}"
    served = ("--pythonpath", folder_of_app, "--bind", address, *options, app)
    with gunicorn(folder, "-c", GUNICORN / "1_listen.conf.py", *served, ready=ready) as (master, _):
        yield master, address


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """gunicorn on a port: one process of one thread, as in step 10's first stage."""
    with on_port(tmp_path_factory.mktemp("gunicorn")) as (_, address):
        yield address


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading of the page, by their cells."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines[1:]]


# -- the experiments ---------------------------------------------------------------------------------------------------


OBSERVED = {name: (of_gunicorn, of_nginx) for name, of_gunicorn, of_nginx in rows("What it takes off gunicorn's hands")}


def test_the_page_tells_of_each_experiment() -> None:
    assert OBSERVED.keys() == EXPERIMENTS.keys()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_without_nginx(alone: str, name: str) -> None:
    expected = OBSERVED[name][0]
    seconds = SILENCE if expected == "others wait" else stack.PATIENCE
    assert EXPERIMENTS[name](alone, seconds) == expected


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_with_nginx(tmp_path: Path, alone: str, name: str) -> None:
    with nginx(tmp_path, THIRD, alone) as address:  # its own, as one of them uses up what an address may
        assert EXPERIMENTS[name](address, stack.PATIENCE) == OBSERVED[name][1]


def test_the_page_s_commands_serve(tmp_path: Path) -> None:
    block = next(blocks(TOUR / "11_nginx.md", "console"))
    of_gunicorn, of_nginx = (shlex.split(line.replace("$PWD", "."))[2:] for line in block.source.splitlines())
    options = [stack.REPOSITORY / word if "/" in word else word for word in of_gunicorn]
    address = f"127.0.0.1:{stack.free_port()}"
    with (
        gunicorn(tmp_path, *options, "--bind", address),
        nginx(tmp_path, stack.REPOSITORY / of_nginx[-1], address) as edge,
    ):
        answer = exchange(f"http://{edge}", GET % b"/large")

    assert answer is not None
    assert len(answer.body) == 32_000_000


def test_the_page_finds_an_nginx() -> None:
    (program,) = re.findall(r"python -c '(.+)'\)\"`", PAGE)
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=stack.REPOSITORY, text=True, capture_output=True, check=True
    )

    assert found.stdout == f"{servers.nginx()}\n"


@pytest.mark.parametrize("conf", STAGES, ids=lambda conf: conf.name)
def test_each_stage_relays(tmp_path: Path, alone: str, conf: Path) -> None:
    with nginx(tmp_path, conf, alone) as address:
        answer = exchange(f"http://{address}", GET % b"/")

    assert answer is not None
    assert (answer.status, answer.body[-6:]) == (200, b"ended\n")
    assert "nginx" in answer.headers["Server"]


# -- what it answers by itself -----------------------------------------------------------------------------------------


def test_a_file_is_served_while_gunicorn_is_away(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("p {}")
    with nginx(tmp_path, THIRD, f"127.0.0.1:{stack.free_port()}") as address:
        file, other = (exchange(f"http://{address}", GET % path) for path in (b"/static/style.css", b"/"))

    assert file is not None
    assert (file.status, file.body, file.headers["Cache-Control"]) == (200, b"p {}", "max-age=3600")
    assert other is not None
    assert (other.status, other.headers["Content-Type"]) == (502, "application/problem+json")


def test_tls_ends_at_nginx_and_gunicorn_is_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    port = stack.free_port()
    tls = f"listen 127.0.0.1:{port} ssl; ssl_certificate both.pem; ssl_certificate_key both.pem; location /static/ {{"
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        on_port(tmp_path, app="recorder:app", folder_of_app=TOUR / "environs") as (_, behind),
        nginx(tmp_path, THIRD, behind, {"location /static/ {": tls}),
        closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=stack.PATIENCE, context=context)) as client,
    ):
        client.request("GET", "/")
        environ = json.loads(client.getresponse().read())

    assert environ["wsgi.url_scheme"] == environ["HTTP_X_FORWARDED_PROTO"] == "https"


# -- which timeout ends a slow request ---------------------------------------------------------------------------------


THREADS = ("--worker-class", "gthread", "--threads", 2, "--graceful-timeout", 1)


def hanging(folder: Path, address: str) -> socket.socket:
    """Send a request that hangs, and return its connection when it does."""
    sock = connect(f"http://{address}")
    sock.sendall(GET % b"/hang")
    stack.until(lambda: "hangs" in (folder / "gunicorn.log").read_text())
    return sock


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param((), 500, id="sync, which is ended by an exception"),
        pytest.param(THREADS, 502, id="gthread, which is killed"),
    ],
)
def test_a_worker_that_hangs_as_a_whole_is_ended_by_gunicorn(
    tmp_path: Path, options: tuple[object, ...], status: int
) -> None:
    """A sync worker gives no heartbeat while it is in a request, and no worker gives one while it is stopped."""
    with (
        on_port(tmp_path, *options, "--timeout", 3) as (master, port),  # on a busy machine, a start takes a second
        nginx(tmp_path, SECOND, port) as address,
        hanging(tmp_path, address) as sock,
    ):
        (worker,) = workers(master)
        if options:
            os.kill(worker, signal.SIGSTOP)
        answer = read(sock)
        assert answer is not None
        assert answer.status == status
        stack.until(lambda: workers(master) not in ([], [worker]))


def test_a_thread_that_hangs_is_given_up_by_nginx(tmp_path: Path) -> None:
    """The heartbeat goes on, and so does the thread."""
    waits = {"proxy_read_timeout 25s": "proxy_read_timeout 2s"}
    with (
        on_port(tmp_path, *THREADS, "--timeout", 1) as (master, port),
        nginx(tmp_path, SECOND, port, waits) as address,
    ):
        before = workers(master)
        answer = exchange(f"http://{address}", GET % b"/hang")
        assert answer is not None
        assert answer.status == 504
        assert workers(master) == before


@pytest.mark.parametrize(
    ("setting", "begun"),
    [
        pytest.param("client_header_timeout", b"GET / HTTP/1.1\r\nHost:", id="within its header"),
        pytest.param(
            "client_body_timeout", b"POST / HTTP/1.1\r\nHost: tour\r\nContent-Length: 2\r\n\r\n1", id="within its body"
        ),
    ],
)
def test_a_slow_client_is_closed_by_nginx(tmp_path: Path, alone: str, setting: str, begun: bytes) -> None:
    with nginx(tmp_path, SECOND, alone, {f"{setting} 10s": f"{setting} 1s"}) as address:
        assert exchange(f"http://{address}", begun) is None  # no status: nginx has 408 for it in its log alone


def test_a_worker_that_is_killed_is_a_502(tmp_path: Path) -> None:
    with (
        on_port(tmp_path) as (master, port),
        nginx(tmp_path, THIRD, port) as address,
        hanging(tmp_path, address) as sock,
    ):
        (worker,) = workers(master)
        os.kill(worker, signal.SIGKILL)
        answer = read(sock)

    assert answer is not None
    assert (answer.status, json.loads(answer.body)) == (502, {"status": 502, "detail": "nginx says so"})


def workers(master: Popen[bytes]) -> list[int]:
    return [child.pid for child in psutil.Process(master.pid).children()]


TIMES = rows("Which of the timeouts ends a slow request?")


@pytest.mark.parametrize("row", TIMES, ids=[row[0] for row in TIMES])
def test_the_times_on_the_page_are_those_of_the_files(row: list[str]) -> None:
    found = re.search(r"`(nginx|gunicorn)`.*`(\w+)` (\d+) s", " | ".join(row))
    assert found
    file, name, value = found.groups()
    conf = (stack.REPOSITORY / "deploy" / f"{file}.conf{'.py' if file == 'gunicorn' else ''}").read_text()

    assert re.search(rf"(?m)^ *{name}(?: = | ){value}s?\b", conf)


# -- the exercises -----------------------------------------------------------------------------------------------------


HALF, UNBUFFERED, CHUNKED = (block.source for block in blocks(TOUR / "11_nginx.md", "python"))


@pytest.mark.parametrize(
    ("program", "passes"),
    [
        pytest.param(HALF, False, id="of a known length"),
        pytest.param(HALF + UNBUFFERED, True, id="not to be held back"),
        pytest.param(f"{HALF}\nhalf = app\n{CHUNKED}", True, id="in chunks"),
    ],
)
def test_half_of_an_answer(tmp_path: Path, program: str, passes: bool) -> None:
    (tmp_path / "half.py").write_text(program)
    served = on_port(tmp_path, "--graceful-timeout", 1, app="half:app", folder_of_app=tmp_path, ready=False)
    with served as (_, port), nginx(tmp_path, SECOND, port) as address, connect(f"http://{address}") as sock:
        sock.sendall(GET % b"/")
        if passes:
            response = http.client.HTTPResponse(sock)
            response.begin()
            assert response.readline() == b"half\n"
            assert "X-Accel-Buffering" not in response.headers
        else:
            assert not select.select([sock], [], [], SILENCE)[0]


def test_a_location_for_larger_bodies(tmp_path: Path) -> None:
    (location,) = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    body = b"." * 2_000_000
    head = "POST {} HTTP/1.1\r\nHost: tour\r\nX-Forwarded-For: 203.0.113.9\r\nContent-Length: {}\r\n\r\n"
    with (
        on_port(tmp_path, app="recorder:app", folder_of_app=TOUR / "environs") as (_, port),
        nginx(tmp_path, THIRD, port, {"location /static/ {": f"{location}location /static/ {{"}) as address,
    ):
        large, other = (
            exchange(f"http://{address}", head.format(path, len(body)).encode() + body) for path in ("/upload", "/")
        )

    assert other is None or other.status == 413  # closed, if the client is still sending
    assert large is not None
    environ = json.loads(large.body)
    assert len(environ["(body)"]) == len(body)
    assert (environ["HTTP_HOST"], environ["HTTP_X_FORWARDED_FOR"]) == ("tour", "127.0.0.1")
