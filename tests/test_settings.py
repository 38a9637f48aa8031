from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.hub.description import Defaults, declared_hubs
from pipeline.settings import Settings

from .stack import ROOT

BASE = {"WZ_CONNECTION_STRING": str(ROOT)}


def start(environ: Mapping[str, str]) -> None:
    """Check the settings as a process does that starts."""
    settings = Settings.from_environ(environ)
    declared_hubs(settings)
    Defaults.from_settings(settings)


def test_what_is_not_set_has_a_default() -> None:
    settings = Settings.from_environ(BASE)

    assert settings.environment == "development"
    assert settings.hubs == {"events": 4}
    assert settings.upstream is None


def test_names_of_hubs_are_in_lower_case() -> None:
    assert Settings.from_environ({**BASE, "WZ_HUBS": "Clicks:32, orders:4"}).hubs == {"clicks": 32, "orders": 4}


@pytest.mark.parametrize(
    ("variables", "cluster", "shards"),
    [
        pytest.param({}, (), 1, id="one shard"),
        pytest.param({"WZ_BOARD_SHARDS": "256"}, (), 256, id="many on one server"),
        pytest.param(
            {"WZ_BOARDS_CLUSTER": "redis://a, rediss://:x@b:7000/0,"},
            ("redis://a", "rediss://:x@b:7000/0"),
            8,
            id="cluster",
        ),
        pytest.param(
            {"WZ_BOARDS_CLUSTER": "redis://a", "WZ_BOARD_SHARDS": "32"}, ("redis://a",), 32, id="many on a cluster"
        ),
    ],
)
def test_where_the_boards_are(variables: dict[str, str], cluster: tuple[str, ...], shards: int) -> None:
    settings = Settings.from_environ({**BASE, **variables})

    assert (settings.boards_cluster, settings.board_shards) == (cluster, shards)


def test_where_the_hubs_are() -> None:
    assert Settings.from_environ({**BASE, "WZ_HUBS_CLUSTER": "redis://a, redis://b"}).hubs_cluster == (
        "redis://a",
        "redis://b",
    )
    assert Settings.from_environ(BASE).hubs_cluster == ()


@pytest.mark.parametrize(
    ("variables", "seconds", "size"),
    [
        pytest.param({}, 0, 1024**2, id="expiry is absolute, a send is 1 MiB"),
        pytest.param({"WZ_CLOCK_TOLERANCE": "2m", "WZ_MAX_SEND_SIZE": "20MiB"}, 120, 20 * 1024**2, id="as set"),
    ],
)
def test_tokens_and_sends(variables: dict[str, str], seconds: int, size: int) -> None:
    settings = Settings.from_environ({**BASE, **variables})

    assert (settings.clock_tolerance, settings.max_send_bytes) == (seconds, size)


@pytest.mark.parametrize(
    ("variables", "ms", "size"),
    [
        pytest.param({}, 86_400_000, 1024**3, id="defaults"),
        pytest.param({"WZ_RETENTION": "7d", "WZ_RETENTION_SIZE": "500MiB"}, 604_800_000, 500 * 1024**2, id="both"),
        pytest.param({"WZ_RETENTION": "0", "WZ_RETENTION_SIZE": "0"}, 0, 0, id="no limits"),
    ],
)
def test_what_hubs_keep(variables: dict[str, str], ms: int, size: int) -> None:
    settings = Settings.from_environ({**BASE, **variables})

    assert (settings.retention_ms, settings.retention_bytes) == (ms, size)
    assert Defaults.from_settings(settings) == Defaults(ms, size)


def test_how_it_relays(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    default = Settings.from_environ(BASE)
    chosen = Settings.from_environ({**BASE, "WZ_RELAYS": "16", "WZ_RELAY_BATCHES": "any", "WZ_UPSTREAM_CA": str(ca)})

    assert (default.relays, default.relay_any_key, default.upstream_ca) == (4, False, None)
    assert (chosen.relays, chosen.relay_any_key, chosen.upstream_ca) == (16, True, ca)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WZ_RELAYS", "0", "write a number from 1 to 64"),
        ("WZ_RELAYS", "many", "write a number from 1 to 64"),
        ("WZ_RELAY_BATCHES", "all", "'all' is not one of key, any"),
        ("WZ_UPSTREAM_CA", "/nowhere/ca.pem", "there is no file '/nowhere/ca.pem'"),
    ],
)
def test_how_it_cannot_relay(name: str, value: str, message: str) -> None:
    with pytest.raises(PipelineError, match=f"^{name}: .*{message}"):
        Settings.from_environ({**BASE, name: value})


def test_a_connection_string_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "connection-string"
    file.write_text(f"{ROOT}\n")
    file.chmod(0o600)

    assert Settings.from_environ({"WZ_CONNECTION_STRING_FILE": str(file)}).root == ROOT


