from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.hub import hub as command
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.group_registry import ConsumerGroups
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
        "hub     partitions  events  bytes  relay",
        "orders           2       1     45  not relayed",
    ]
    shown = dict(line.split(maxsplit=1) for line in wz("show", "orders").output.splitlines())
    assert (shown["partitions"], shown["retention"], shown["size"]) == ("2", "604,800 s", "67,108,864 bytes")
    assert (shown["metadata"], shown["attached"]) == ("ours", "$relay")

    assert wz("set", "orders", "--publisher-events", "5", "--publisher-bytes", "1KiB").exit_code == 0
    assert "each publisher    5 events/s or 1,024 bytes/s\n" in wz("show", "orders").output
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


# -- the emulator's Config.json ---------------------------------------------------------------------------------------

CONFIG = Path(__file__).with_name("Config.json")


def test_the_hubs_of_the_emulator_s_file_are_made_once(redis: redis_py.Redis, wz: Callable[..., Result]) -> None:
    made = wz("apply", str(CONFIG))

    assert made.exit_code == 0
    assert made.output.splitlines() == [
        "made hub invoices, 8 partitions",
        "made group billing of invoices",
        "made group Audit of invoices",
        "made hub clicks, 1 partition",
    ]
    hub = Hubs(redis, {})["invoices"]
    assert (hub.partitions, list(ConsumerGroups(hub).list())) == (8, ["$Default", "Audit", "billing"])

    hub.append([Event(b"x")])
    ConsumerGroups(hub).delete("audit")
    again = wz("apply", str(CONFIG))

    assert again.output == made.output.replace("made", "kept").replace("kept group Audit", "made group Audit")
    assert sum(len(hub.read(partition)) for partition in range(8)) == 1


def config(*entities: str, more: str = "", kind: str = '"Type": "EventHub", ') -> str:
    return f'{{"UserConfig": {{"NamespaceConfig": [{{{kind}"Entities": [{", ".join(entities)}]}}{more}]}}}}'


GOOD = '{"Name": "good", "PartitionCount": 1}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("not JSON", "not the emulator's Config.json", id="no JSON"),
        pytest.param('{"a": ' + "[" * 9000 + "]" * 9000 + "}", "not the emulator's Config.json", id="too deep"),
        pytest.param("{}", "missing required field `UserConfig`", id="another file"),
        pytest.param(config(GOOD, '{"Name": "a"}'), "`PartitionCount` - at `$.UserConfig", id="no count"),
        pytest.param(config(GOOD, '{"Name": "a", "PartitionCount": "two"}'), "regex", id="a count that is none"),
        pytest.param(config(GOOD, '{"Name": "a", "PartitionCount": 2000}'), "hub 'a': a hub has 1 to", id="too many"),
        pytest.param(
            config(GOOD, '{"Name": "boards", "PartitionCount": 1}'), "path of the service", id="a reserved name"
        ),
        pytest.param(config(GOOD, GOOD.replace("good", "Good")), "hub 'Good': it is there twice", id="twice"),
        pytest.param(config(GOOD, more=', {"Entities": []}'), "2 namespaces", id="two namespaces"),
        pytest.param(config(GOOD, kind='"Type": "ServiceBus", '), "Type 'ServiceBus'", id="the other emulator's"),
        pytest.param(
            config(GOOD, '{"Name": "a", "PartitionCount": 1, "ConsumerGroups": [{"Name": "/"}]}'),
            "hub 'a': '/': a consumer group's name",
            id="a group's name",
        ),
        pytest.param(
            config(GOOD, '{"Name": "there", "PartitionCount": 1}'), "there with 4 partitions", id="other count"
        ),
    ],
)
def test_nothing_is_made_of_a_file_that_can_t_be_had(
    redis: redis_py.Redis, wz: Callable[..., Result], tmp_path: Path, text: str, says: str
) -> None:
    wz("create", "there")
    file = tmp_path / "Config.json"
    file.write_text(text)

    result = wz("apply", str(file))

    assert (result.exit_code, says in result.output) == (1, True), result.output
    assert list(Hubs(redis, {})) == ["there"]
