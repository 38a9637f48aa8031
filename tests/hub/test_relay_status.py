"""`wz hub`: its table, and its commands for dead letters."""

from __future__ import annotations

import re

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands import hub as cli
from pipeline.commands import terminal
from pipeline.hub import Event, Hub
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.event import OVERHEAD
from pipeline.hub.relay import Relay
from pipeline.hub.relay_status import has_lost_its_relay, status
from pipeline.settings import Settings

from .. import stack
from ..upstream import Answer, ScriptedUpstream


def wz(settings: Settings, *args: str) -> Result:
    return CliRunner().invoke(cli.hub, list(args), env=stack.environ(settings))


def test_a_hub_without_a_relay(hub: Hub) -> None:
    hub.append([Event(b"12345")], partition=2)

    found = status(hub)[2]

    assert (found.log.events, found.log.bytes, found.log.next) == (1, 5 + OVERHEAD, 1)
    assert (found.relay.group, found.relay.worker, found.relay.error, found.relay.deadletters) == (None, None, None, 0)


def test_a_hub_whose_relay_lags(hub: Hub, relay: Relay, upstream: ScriptedUpstream) -> None:
    relay.step()
    hub.append([Event(b"1"), Event(b"2"), Event(b"3")], partition=1)
    upstream.answer = lambda received: Answer(500, b"not now")
    relay.step()

    found = status(hub)[1].relay

    assert found.group
    assert (found.group.lag, found.retries, found.worker) == (3, 1, relay.share.worker)
    assert found.group.oldest_ms is not None
    assert found.error == "127.0.0.1 answered 500: not now"


def test_a_relay_that_is_done(hub: Hub, relay: Relay, upstream: ScriptedUpstream) -> None:
    upstream.answer = lambda received: Answer(400 if b"wrong" in received.body else 201)
    hub.append([Event(b"good"), Event(b"wrong")], partition=1)
    while relay.step():
        pass

    found = status(hub)[1].relay

    assert found.group
    assert (found.group.lag, found.group.oldest_ms, found.error) == (0, None, None)
    assert (found.events, found.bytes, found.requests, found.refused, found.deadletters) == (1, 4, 1, 1, 1)


def test_a_hub_whose_relay_is_gone(hub: Hub, relay: Relay) -> None:
    assert not has_lost_its_relay(hub)
    relay.step()
    assert not has_lost_its_relay(hub)
    relay.stop()
    assert has_lost_its_relay(hub)
    relay.group.detach()
    assert not has_lost_its_relay(hub)


def test_a_table_shows_each_partition_and_why_it_waits(
    hub: Hub, relay: Relay, upstream: ScriptedUpstream, settings: Settings
) -> None:
    upstream.answer = lambda received: Answer(500, b"not\nnow")
    relay.step()
    hub.append([Event(b"x" * 1500)] * 2, partition=1)
    relay.step()

    result = wz(settings, "status", "EVENTS")

    assert result.exit_code == 0
    name, head, *rows, total, waits = result.output.splitlines()
    assert name == "events: to 127.0.0.1/events"
    assert re.split(r" {2,}", head.strip()) == list(cli._HEAD)
    assert [row.split()[0] for row in rows] == ["0", "1", "2", "3"]
    columns = re.split(r" {2,}", rows[1].strip())
    assert columns[:6] == ["1", "2", "3.0 KiB", "1", "0", "2"]
    assert re.fullmatch(r"\d+\.\d s", columns[6])
    assert columns[7:] == [relay.share.worker, "1", "0"]
    assert total.split()[:4] == ["all", "2", "3.0", "KiB"]
    assert waits == "partition 1 waits: 127.0.0.1 answered 500: not now"
    assert wz(settings, "status").output.startswith("events: to 127.0.0.1/events\n")


def test_a_hub_that_is_not_there(redis: redis_py.Redis, settings: Settings) -> None:
    result = wz(settings, "status", "none")

    assert result.exit_code == 1
    assert result.output.startswith("Error: there is no hub 'none'")


def test_dead_letters_by_command(hub: Hub, relay: Relay, upstream: ScriptedUpstream, settings: Settings) -> None:
    hub.append([Event(b"one", "k"), Event(b"two", "k"), Event(b"three", "k")])
    upstream.answer = lambda received: Answer(414, b"no\nhub")
    while relay.step():
        pass
    first, second, third = DeadLetters(hub).read()

    lines = wz(settings, "deadletters", "list", "events").output.splitlines()
    assert [line.split()[0] for line in lines] == [first.id, second.id, third.id]
    assert lines[0].endswith("0  'k'  3 B  127.0.0.1 answered 414: no hub")

    assert wz(settings, "deadletters", "drop", "events", first.id).output == "1 dropped\n"
    assert wz(settings, "deadletters", "redrive", "events", second.id).output.startswith("1 to be sent again")
    upstream.answer = lambda received: Answer()
    while relay.step():
        pass
    assert DeadLetters(hub).read() == [third]
    assert wz(settings, "deadletters", "drop", "events", "--all").output == "1 dropped\n"


@pytest.mark.parametrize("args", [(), ("--all", "--partition", "1"), ("1:1-1", "--all")])
@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_which_dead_letters(settings: Settings, hub: Hub, command: str, args: tuple[str, ...]) -> None:
    result = wz(settings, "deadletters", command, "events", *args)

    assert (result.exit_code, "say which" in result.output) == (2, True)


def test_a_group_that_is_gone_is_detached(hub: Hub, relay: Relay, settings: Settings) -> None:
    relay.step()
    assert hub.redis.sismember(hub.keys[0].attached, "$relay")

    assert wz(settings, "detach", "events", "$relay").exit_code == 0

    assert not hub.redis.exists(hub.keys[0].attached)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 1024, "1.5 MiB"), (2**60, "1048576.0 TiB")],
)
def test_sizes(number: int, text: str) -> None:
    assert terminal.size(number) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "-"), (0, "0.0 s"), (59_900, "59.9 s"), (250_000, "4 min 10 s"), (12_000_000, "3 h 20 min")],
)
def test_ages(ms: int | None, text: str) -> None:
    assert terminal.age(ms) == text
