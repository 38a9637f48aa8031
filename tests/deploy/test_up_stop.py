"""How `wz up` ends: all that it started ends, and requests under way get their answers."""

from __future__ import annotations

import http.client
import signal
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import redis as redis_py

from deploy.processes import GRACEFUL_SECONDS, STAGES

from ..stack import PATIENCE, until
from .running import SMALL, Up, leader, running, runs, status, wz

#: Milliseconds for which Redis answers no write; less than the time that requests under way have.
PAUSE = 1500


def test_the_times_add_up_to_less_than_a_container_s_ten_seconds() -> None:
    assert sum(stage.seconds for stage in STAGES) < 10
    (web,) = (stage for stage in STAGES if "web" in stage.names)
    assert web.seconds > GRACEFUL_SECONDS
    assert PAUSE / 1000 < GRACEFUL_SECONDS


def test_requests_under_way_get_their_answers(tmp_path: Path) -> None:
    """Four clients wait for an event, and one has sent an event that Redis does not store at once."""
    with running(tmp_path, "--jobs-workers", "2", environ=SMALL) as up, ThreadPoolExecutor(5) as pool:
        started = up.descendants()
        assert {row["name"] for row in status(up.state)["processes"]} >= {"worker.1", "worker.2"}
        redis = redis_py.Redis(unix_socket_path=str(up.state / "run" / "redis.sock"))
        polls: dict[int, Future[int]] = {}

        def all_wait() -> bool:
            for number in range(4):  # on a slow machine one may end before the last begins
                if number not in polls or polls[number].done():
                    path = f"/hubs/events/partitions/{number}/events?wait=20"
                    polls[number] = pool.submit(ask, up, "GET", path)
            return blocked(redis, "xread") == 4

        sends: list[Future[int]] = []

        def one_sends() -> bool:
            if not sends or sends[-1].done():  # on a slow machine it may be sent when the pause is over
                redis.client_pause(PAUSE, all=False)
                sends.append(pool.submit(ask, up, "POST", "/events/messages", b"x"))
            return blocked(redis, "evalsha", gunicorn) == 1

        gunicorn = {child.pid for child in psutil.Process(leader(up, "serve.py")).children()}
        until(all_wait)
        until(one_sends)

        done = wz("down", "--state", up.state)  # sends SIGTERM

        assert [poll.result(PATIENCE) for poll in polls.values()] == [200] * 4
        assert {sent.result(PATIENCE) for sent in sends} == {201}
        assert up.process.wait(PATIENCE) == 128 + signal.SIGTERM
        assert not [pid for pid in started if runs(pid)]
        assert (done.returncode, status(up.state)["processes"]) == (0, [])


def ask(up: Up, method: str, path: str, body: bytes | None = None) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
        connection.request(method, path, body, {"Authorization": up.authorization})
        response = connection.getresponse()
        response.read()
        return response.status


def blocked(redis: redis_py.Redis, command: str, processes: set[int] | None = None) -> int:
    """Return how many clients wait for the answer to a command; of some processes, by the number in their names."""
    return sum(
        "b" in client["flags"]
        and client["cmd"] == command
        and (processes is None or int(client["name"].rpartition(":")[2]) in processes)
        for client in redis.client_list()
    )


def test_ctrl_c_ends_all_that_it_started_and_nothing_else(tmp_path: Path, redis_url: str) -> None:
    """With a Redis of the user's own, which must go on, and a client that stays connected."""
    with running(tmp_path, environ={"WZ_REDIS_URL": redis_url}) as up:
        started = up.descendants()
        assert len(started) >= 6  # gunicorn and two workers, nginx and two, the worker
        assert not (up.state / "run" / "redis.sock").exists()

        with socket.create_connection(("127.0.0.1", up.port)) as idle:
            idle.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(100).startswith(b"HTTP/1.1 200")
            up.process.send_signal(signal.SIGINT)
            assert up.process.wait(PATIENCE) == 130

    assert not [pid for pid in started if runs(pid)]
    with socket.socket(socket.AF_UNIX) as redis:
        redis.connect(redis_url.removeprefix("unix://"))