@pytest.mark.parametrize("name", ["WZ_CONNECTION_STRING", "WZ_UPSTREAM"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660], ids=oct)
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text(str(ROOT))
    file.chmod(mode)

    with pytest.raises(PipelineError) as caught:
        Settings.from_environ({"WZ_CONNECTION_STRING": str(ROOT), name: "", f"{name}_FILE": str(file)})

    message = f"{name}_FILE: other users may read '{file}' (mode 0{mode:o}), which has a key: chmod 600 it"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({"WZ_CLOCK_TOLERANCE": "16m"}, "WZ_CLOCK_TOLERANCE: '16m' is more than 15m", id="much tolerance"),
        pytest.param({"WZ_CLOCK_TOLERANCE": "-1"}, "WZ_CLOCK_TOLERANCE: '-1' is not a time", id="no tolerance"),
        pytest.param({"WZ_MAX_SEND_SIZE": "1GiB"}, "WZ_MAX_SEND_SIZE: '1GiB' is not between", id="too large a send"),
        pytest.param({"WZ_MAX_SEND_SIZE": "1 cow"}, "WZ_MAX_SEND_SIZE: '1 cow' is not a size", id="no size"),
        pytest.param({"WZ_ENVIRONMENT": "prod"}, "WZ_ENVIRONMENT: 'prod' is not one of", id="no such environment"),
        pytest.param({"WZ_HUBS": "events"}, "WZ_HUBS: 'events': write name:partitions", id="no partitions"),
        pytest.param(
            {"WZ_HUBS": "events:0"},
            "WZ_HUBS: 'events:0': write name:partitions, 1 to 1024 partitions",
            id="zero partitions",
        ),
        pytest.param({"WZ_HUBS": "events:1025"}, "WZ_HUBS: 'events:1025': write", id="too many partitions"),
        pytest.param({"WZ_HUBS": "events:4,Events:4"}, "WZ_HUBS: 'events' is given twice", id="a hub twice"),
        pytest.param({"WZ_HUBS": "boards:4"}, "WZ_HUBS: 'boards' is a path", id="a reserved name"),
        pytest.param({"WZ_HUBS": "-x:4"}, "WZ_HUBS: '-x'", id="no name for a hub"),
        pytest.param({"WZ_RETENTION": "soon"}, "WZ_RETENTION: 'soon' is not a time", id="no time"),
        pytest.param({"WZ_RETENTION": "91d"}, "WZ_RETENTION: '91d': events are kept", id="too long a retention"),
        pytest.param({"WZ_RETENTION_SIZE": "1TB"}, "WZ_RETENTION_SIZE: '1TB' is not a size", id="no size"),
        pytest.param({"WZ_JOBS": "/no/such"}, "WZ_JOBS: '/no/such' is not a folder", id="no jobs folder"),
        pytest.param({"WZ_REMEMBER_EVENTS": "1w"}, "WZ_REMEMBER_EVENTS: '1w' is not a time: write 90s", id="no time"),
        pytest.param({"WZ_BOARD_SHARDS": "0"}, "WZ_BOARD_SHARDS: '0': write a number from 1 to 256", id="no shards"),
        pytest.param({"WZ_BOARD_SHARDS": "257"}, "WZ_BOARD_SHARDS: '257'", id="too many shards"),
        pytest.param({"WZ_BOARD_SHARDS": "8.0"}, r"WZ_BOARD_SHARDS: '8\.0'", id="no number of shards"),
        pytest.param(
            {"WZ_HUBS_CLUSTER": "redis://a,b:1"},
            "WZ_HUBS_CLUSTER: address 2: the address does not begin with a scheme",
            id="no address",
        ),
        pytest.param({"WZ_MAX_DEAD_LETTERS": "0"}, "WZ_MAX_DEAD_LETTERS: '0': write a number", id="no dead letters"),
        pytest.param(
            {"WZ_BOARDS_CLUSTER": "redis://a,b:1"},
            "WZ_BOARDS_CLUSTER: address 2: the address does not begin with a scheme",
            id="no address",
        ),
        pytest.param({"WZ_BOARDS_CLUSTER": "unix:///a"}, "WZ_BOARDS_CLUSTER: address 1 is not", id="a socket"),
        pytest.param({"WZ_BOARDS_CLUSTER": "redis://a/4"}, "has only 0", id="a cluster's database"),
        pytest.param({"WZ_GUIDE_URL": "/guide"}, "WZ_GUIDE_URL: '/guide': write where", id="no / at its end"),
        pytest.param({"WZ_GUIDE_URL": "//other/guide/"}, "WZ_GUIDE_URL: '//other/guide/'", id="another host's"),
        pytest.param({"WZ_GUIDE_URL": 'https://h/";/'}, "WZ_GUIDE_URL: ", id="what would end a text of nginx.conf"),
        pytest.param({"WZ_UPSTREAM_FILE": "/no/such"}, "WZ_UPSTREAM_FILE: there is no file", id="no upstream file"),
        pytest.param({"WZ_UPSTREAM": "nonsense"}, "WZ_UPSTREAM: connection string", id="no connection string"),
    ],
)
def test_a_wrong_setting_is_named(
    variables: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    with pytest.raises(PipelineError, match=message):
        start({**BASE, **variables})


def test_a_wrong_address_is_named_without_its_password() -> None:
    with pytest.raises(PipelineError) as caught:
        Settings.from_environ({**BASE, "WZ_BOARDS_CLUSTER": "redis//:secret@a"})

    assert "secret" not in str(caught.value)


def test_without_a_key_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(PipelineError, match="WZ_CONNECTION_STRING: set it"):
        Settings.from_environ({}).root  # noqa: B018


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 86_400), ("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800)]
)
def test_how_long_events_are_remembered(text: str, seconds: int) -> None:
    assert Settings.from_environ({**BASE, "WZ_REMEMBER_EVENTS": text}).remember_events == seconds


def test_jobs_may_run_with_hubs_on_a_cluster(tmp_path: Path) -> None:
    settings = Settings.from_environ({**BASE, "WZ_HUBS_CLUSTER": "redis://a", "WZ_JOBS": str(tmp_path)})
    assert (settings.jobs, settings.hubs_cluster) == (tmp_path, ("redis://a",))
