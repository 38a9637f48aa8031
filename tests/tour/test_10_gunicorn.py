"""Step 10: what its page says of sockets, processes, threads, forks and signals, of gunicorn itself."""

from __future__ import annotations

import http.client
import inspect
import os
import re
import runpy
import select
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import flask
import psutil
import pytest
import werkzeug.serving

from pipeline.settings import Settings

from .. import stack
from ..deploy.wire import connect, exchange
from .servers import gunicorn
from .steps import TOUR
from .under_way import SILENCE, UnderWay

GUNICORN = TOUR / "10_gunicorn"

STAGES = sorted(GUNICORN.glob("?_*.conf.py"))
LAST = STAGES[-1]

CUT = (http.client.IncompleteRead, ConnectionResetError, BrokenPipeError)


def workers(master: int) -> list[int]:
    return [child.pid for child in psutil.Process(master).children()]


def answers(address: str) -> int:
    """Return the process that answers a request."""
    answer = exchange(address, b"GET / HTTP/1.1\r\nHost: tour\r\nConnection: close\r\n\r\n")
    assert answer is not None
    return int(answer.body.split()[1].rstrip(b","))


@pytest.mark.parametrize("conf", STAGES, ids=lambda conf: conf.name)
def test_each_stage_serves(tmp_path: Path, conf: Path) -> None:
    with gunicorn(tmp_path, "-c", conf) as (_, address), UnderWay(address) as request:
        assert request.begun().endswith(b": begun\n")
        assert request.end() == b"ended\n"


def test_a_request_lasts_as_long_as_its_body(tmp_path: Path) -> None:
    """As `curl -sNT .` sends it, a body without a length begins with nothing."""
    with gunicorn(tmp_path, "-c", STAGES[0]) as (_, address), connect(address) as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: tour\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        received = b""
        while not received.endswith(b": begun\n\r\n"):
            received += sock.recv(1000)
        assert not select.select([sock], [], [], SILENCE)[0]

        sock.sendall(b"0\r\n\r\n")
        assert b"ended\n" in b"".join(iter(lambda: sock.recv(1000), b""))


# -- sockets, processes, threads ---------------------------------------------------------------------------------------


