"""`wz settings`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.commands.settings import settings
from pipeline.settings import SETTINGS, Settings
from pipeline.settings.address import without_password
from pipeline.settings.deployment import DEPLOYMENT
from pipeline.store.client import redis_client

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
        pytest.param({"WZ_REDIS_URL": "redis+sentinel://a/7"}, "development", "1", "WZ_ENVIRONMENT", id="Sentinels"),
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
        (
            "redis+sentinel://:secret@a:1,b/wz?sentinel_password=secret",
            "redis+sentinel://...@a:1,b/wz?sentinel_password=...",
        ),
        ("redis+sentinel://a,b/wz?sentinel_username=secret", "redis+sentinel://a,b/wz?sentinel_username=..."),
    ],
)
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
    assert "secret" not in wz_settings(WZ_REDIS_URL=address).output


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(":secret@h:6379", id="no scheme"),
        pytest.param("redis:/:secret@h", id="a slash is missing"),
        pytest.param("http://:secret@h", id="another scheme"),
        pytest.param("redis://:a\nsecret@h:6379", id="a line break"),
        pytest.param("redis://h?pass%77ord=secret", id="an option in %-codes"),
        pytest.param("redis://h?secret=1", id="no such option"),
        pytest.param("redis://h?password=a&password=secret", id="an option twice"),
        pytest.param("redis://user:secret@[::1", id="a broken IPv6 address"),
        pytest.param("redis://:secret@h:port", id="no number of a port"),
        pytest.param("redis://:secret#x@h:6379", id="a # in the password"),
        pytest.param("redis://:secret/x@h:6379", id="a slash in the password"),
        pytest.param("redis+sentinel://:secret@h", id="no name of a primary"),
    ],
)
@pytest.mark.parametrize("variable", ["WZ_REDIS_URL", "WZ_HUBS_CLUSTER"])
def test_nothing_of_an_address_that_is_wrong_is_shown(variable: str, address: str) -> None:
    assert without_password(address) == "(hidden)"
    result = wz_settings(**{variable: address})
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"Error: {variable}: ")
    assert "secret" not in result.output


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "the address does not begin with a scheme"),
        ("redis://[", "the host in the address is not valid: write redis://host:port"),
        ("redis://h:99999", "the port in the address is not a number from 1 to 65535"),
        ("unix://", "the address names no socket"),
        ("redis://h:6379 ", "the address has a space"),
        (f"redis://h/{'9' * 5000}", "the database in the address is above 2147483647"),
        ("redis://h?nonsense=1", "option 1 of the address is not one of db, username,"),
        ("redis://h?db=1&ssl=1", "option 2 of the address is not one of"),
        ("redis://h?ssl_ca_certs=a.pem", "option 1 of the address is not one of"),
        ("redis://h?retry=5", "option 1 of the address is not one of"),
        ("redis://h?decode_responses=1", "option 1 of the address is not one of"),
        ("redis://h?socket_timeout=-1", "the option socket_timeout of the address must be a number of seconds above 0"),
        ("redis://h?socket_timeout=0", "the option socket_timeout of the address must be"),
        ("redis://h?socket_timeout=abc", "the option socket_timeout of the address must be"),
        ("redis://h?socket_timeout=", "the option socket_timeout of the address must be"),
        ("redis://h?client_name=a%20b", "the option client_name of the address must be a text without spaces"),
        ("redis://h?health_check_interval=x", "the option health_check_interval of the address must be a whole number"),
        ("redis://h?max_connections=0", "the option max_connections of the address must be a number from 1"),
        ("rediss://h?ssl_cert_reqs=maybe", "the option ssl_cert_reqs of the address must be none, optional or"),
        ("redis://h?sentinel_password=x", "option 1 of the address is not one of"),
        ("redis+sentinel://h:1", "the address does not name the primary, as its Sentinels call it: write redis://"),
        ("redis+sentinel://h:1/a/b", "the address does not name the primary, as its Sentinels call it"),
        ("redis+sentinel:///wz", "the address names a Sentinel without a host"),
        ("redis+sentinel://h:1,,h:2/wz", "the address names a Sentinel without a host"),
        ("redis+sentinel://h:1,h:x/wz", "the port in the address is not a number from 1 to 65535"),
    ],
)
def test_what_is_wrong_with_an_address_is_told(address: str, message: str) -> None:
    assert wz_settings(WZ_REDIS_URL=address).stderr.startswith(f"Error: WZ_REDIS_URL: {message}")


@pytest.mark.parametrize(
    "address",
    [
        "redis://h:6380/3?socket_timeout=0.5&socket_connect_timeout=2&max_connections=9&health_check_interval=30",
        "redis://user:p%2Fw@[::1]:6379?client_name=ours&socket_keepalive=true",
        "rediss://h?ssl_ca_certs=/a/b.pem&ssl_cert_reqs=required&ssl_check_hostname=false&username=u",
        "unix:///my folder/redis.sock?db=2",
        "redis+sentinel://user:p%2Fw@a:26379,b,[::1]:26380/my-primary.1?db=3&sentinel_username=s&socket_timeout=1",
    ],
)
def test_what_is_right_with_an_address(address: str) -> None:
    assert rows(WZ_REDIS_URL=address)["WZ_REDIS_URL"]["value"] == without_password(address) != "(hidden)"
    redis_client(Settings.from_environ({"WZ_REDIS_URL": address}))


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param({"WZ_RELAYS": "9" * 5000}, "WZ_RELAYS: '999", id="a number"),
        pytest.param({"WZ_HUBS": f"a:{'9' * 5000}"}, "WZ_HUBS: 'a:999", id="partitions"),
        pytest.param({"WZ_JOBS": "a" * 5000}, "WZ_JOBS: 'aaa", id="a folder"),
        pytest.param({"WZ_UPSTREAM_CA": "a" * 5000}, "WZ_UPSTREAM_CA: there is no file 'aaa", id="a file"),
    ],
)
def test_a_text_of_thousands_of_letters_is_refused_in_a_short_line(environ: dict[str, str], message: str) -> None:
    result = wz_settings(**environ)

    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 400


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe")
    file.chmod(0o600)

    result = wz_settings(WZ_CONNECTION_STRING_FILE=str(file))
    assert result.stderr == f"Error: WZ_CONNECTION_STRING_FILE: {str(file)!r} is not a text in UTF-8\n"


def test_what_is_wrong_is_told_and_the_rest_is_shown() -> None:
    result = wz_settings(WZ_RELAYS="0", WZ_UPSTREAM="Endpoint=sb://a/;SharedAccessKey=secret", WZ_RETENTION="7d")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: WZ_UPSTREAM: connection string: SharedAccessKeyName is missing",
        "Error: WZ_RELAYS: '0': write a number from 1 to 64",
    ]
    assert "secret" not in result.output
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("WZ_RETENTION ")] == ["7d"]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
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
