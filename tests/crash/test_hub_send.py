"""`wz hub send`, from its own process to a service that is killed while it sends."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import redis as redis_py

from pipeline.hub.log import Hub
from pipeline.hub.runtime import runtime

from .. import stack
from .run import read_log
from .servers import HUBS, Service, settings, target

EVENTS, KEYS, BATCH = 2000, 5, 20


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path / "test", settings(tmp_path, "test", HUBS))
    try:
        start(found)
        stack.until(lambda: stack.answers(found.address))
        yield found
    finally:
        for server in (found.nginx, found.gunicorn, found.redis):
            server.end()


def start(service: Service) -> None:
    """Start what has ended."""
    for server in (service.redis, service.gunicorn, service.nginx):
        server.tick()


def stored(hub: Hub) -> list[list[int]]:
    """Return the numbers of each key's events, in the order of the log."""
    found: list[list[int]] = [[] for _ in range(KEYS)]
    for partition in range(hub.partitions):
        for one in read_log(hub, partition):
            number: int = msgspec.json.decode(one.event.body)["n"]
            found[number % KEYS].append(number)
    return found


def has_stored(hub: Hub, events: int) -> bool:
    try:
        return sum(one.events for one in runtime(hub)) >= events
    except redis_py.ConnectionError:  # it was killed
        return False


def test_every_line_is_stored_once_and_in_order(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(f'{{"$event":{{"partition_key":"k{n % KEYS}"}},"n":{n}}}\n' for n in range(EVENTS)))
    rnd, hub = random.Random(1), service.hubs["events"]
    strikes: list[Callable[[], None]] = [
        lambda: service.gunicorn.kill_child(rnd),
        service.redis.kill,
        service.gunicorn.kill,
        service.nginx.kill_all,
    ]
    arguments = f"-m wz hub send events --batch {BATCH} --patience 5m --file {file}"
    env = {**os.environ, "WZ_CONNECTION_STRING": str(target(service))}

    with subprocess.Popen(
        [sys.executable, *arguments.split()], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as sending:
        for number, strike in enumerate(strikes, 1):
            stack.until(partial(has_stored, hub, number * EVENTS // 8))
            assert sending.poll() is None  # or nothing was killed while it sent
            strike()
            start(service)
        said, errors = sending.communicate()

    assert (sending.returncode, said, errors) == (0, f"{EVENTS:,} events acknowledged\n", "")
    assert stored(hub) == [list(range(key, EVENTS, KEYS)) for key in range(KEYS)]
