"""`wz settings`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.commands.settings import settings
from pipeline.settings import SETTINGS
from pipeline.settings.deployment import DEPLOYMENT
from pipeline.settings.kinds import without_password

from ..stack import HOST, ROOT

VARIABLES = {row.variable for row in SETTINGS} | {row.variable for row in DEPLOYMENT}


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # which has no .wz/connection-string
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def wz_settings(*args: str, **environ: str) -> Result:
    return CliRunner().invoke(settings, [*args], env=environ)


def rows(**environ: str) -> dict[str, dict[str, str]]:
    result = wz_settings("--json", **environ)
    assert result.exit_code == 0, result.output
    return {row["variable"]: row for row in msgspec.json.decode(result.stdout)}


def test_every_setting_is_shown_with_what_it_is_and_where_it_comes_from() -> None:
    head, *lines = wz_settings(WZ_RETENTION="7d").stdout.splitlines()

    assert head.split() == ["setting", "value", "from", "default", "type"]
    table = {line.split()[0]: line.split(maxsplit=4)[1:] for line in lines}
    assert table.keys() == {"(database)", *VARIABLES}
    assert table["WZ_RETENTION"] == ["7d", "WZ_RETENTION", "1d", "time; seconds, or 90s, 15m, 24h, 7d"]
    assert table["WZ_RELAYS"] == ["4", "default", "4", "number from 1 to 64; requests"]


@pytest.mark.parametrize(
    ("environ", "environment", "database", "origin"),
    [
        pytest.param({}, "development", "1", "WZ_ENVIRONMENT", id="by default"),
        pytest.param({"WZ_ENVIRONMENT": "production"}, "production", "4", "WZ_ENVIRONMENT", id="the environment's"),
        pytest.param({"WZ_REDIS_URL": "redis://a/7"}, "development", "7", "WZ_REDIS_URL", id="the address's path"),
        pytest.param({"WZ_REDIS_URL": "unix:///a?db=9"}, "development", "9", "WZ_REDIS_URL", id="the address's option"),
    ],
)
def test_the_environment_s_database_is_among_them(
    environ: dict[str, str], environment: str, database: str, origin: str
) -> None:
    found = rows(**environ)

    assert found["WZ_ENVIRONMENT"]["value"] == environment
    assert (found["(database)"]["value"], found["(database)"]["origin"]) == (database, origin)


def test_what_depends_on_another_setting_is_shown_as_it_is() -> None:
    assert rows()["WZ_BOARD_SHARDS"]["value"] == "1"
    assert rows(WZ_BOARDS_CLUSTER="redis://a")["WZ_BOARD_SHARDS"]["value"] == "8"


def test_a_key_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "upstream"
    file.write_text(str(ROOT))
    file.chmod(0o600)

    found = rows(WZ_CONNECTION_STRING=str(ROOT), WZ_UPSTREAM_FILE=str(file))

    shown = f"Endpoint=sb://{HOST}/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=..."
    assert (found["WZ_CONNECTION_STRING"]["value"], found["WZ_CONNECTION_STRING"]["origin"]) == (
        *(shown, "WZ_CONNECTION_STRING"),
    )
    assert (found["WZ_UPSTREAM"]["value"], found["WZ_UPSTREAM"]["origin"]) == (shown, str(file))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://host:1/7", "redis://host:1/7"),
        ("redis://:secret@host", "redis://...@host"),
        ("redis://user:sec@ret@host", "redis://...@host"),
        ("redis://:sec,ret@host", "redis://...@host"),
        ("redis://:secret@a:1, rediss://:secret@b:2", "redis://...@a:1, rediss://...@b:2"),
        ("unix:///run/redis.sock?password=secret&db=3", "unix:///run/redis.sock?password=...&db=3"),
    ],
)
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
    assert "secret" not in wz_settings(WZ_REDIS_URL=address).output


def test_what_is_wrong_is_told_and_the_rest_is_shown() -> None:
    result = wz_settings(WZ_RELAYS="0", WZ_UPSTREAM="Endpoint=sb://a/;SharedAccessKey=secret", WZ_RETENTION="7d")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: connection string: SharedAccessKeyName is missing",
        "Error: WZ_RELAYS: '0': write a number from 1 to 64",
    ]
    assert "secret" not in result.output
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("WZ_RETENTION ")] == ["7d"]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param({"WZ_JOBS": ".", "WZ_HUBS_CLUSTER": "redis://a"}, "WZ_JOBS: a window job", id="not together"),
        pytest.param({"WZ_HUBS": "boards:4"}, "WZ_HUBS: 'boards' is a path", id="a name that no hub may have"),
        pytest.param({"WZ_RETENTION": "91d"}, "WZ_RETENTION: '91d': events are kept", id="longer than a hub keeps"),
        pytest.param(
            {"WZ_REMEMBER_EVENTS": "999999999999999d"},
            "WZ_REMEMBER_EVENTS: '999999999999999d' is more than 100 years: write at most 36500d",
            id="longer than a board remembers",
        ),
        pytest.param({"WZ_REDIS_URL": "redis://a/x"}, "WZ_REDIS_URL: the database", id="no number of a database"),
    ],
)
def test_what_a_process_would_refuse_when_it_starts_is_told(environ: dict[str, str], message: str) -> None:
    result = wz_settings(**environ)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert len(result.stdout.splitlines()) > len(SETTINGS)
