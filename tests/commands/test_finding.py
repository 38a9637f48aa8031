"""Where a command looks for the service: what the environment says, then the `wz up` of this folder or of one above."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import Result

from pipeline.settings import DATABASES, Settings
from pipeline.store.client import MARKER, redis_client

from ..stack import ROOT
from .calling import run


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WZ_ENVIRONMENT", "WZ_REDIS_URL", "WZ_CONNECTION_STRING", "WZ_CONNECTION_STRING_FILE", "WZ_STATE"):
        monkeypatch.delenv(name, raising=False)


def wz(*args: str, **environ: str) -> Result:
    return run(args, **environ)


# -- the folder -------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, settings: Settings, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder .wz as a `wz up` leaves it while it runs; the test's folder is two below it."""
    folder = tmp_path / ".wz"
    folder.mkdir(mode=0o700)
    environ = {"WZ_REDIS_URL": settings.redis_url, "WZ_ENVIRONMENT": settings.environment}
    (folder / "service.json").write_text(json.dumps({"pid": 1, "environ": environ, "processes": []}))
    (folder / "connection-string").write_text(str(ROOT))
    (folder / "connection-string").chmod(0o600)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return folder


@pytest.fixture
def _a_hub(redis: redis_py.Redis, settings: Settings) -> None:
    wz("hub", "create", "orders", WZ_REDIS_URL=settings.redis_url, WZ_ENVIRONMENT=settings.environment)


@pytest.mark.usefixtures("_a_hub")
@pytest.mark.parametrize(
    "args", [("hub", "list"), ("rule", "list"), ("token",), ("rule", "add", "r", "--right", "Send")], ids=" ".join
)
def test_a_command_below_the_folder_finds_redis_and_key(state: Path, args: tuple[str, ...]) -> None:
    result = wz(*args)

    assert result.exit_code == 0, result.output
    assert ("orders" in result.output) == (args == ("hub", "list"))


@pytest.mark.usefixtures("_a_hub")
def test_the_environment_comes_first(state: Path, tmp_path: Path) -> None:
    """Also in what it does not say: the address of one service and the environment of another are never mixed."""
    result = wz("hub", "list", WZ_REDIS_URL=f"unix://{tmp_path}/none.sock")

    assert (result.exit_code, "none.sock" in result.output) == (1, True)
    shown = json.loads(wz("settings", "--json", WZ_REDIS_URL=f"unix://{tmp_path}/none.sock").stdout)
    assert {row["variable"]: row["value"] for row in shown}["WZ_ENVIRONMENT"] == "development"


def test_settings_say_where_they_come_from(state: Path) -> None:
    shown = {row["variable"]: row["origin"] for row in json.loads(wz("settings", "--json").stdout)}

    assert shown["WZ_REDIS_URL"] == shown["WZ_ENVIRONMENT"] == str(state / "service.json")
    assert shown["WZ_CONNECTION_STRING"] == str(state / "connection-string")


@pytest.mark.usefixtures("_a_hub")
def test_a_folder_can_be_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")

    assert "orders" in wz("hub", "list", WZ_STATE=str(state)).output


def test_a_redis_that_has_gone_is_said_with_the_file_that_names_it(state: Path, tmp_path: Path) -> None:
    environ = {"WZ_REDIS_URL": f"unix://{tmp_path}/none.sock"}
    (state / "service.json").write_text(json.dumps({"environ": environ}))

    result = wz("hub", "list")

    assert result.exit_code == 1
    assert result.output.endswith(f"(said by {state / 'service.json'}: see `wz status`)\n")
    assert result.output.count("\n") == 1


# -- the database -----------------------------------------------------------------------------------------------------


@pytest.fixture
def production(
    settings: Settings, redis: redis_py.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """A service in the database of production, seen from a shell that does not say so."""
    monkeypatch.chdir(tmp_path)
    found = replace(settings, environment="production")
    redis_client(found).set(MARKER, "production")  # a connection that is kept would not do it again
    assert wz("hub", "create", "orders", WZ_REDIS_URL=found.redis_url, WZ_ENVIRONMENT="production").exit_code == 0
    yield found
    redis_client(found).flushdb()
    with redis_py.Redis.from_url(found.redis_url, db=DATABASES["development"]) as client:
        client.flushdb()


NOTE = (
    "database 1, of the environment development, is empty, but production has database 4 with data: "
    "set WZ_ENVIRONMENT to the one that you mean\n"
)


@pytest.mark.parametrize(
    "args", [("hub", "status"), ("hub", "list"), ("job", "status"), ("rule", "list")], ids=" ".join
)
def test_who_reads_an_empty_database_beside_another_is_told(production: Settings, args: tuple[str, ...]) -> None:
    for _ in range(2):  # the first one may have left its marker
        result = wz(*args, WZ_REDIS_URL=production.redis_url, WZ_CONNECTION_STRING=str(ROOT))

        assert (result.exit_code, result.stderr) == (0, f"Note: {NOTE}")


@pytest.mark.parametrize(
    "args", [("rule", "add", "ops", "--right", "Send"), ("hub", "create", "h"), ("job", "put", ".")], ids=" ".join
)
def test_who_would_write_into_it_is_refused(production: Settings, args: tuple[str, ...]) -> None:
    environ = {"WZ_REDIS_URL": production.redis_url, "WZ_CONNECTION_STRING": str(ROOT)}
    result = wz(*args, **environ)

    assert (result.exit_code, result.stderr) == (1, f"Error: {NOTE}")
    if args[0] != "job":
        assert wz(*args, **environ, WZ_ENVIRONMENT="development").exit_code == 0


def test_who_names_an_empty_environment_is_told_as_well(production: Settings) -> None:
    result = wz("hub", "list", WZ_REDIS_URL=production.redis_url, WZ_ENVIRONMENT="development")

    assert result.stderr == f"Note: {NOTE.partition(':')[0]}\n"


def test_who_numbers_the_database_is_told_nothing(production: Settings) -> None:
    assert wz("hub", "list", WZ_REDIS_URL=f"{production.redis_url}?db=1").stderr == ""