def test_the_kernel_takes_connections_while_no_process_does(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", STAGES[0]) as (master, address):
        (worker,) = workers(master.pid)
        os.kill(worker, signal.SIGSTOP)
        with UnderWay(address) as request:  # it is connected, and its bytes are sent
            assert request.is_silent()
            os.kill(worker, signal.SIGCONT)
            assert request.process() == worker


def test_one_sync_worker_serves_one_request_at_a_time(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", STAGES[0]) as (_, address), UnderWay(address) as first, UnderWay(address) as second:
        first.begun()
        assert second.is_silent()
        first.end()
        assert second.begun()


def test_four_threads_serve_four_and_a_fifth_waits_in_their_process(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", STAGES[1], "--workers", 1) as (_, address), ExitStack() as all_:
        *four, fifth = [all_.enter_context(UnderWay(address)) for _ in range(5)]
        begun = [request.begun().split() for request in four]
        assert len({line[1] for line in begun}) == 1  # process
        assert len({line[3] for line in begun}) == 4  # threads
        assert fifth.is_silent()
        four[0].end()
        assert fifth.begun()


# -- forks -------------------------------------------------------------------------------------------------------------


def test_a_connection_that_crosses_a_fork_gives_each_the_other_s_answer(tmp_path: Path) -> None:
    with stack.redis_server(tmp_path) as (_, url):
        command = [sys.executable, str(GUNICORN / "fork.py"), url.removeprefix("unix://")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=stack.PATIENCE)

    assert done.stdout == "child. was answered parent\nparent was answered child.\n"


def test_a_fork_shares_what_is_open_and_copies_memory() -> None:
    program = (
        "import os\n"
        "counts, (reader, writer) = ['before'], os.pipe()\n"
        "if os.fork() == 0:\n"
        "    counts.append('child')\n"
        "    os.write(writer, ' '.join(counts).encode())\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(os.read(reader, 99).decode(), '|', *counts)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=stack.PATIENCE
    )

    assert done.stdout == "before child | before\n"


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        pytest.param(["--preload"], {"one": b"two", "two": b"one"}, id="made before the fork"),
        pytest.param([], {"one": b"one", "two": b"two"}, id="made after the fork"),
    ],
)
def test_preload_app_has_workers_share_a_connection(
    tmp_path: Path, options: list[str], answers: dict[str, bytes]
) -> None:
    """Two workers of one thread each: while one is in a request, the other takes the next one."""
    options = [*options, "--workers", "2", "--chdir", str(GUNICORN), "echo:app"]
    with (
        stack.redis_server(tmp_path) as (_, url),
        gunicorn(tmp_path, *options, WZ_REDIS_SOCKET=url.removeprefix("unix://")) as (_, address),
        UnderWay(address, "/one") as one,
    ):
        assert one.begun() == b"asked\n"  # Redis has been asked by this one first
        with UnderWay(address, "/two") as two:
            assert two.begun() == b"asked\n"

            assert {"two": two.end(), "one": one.end()} == answers


def test_requests_one_after_the_other_show_nothing_of_it(tmp_path: Path) -> None:
    options = ["--preload", "--workers", "2", "--chdir", str(GUNICORN), "echo:app"]
    with (
        stack.redis_server(tmp_path) as (_, url),
        gunicorn(tmp_path, *options, WZ_REDIS_SOCKET=url.removeprefix("unix://")) as (_, address),
    ):
        for word in ("one", "two", "three"):
            answer = exchange(address, f"GET /{word} HTTP/1.1\r\nHost: tour\r\n\r\n".encode())
            assert answer is not None
            assert answer.body.decode() == f"asked\n{word}"


# -- signals: what happens to a request under way ----------------------------------------------------------------------


def test_term_lets_it_end(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", LAST, "--workers", 1) as (master, address), UnderWay(address) as request:
        request.begun()
        master.terminate()
        stack.until(lambda: refuses(address))

        assert request.end() == b"ended\n"
        assert master.wait(stack.PATIENCE) == 0


def refuses(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(address.removeprefix("unix:")) != 0


def test_term_waits_no_longer_than_graceful_timeout(tmp_path: Path) -> None:
    with (
        gunicorn(tmp_path, "-c", LAST, "--workers", 1, "--graceful-timeout", 1) as (master, address),
        UnderWay(address) as request,
    ):
        request.begun()
        master.terminate()

        with pytest.raises(CUT):
            request.rest()
        assert master.wait(stack.PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_int_and_quit_cut_it_in_a_sync_worker(tmp_path: Path, number: signal.Signals) -> None:
    with gunicorn(tmp_path, "-c", STAGES[0]) as (master, address), UnderWay(address) as request:
        request.begun()
        master.send_signal(number)

        with pytest.raises(CUT):
            request.rest()
        assert master.wait(stack.PATIENCE) == 0


def test_quit_cuts_it_in_ours(tmp_path: Path, server_settings: Settings) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text(
        f"import runpy\nglobals().update(runpy.run_path({str(stack.GUNICORN_CONF)!r}))\n"
        f"pythonpath += ',{GUNICORN}'\npost_worker_init = lambda worker: None\n"
    )
    with (
        stack.gunicorn(tmp_path, server_settings, conf, app="waiting:app", WEB_CONCURRENCY="1") as server,
        UnderWay(server.address) as request,
    ):
        request.begun()
        os.kill(int((tmp_path / "gunicorn.pid").read_text()), signal.SIGQUIT)

        with pytest.raises(CUT):
            request.rest()


def test_quit_lets_it_end_in_a_gthread_worker(tmp_path: Path) -> None:
    """Its threads are not ended; after graceful_timeout, the master kills the process."""
    with gunicorn(tmp_path, "-c", LAST, "--workers", 1) as (master, address), UnderWay(address) as request:
        request.begun()
        handled = tmp_path / "gunicorn.log"
        master.send_signal(signal.SIGQUIT)
        stack.until(lambda: "Handling signal: quit" in handled.read_text())

        assert request.end() == b"ended\n"
        assert master.wait(stack.PATIENCE) == 0


def test_hup_lets_it_end_in_the_old_worker_while_new_ones_serve(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", LAST) as (master, address), UnderWay(address) as request:
        old = request.process()
        before = set(workers(master.pid))
        master.send_signal(signal.SIGHUP)
        stack.until(lambda: answers(address) not in before)

        assert old in workers(master.pid)
        assert request.end() == b"ended\n"
        stack.until(lambda: not before & set(workers(master.pid)))
        assert master.poll() is None


def test_usr2_adds_a_second_master_on_the_same_socket(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", LAST) as (master, address), UnderWay(address) as request:
        old = request.process()
        before = set(workers(master.pid))
        master.send_signal(signal.SIGUSR2)
        second = tmp_path / "gunicorn.pid.2"
        stack.until(lambda: second.exists() and second.read_text() != "")
        new = int(second.read_text())
        assert new in workers(master.pid)  # it is a child, until the first has ended
        stack.until(lambda: answers(address) in workers(new))
        assert old in before

        master.terminate()
        assert request.end() == b"ended\n"
        assert master.wait(stack.PATIENCE) == 0
        assert answers(address) in workers(new)


def test_kill_9_of_a_worker_cuts_it_and_the_master_starts_another(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", LAST) as (master, address), UnderWay(address) as request:
        killed = request.process()
        stack.until(lambda: len(workers(master.pid)) == 2)
        (other,) = set(workers(master.pid)) - {killed}
        os.kill(killed, signal.SIGKILL)

        with pytest.raises(CUT):
            request.rest()
        assert answers(address)  # of the other, or already of a new one
        stack.until(lambda: len(set(workers(master.pid)) - {killed, other}) == 1)


def test_kill_9_of_the_master_lets_it_end_and_then_the_workers_go(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "-c", LAST, "--workers", 1) as (master, address), UnderWay(address) as request:
        request.begun()
        left = workers(master.pid)
        master.kill()

        assert request.end() == b"ended\n"
        stack.until(lambda: not any(map(lives, left)))


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# -- what the page says besides ----------------------------------------------------------------------------------------


def test_the_times_of_a_stop_stand_in_order() -> None:
    graceful: int = runpy.run_path(str(stack.GUNICORN_CONF))["graceful_timeout"]
    service = (stack.REPOSITORY / "deploy" / "systemd" / "wz-web.service").read_text()
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)$", service, re.MULTILINE)

    assert graceful < int(stop)


def test_flask_has_what_the_page_names() -> None:
    assert "run_simple" in inspect.getsource(flask.Flask.run)
    assert inspect.signature(werkzeug.serving.run_simple).parameters["threaded"].default is False
    assert "threaded" in inspect.getsource(flask.Flask.run)
