from __future__ import annotations

from collections.abc import Callable

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.hub import hub as command
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings

from ..stack import environ


@pytest.fixture
def wz(redis: redis_py.Redis, settings: Settings) -> Callable[..., Result]:
    return lambda *args: CliRunner().invoke(command, args, env=environ(settings))


def test_a_hub_is_made_listed_shown_changed_and_deleted(redis: redis_py.Redis, wz: Callable[..., Result]) -> None:
    made = wz("create", "Orders", "--partitions", "2", "--retention", "7d", "--size", "64MiB", "--metadata", "ours")
    assert (made.exit_code, made.output) == (0, "")
    hub = Hubs(redis, {})["orders"]
    hub.append([Event(b"12345")], partition=0)
    ConsumerGroup(hub, "$relay").attach()

    assert wz("list").output.splitlines() == [
        "hub     partitions  events  bytes",
        "orders           2       1     45",
    ]
    shown = dict(line.split(maxsplit=1) for line in wz("show", "orders").output.splitlines())
    assert (shown["partitions"], shown["retention"], shown["size"]) == ("2", "604,800 s", "67,108,864 bytes")
    assert (shown["metadata"], shown["attached"]) == ("ours", "$relay")

    assert "duplicates        not detected\n" in wz("show", "orders").output
    changes = ["--throughput-units", "3", "--retention", "0", "--detect-duplicates", "10m"]
    assert wz("set", "orders", *changes).exit_code == 0
    assert "duplicates        detected for 600 s, by MessageId\n" in wz("show", "orders").output
    assert "throughput units  3\n" in wz("show", "orders").output
    assert "retention         no limit\n" in wz("show", "orders").output

    assert "Delete it?" in wz("delete", "orders").output
    assert list(Hubs(redis, {})) == ["orders"]
    assert wz("delete", "orders", "--yes").exit_code == 0
    assert list(Hubs(redis, {})) == []


def test_looking_at_hubs_makes_none(redis: redis_py.Redis, wz: Callable[..., Result]) -> None:
    wz("list")
    wz("status")

    assert redis.exists("hubs") == 0


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        pytest.param(["show", "none"], 1, "there is no hub 'none'", id="no such hub"),
        pytest.param(["create", "boards"], 1, "path of the service itself", id="a reserved name"),
        pytest.param(["create", "a", "--retention", "x"], 1, "'x' is not a time", id="no time"),
        pytest.param(["create", "a", "--size", "1XB"], 1, "'1XB' is not a size", id="no size"),
        pytest.param(["create", "a", "--size", "1MiB"], 1, "4 partitions must hold", id="too small"),
        pytest.param(["create", "a", "--detect-duplicates", "19s"], 1, "for 20 seconds to 7 days", id="a short time"),
        pytest.param(["create", "a", "--detect-duplicates", "8d"], 1, "for 20 seconds to 7 days", id="a long time"),
        pytest.param(["create", "a", "--partitions", "0"], 2, "--partitions", id="no partition"),
        pytest.param(["set", "a"], 2, "say what to change", id="no change"),
    ],
)
def test_what_is_refused(wz: Callable[..., Result], args: list[str], code: int, message: str) -> None:
    result = wz(*args)

    assert (result.exit_code, message in result.output) == (code, True)
