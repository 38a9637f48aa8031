"""`wz hub tail`, over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.hub import hub as command
from pipeline.commands.hub_tail import shown
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event
from pipeline.hub.event import StoredEvent
from pipeline.hub.event_line import event_of, time_text
from pipeline.hub.log import Hub
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings

from ..hub.test_event_line import BODIES
from ..stack import PATIENCE, REPOSITORY, ROOT
from .serving import serving


@pytest.fixture
def service(redis: redis_py.Redis, settings: Settings) -> Iterator[ConnectionString]:
    with serving(settings) as target:
        yield target


def tail(target: ConnectionString, *args: object) -> Result:
    return CliRunner().invoke(command, ["tail", *map(str, args)], env={"WZ_CONNECTION_STRING": str(target)})


def test_every_event_is_shown_as_it_was_stored(service: ConnectionString, hub: Hub) -> None:
    for partition in range(hub.partitions):
        hub.append(
            [Event(body, f"k{partition}", "a/b", {"n": n}, None, f"m{n}") for n, body in enumerate(BODIES)],
            partition=partition,
        )

    found = tail(service, "events", "--from", "earliest", "--json", "--count", 4 * len(BODIES))

    lines = [event_of(line) for line in found.stdout_bytes.splitlines()]
    for partition in range(hub.partitions):
        wanted = [(one.event, one.enqueued_ms, partition) for one in hub.read(partition)]
        assert [line for line in lines if line.partition == partition] == wanted
    assert found.exit_code == 0


def test_it_begins_where_it_is_told(service: ConnectionString, hub: Hub) -> None:
    now = hub.clock_ms()
    for n, age in enumerate((60_000, 30_000, 10_000)):
        hub.append([Event(b"%d" % n)], partition=1, enqueued_ms=now - age)
    (first, *_) = hub.read(1)

    def begins(*args: object) -> str:
        return tail(service, "events", "--count", 1, *args).output.split()[-1]

    assert begins("--from", "earliest") == "0"
    assert begins("--from", time_text(now - 30_000)) == "1"
    assert begins("--from", "20s") == "2"
    assert begins("--from", first.offset, "--partition", 1) == "1"


def test_a_line_is_for_people() -> None:
    event = Event("rot: \x1b[31m\n42 °C".encode(), "dev-1", None, {"Level": 3})

    line = shown(StoredEvent(2, 17, "1777636800123-17", 1_777_636_800_123, event))

    assert line.split("  ", 1)[1] == r'2:17  dev-1  {"Level":3}  rot: \x1b[31m\n42 °C'
    assert line.split("  ", 1)[0].endswith(":00.123")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(("nowhere",), "answered 404: there is no hub", id="no such hub"),
        pytest.param(("events", "--partition", "4"), "the partitions 0 to 3, not 4", id="no such partition"),
        pytest.param(("events", "--from", "17-4"), "add --partition", id="an offset without its partition"),
        pytest.param(("events", "--from", "noon"), "'noon' is not a time", id="no time"),
    ],
)
def test_what_can_t_be_followed(service: ConnectionString, args: tuple[str, ...], says: str) -> None:
    result = tail(service, *args)

    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert says in result.output


def test_a_rule_that_may_only_listen_is_enough(
    service: ConnectionString, redis: redis_py.Redis, hub: Hub, tmp_path: Path
) -> None:
    hub.append([Event(b"x")])
    lines = {}
    for right in (Right.LISTEN, Right.SEND):
        rule = Rules(redis, ROOT).add(right.name.lower(), frozenset({right}), "events")
        file = tmp_path / right.name
        file.write_text(str(ConnectionString(service.endpoint, right.name.lower(), rule.primary, "events", True)))
        args = ("events", "--from", "earliest", "--count", 1, "--connection-string-file", file)
        lines[right] = tail(service, *args).output

    assert lines[Right.LISTEN].endswith("  -  x\n")
    assert "answered 401" in lines[Right.SEND]


def test_azure_is_told_apart(tmp_path: Path) -> None:
    assert "is Azure's, which can't be read by HTTP" in tail(ROOT, "events").output


def test_it_follows_through_a_restart_and_ends_by_ctrl_c(redis: redis_py.Redis, settings: Settings, hub: Hub) -> None:
    with serving(settings) as target:
        port = int(target.endpoint.rstrip("/").rpartition(":")[2])
        child = subprocess.Popen(
            [sys.executable, "-m", "wz", "hub", "tail", "events", "--from", "earliest"],
            env={**os.environ, "WZ_CONNECTION_STRING": str(target), "PYTHONUNBUFFERED": "1"},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            hub.append([Event(b"before", "k")])
            assert child.stdout.readline().endswith("  k  before\n")
            # The service goes; what is sent meanwhile is shown when it is back.
        except BaseException:
            child.kill()
            raise
    try:
        assert "does not answer" in child.stderr.readline()
        hub.append([Event(b"meanwhile", "k")])
        with serving(settings, port):
            assert child.stdout.readline().endswith("  k  meanwhile\n")
            assert "answers again" in child.stderr.readline()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=PATIENCE)
        assert (child.returncode, out, err) == (0, "", "")
    finally:
        child.kill()
        child.wait()
